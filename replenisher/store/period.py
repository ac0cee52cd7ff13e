"""A part of a ledger's life: from one time on, and until another one, which is none of it."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import ColumnElement


class Period(msgspec.Struct, frozen=True):
    """Nanoseconds since the epoch; where one is None there is no border on that side."""

    since: int | None = None
    until: int | None = None

    def has(self, at: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """What a query asks of its rows' time."""
        if self.since is not None:
            yield at >= self.since
        if self.until is not None:
            yield at < self.until

    def holds(self, at: int) -> bool:
        """Whether this time is in it."""
        return (self.since is None or at >= self.since) and not self.is_over(at)

    def is_over(self, at: int) -> bool:
        """Whether it has ended by then."""
        return self.until is not None and at >= self.until

    def meets(self, began: int, ended: int | None) -> bool:
        """Whether something that lasted from then until then, or lasts, did so in it."""
        return self.holds(began) or (not self.is_over(began) and (ended is None or ended > (self.since or 0)))

    @property
    def before(self) -> "Period":
        """All the time before it, which needs a beginning."""
        assert self.since is not None, "what has no beginning has nothing before it"
        return Period(until=self.since)

    def clip(self, at: int) -> int:
        """The time in it, its end included, that is nearest to this one."""
        at = at if self.since is None else max(at, self.since)
        return at if self.until is None else min(at, self.until)


ALWAYS = Period()
