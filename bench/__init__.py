"""Benches: what the daemon costs, measured from outside, on the running program."""
