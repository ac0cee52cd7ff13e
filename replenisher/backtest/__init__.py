"""The past: the engine that trades and the exchange's own core, on one virtual timeline, with nothing between them."""
