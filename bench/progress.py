"""A word now and then from what takes long, so that whoever waits knows how far it is."""

import sys
import time

EVERY_S = 2.0


class Progress:
    """Says how far something is, no more often than asked for."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._said_at = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time for a word; who asks says it."""
        now = time.monotonic()
        is_due = now - self._said_at > self._every_s
        if is_due:
            self._said_at = now
        return is_due

    def say(self, how_far: str) -> None:
        """Print a line on stderr if it is time."""
        if self.is_due():
            print(how_far, file=sys.stderr, flush=True)
