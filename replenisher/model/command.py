"""The wishes: what the engine asks of a venue, and what it decided not to ask.

Prices are in ticks, quantities in lots. `deadline` is the session time after which a missing answer is itself a fact.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any, final

import msgspec

from replenisher.model.instrument import venue_of
from replenisher.model.order import Side


class Wish(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """What every command is: a value that names one wish."""


class Intent(StrEnum):
    """Why an order is placed or amended."""

    QUOTE = "quote"  # the ladder moved, or is shown for the first time
    REFILL = "refill"  # a fill ate this level


@final
class PlaceOrder(Wish, frozen=True, kw_only=True):
    """Put a post-only limit order on the book; it is refused rather than take."""

    order_id: str
    instrument: str
    strategy: str
    side: Side
    level: int
    price: int
    quantity: int
    intent: Intent
    valid_until: int  # session time after which the venue must refuse it
    deadline: int


@final
class AmendOrder(Wish, frozen=True, kw_only=True):
    """Change price or total quantity (filled lots included) of a resting order."""

    order_id: str
    venue_order_id: str
    instrument: str
    price: int
    quantity: int
    intent: Intent
    valid_until: int
    deadline: int


@final
class CancelOrder(Wish, frozen=True, kw_only=True):
    """Take an order off the book."""

    order_id: str
    venue_order_id: str
    instrument: str
    deadline: int


class MoveSlot(Wish, frozen=True, kw_only=True):
    """An order serves another level of its own ladder from now on. Nothing is sent."""

    order_id: str
    level: int


class Denied(Wish, frozen=True, kw_only=True):
    """A wish that our own gate refused; recorded when the reason of its slot changes. Nothing is sent."""

    instrument: str
    strategy: str
    side: Side
    level: int
    price: int
    quantity: int
    reason: str


class Pause(Wish, frozen=True, kw_only=True):
    """Show nothing for a while, or until an operator resumes. A latch: it outlives the process. Nothing is sent."""

    reason: str
    until: int  # session time; 0 is until an operator resumes
    strategy: str = ""  # only this one; empty is all of them
    reduces: bool = False  # whether what makes the position smaller may still be shown

    def is_over(self, at: int) -> bool:
        """Whether it has ended by itself."""
        return self.until != 0 and at >= self.until


class HaltCause(StrEnum):
    """What went so wrong that a human must look before anything is shown again."""

    LOSS = "loss"  # more was lost in a day than may be
    POSITION = "position"  # filled beyond its limit
    UNEXPLAINED_POSITION = "unexplained_position"  # not what our fills say
    MESSAGE_RATE = "message_rate"  # more requests than anybody meant to send
    REPEATED_EXECUTION = "repeated_execution"  # a strategy was filled more often than anybody meant
    CLOCK_SKEW = "clock_skew"  # the venue's clock and ours are too far apart
    LOOP_LAG = "loop_lag"  # we look at what happens too late, again and again
    KEY = "key"  # the venue has taken back what it allowed us


class Halt(Wish, frozen=True, kw_only=True):
    """Show nothing until an operator says why it may go on. It ends the life, and outlives it. Nothing is sent."""

    cause: HaltCause
    reason: str
    instrument: str = ""  # that it is about, if it is about one


class TakenOver(Wish, frozen=True, kw_only=True):
    """A part of a position that no fill of ours explains counts as ours from now on, but as no strategy's.

    It is what stood there before our first fill, or what an operator has accepted. Nothing is sent.
    """

    instrument: str
    amount: Decimal  # in the wire amount, negative is short
    price: Decimal  # at which it counts as entered


class DayMarked(Wish, frozen=True, kw_only=True):
    """Where the P&L of a day began at one venue; its loss is counted from here. Nothing is sent."""

    venue: str
    day: int  # since the epoch, UTC
    pnl_quote: float
    of: dict[str, float] = {}  # by instrument; those of which another life knows nothing do not count there


class PositionMarked(Wish, frozen=True, kw_only=True):
    """Where the others stand on an instrument of which we hold something. Nothing is sent."""

    instrument: str
    bid: int  # their best ones, in ticks
    ask: int


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a strategy did not meet its obligations."""

    since: int
    reason: str  # with which it began
    until: int = 0  # 0 while it lasts
    held_ns: dict[str, int] = {}  # how long for each reason, in the order in which they first came


