"""Signals: streaming machines, each of which makes one number of what one market shows."""
