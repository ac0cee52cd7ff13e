"""Where chance comes from: one seed, and a stream of its own for each purpose, so that none disturbs another."""

from random import Random


def seeded(seed: int, purpose: str) -> Random:
    """A source of chance; Python seeds it with a hash of the text that is the same everywhere."""
    return Random(f"{seed} {purpose}")