class PresenceCounted(Wish, frozen=True, kw_only=True):
    """For how long a strategy has met its obligations up to `at`, and how it stands from there on. Nothing is sent.

    Times in which the instrument traded, and the part of them in which the obligations were met; of one hour and of its
    day, so far.
    """

    strategy: str
    instrument: str
    epoch: int  # of the life that counted it
    at: int
    hour: int  # since the epoch, UTC
    hour_ns: int = 0
    hour_met_ns: int = 0
    day_ns: int = 0
    day_met_ns: int = 0
    missing: str = ""  # why they are not met from here on; empty while they are
    is_closed: bool = False  # whether the instrument does not trade, so that no time counts from here on
    breach: Breach | None = None  # the one that lasts, or has just ended


class SignalsDumped(Wish, frozen=True, kw_only=True):
    """What the signals of a market have seen so far, so that the next life may go on from there. Nothing is sent."""

    instrument: str
    tick: Decimal  # in which they count
    lot: Decimal
    dumps: dict[str, list[float]]  # by specification


class AskOpenOrders(Wish, frozen=True, kw_only=True):
    """Which orders of our account rest?

    `scope` is what a question is about: an instrument, or a venue, which is all that we trade there. A venue of which
    one answer tells so much (`Setup.scope`) is asked once, however many instruments there are.
    """

    scope: str = msgspec.field(name="instrument")  # so it is called in journals
    deadline: int
    asked_at: int = 0  # session time; the answer says it again, as it may be to a question from before

    @property
    def subject(self) -> str:
        """What is asked about."""
        return self.scope


class AskOrder(Wish, frozen=True, kw_only=True):
    """What became of this order?"""

    order_id: str
    instrument: str
    deadline: int
    placed_at: int = 0  # not before: nobody need look further back

    @property
    def subject(self) -> str:
        """What is asked about."""
        return self.order_id


class AskTrades(Wish, frozen=True, kw_only=True):
    """Which executions of ours happened at or after `since` (venue time)? Answered in pages."""

    scope: str = msgspec.field(name="instrument")
    since: int
    deadline: int

    @property
    def subject(self) -> str:
        """What is asked about."""
        return self.scope


class AskPosition(Wish, frozen=True, kw_only=True):
    """What is our position? Each instrument of the scope has an answer of its own."""

    scope: str = msgspec.field(name="instrument")
    deadline: int

    @property
    def subject(self) -> str:
        """What is asked about."""
        return self.scope


class AskCash(Wish, frozen=True, kw_only=True):
    """What cash in this currency has moved without a fill at or after `since` (venue time)?"""

    venue: str
    currency: str
    since: int
    deadline: int

    @property
    def subject(self) -> str:
        """What is asked about."""
        return self.currency


class AskBalance(Wish, frozen=True, kw_only=True):
    """What is our cash in this currency?"""

    venue: str
    currency: str
    deadline: int

    @property
    def subject(self) -> str:
        """What is asked about."""
        return self.currency


Question = AskOpenOrders | AskOrder | AskTrades | AskPosition | AskCash | AskBalance
OrderCommand = PlaceOrder | AmendOrder | CancelOrder
LocalCommand = (
    MoveSlot | Denied | Pause | Halt | TakenOver | DayMarked | PositionMarked | PresenceCounted | SignalsDumped
)
Command = OrderCommand | LocalCommand | Question

# What each command that leaves is about: an instrument, a scope or a venue. No other command leaves.
ABOUT: dict[type[Command], Callable[[Any], str]] = {
    **dict.fromkeys((PlaceOrder, AmendOrder, CancelOrder, AskOrder), attrgetter("instrument")),
    **dict.fromkeys((AskOpenOrders, AskTrades, AskPosition), attrgetter("scope")),
    **dict.fromkeys((AskCash, AskBalance), attrgetter("venue")),
}


def addressee(command: Command) -> str:
    """The venue that a command is for; empty for one that does not leave us."""
    about = ABOUT.get(type(command))
    return "" if about is None else venue_of(about(command))
