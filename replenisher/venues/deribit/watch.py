"""Streams held against what is known from elsewhere: a subscription can be dead on a connection that lives.

Nothing on the wire says so. But whatever the venue answers, or tells on another channel, shows how far a stream must
have come by now; a stream that has not come there within a while is deaf, and everything since then is missing. What is
told on a stream first, as is usual, costs one comparison.
"""

from replenisher.model.units import SECOND_NS
from replenisher.venues.deribit import private

LAG_NS = 2 * SECOND_NS  # how much later than an answer a stream may tell the same
QUIET_NS = 5 * SECOND_NS  # a book that has not changed for so long is asked for
ASKED_EVERY_NS = SECOND_NS  # and all books together no more often than that
TOGETHER_NS = SECOND_NS  # a print and the change of the book that it is come within so long of each other


class Debt:
    """What one stream is known to owe. Places in it are numbers that only rise: change ids, or venue times."""

    __slots__ = ("due", "upto")

    def __init__(self) -> None:
        self.upto = 0
        self.due: int | None = None  # when it must have been told; None while nothing is owed

    def prove(self, upto: int, told: int, at: int) -> None:
        """Something else has shown that the stream must come to `upto`; it has `told` so far."""
        if self.due is None and upto > told:
            self.upto, self.due = upto, at + LAG_NS

    def is_unpaid(self, told: int, at: int) -> bool:
        """Whether it is due and was not told. Either way it is settled then."""
        if self.due is None or at < self.due:
            return False
        self.due = None
        return told < self.upto


class OwnChanges:
    """The channels of our own orders and trades, one for each instrument, by the venue's time in ms."""

    def __init__(self) -> None:
        self.next_look: int | None = None  # when `deaf` has something to look at
        self._told: dict[str, int] = {}
        self._debts: dict[str, Debt] = {}

    def begin(self, name: str, venue_ms: int) -> None:
        """The channel of an instrument tells what happens after this moment."""
        self._told[name] = venue_ms
        self._debts[name] = Debt()

    def forget(self) -> None:
        """The channels are gone."""
        self._told.clear()
        self._debts.clear()
        self.next_look = None

    def told(self, changes: private.Changes) -> None:
        """A channel has told something."""
        told = self._told.get(changes.instrument_name, 0)
        for order in changes.orders:
            told = max(told, order.last_update_timestamp)
        for trade in changes.trades:
            told = max(told, trade.timestamp)
        self._told[changes.instrument_name] = told

    def prove(self, name: str, venue_ms: int, at: int) -> None:
        """An answer shows that something happened to us at that moment."""
        if (debt := self._debts.get(name)) is not None:
            debt.prove(venue_ms, self._told[name], at)
            if self.next_look is None:
                self.next_look = debt.due

    def deaf(self, at: int) -> list[str]:
        """The instruments whose channel has not told what it must."""
        if self.next_look is None or at < self.next_look:
            return []
        deaf = [name for name, debt in self._debts.items() if debt.is_unpaid(self._told[name], at)]
        self.next_look = min((debt.due for debt in self._debts.values() if debt.due is not None), default=None)
        return deaf


class BookWatch:
    """One book whose changes are numbered without a gap: all that can be wrong with it is that they have ended.

    A book that moves proves itself. One that does not is asked for, sooner where a print says that it should have
    moved; and if the venue's answer is ahead of it, the changes have a moment to come. The numbers are shared by many
    books, but an answer has that of its own book's last change: a recorded chain of options has old ones beside new.
    """

    __slots__ = ("_asked_at", "_debt", "_printed_at", "_quiet_ns", "changed_at")

    def __init__(self, books: int) -> None:
        self.changed_at = 0  # session time of the last change
        self._quiet_ns = max(QUIET_NS, books * ASKED_EVERY_NS)
        self.begin(0)

    def begin(self, at: int) -> None:
        """There is a new snapshot."""
        self.changed_at = self._asked_at = at
        self._printed_at: int | None = None
        self._debt = Debt()

    def printed(self, at: int) -> None:
        """Something was traded from the book."""
        if self._printed_at is None:
            self._printed_at = at

    def is_in_doubt(self, at: int) -> bool:
        """Whether the venue should be asked for the book now; if so, it is."""
        if self._printed_at is not None and at >= self._printed_at + TOGETHER_NS:
            has_moved = self.changed_at >= self._printed_at - TOGETHER_NS
            self._printed_at = None
            if not has_moved:
                self._asked_at = at
                return True
        if at < self.changed_at + self._quiet_ns or at < self._asked_at + self._quiet_ns:
            return False
        self._asked_at = at
        return True

    def answered(self, change_id: int, told: int, at: int) -> None:
        """The venue's own book is at this change, and the stream at that one."""
        self._debt.prove(change_id, told, at)

    def is_deaf(self, told: int, at: int) -> bool:
        """Whether the stream did not come to where the venue's own book was."""
        return self._debt.is_unpaid(told, at)
