"""The turns: which strategies wait for credits of their venue, so that each gets some.

A place takes a credit more than an amend, as its cancel is kept too. So who only moves orders would spend each credit
before two have come together, and what is not there yet, a whole ladder or a level that was eaten, would never be. So
who has waited longer is left what a place takes, and is the last in line once a request of theirs was paid.
"""

from itertools import takewhile

PLACE = 2  # credits: of the order, and of its cancel


class Turns:
    """The strategies that wait, who has waited longest first."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}  # strategy -> venue

    def kept(self, strategy: str, venue: str) -> int:
        """What one must leave to those before it."""
        before = takewhile(lambda waiting: waiting[0] != strategy, self.waiting.items())
        return PLACE * sum(each == venue for _strategy, each in before)

    def wait(self, strategy: str, venue: str) -> None:
        """One could not be paid; who waits already keeps the place in line."""
        self.waiting.setdefault(strategy, venue)

    def over(self, strategy: str) -> None:
        """One was paid, or wants nothing any more."""
        self.waiting.pop(strategy, None)
