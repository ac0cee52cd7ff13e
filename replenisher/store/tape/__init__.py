"""Tapes: recorded markets on disk. Ours hold facts, in compressed blocks; others hold raw lines of a venue."""
