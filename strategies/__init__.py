"""One opinion a file. A strategy imports only the strategy port, signals, shared arithmetic and the model."""
