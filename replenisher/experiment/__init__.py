"""Experiments: the shipped models, traded in the worlds of the papers that they come from."""
