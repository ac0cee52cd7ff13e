"""The whole system in one process on virtual time, from a seed: the daemon, the exchange, and everything between."""
