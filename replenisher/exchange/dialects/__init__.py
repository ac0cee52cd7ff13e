"""The wire languages the simulated exchange speaks, each the venue's side of a real protocol."""
