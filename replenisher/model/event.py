"""The facts: everything that can happen to us. A fact is never edited and never sent back.

`at` is session time, stamped once at the border when we learn of the fact; `venue_time` is the venue's own clock.
Both are nanoseconds since the epoch, UTC. `instrument` is always an instrument's key, `venue/name`.
What we ask for (prices and quantities of orders and book levels) is in integer ticks and lots; what we have
(fills, positions, balances) is exact decimals in the venue's wire amount.
"""

from decimal import Decimal
from enum import StrEnum
from typing import final

import msgspec

from replenisher.model.command import HaltCause
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Mandate
from replenisher.model.order import Liquidity, Request, Side, Status

Level = tuple[int, int]  # (price in ticks, quantity in lots); quantity 0 removes the level


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """What every fact has: the session time at which we learned of it."""

    at: int


# --- Our own life ------------------------------------------------------------------------------------------------


class Started(Fact, frozen=True, kw_only=True):
    """A life of the daemon began. The first fact of every life."""

    epoch: int  # strictly larger than that of every earlier life
    namespace: str  # first three characters of every client order id of ours
    config_version: str  # fingerprint of the configuration in force
    accounts: dict[str, str]  # venue -> account key
    mandates: dict[str, Mandate] = {}  # by strategy, for the record


class Ended(Fact, frozen=True, kw_only=True):
    """This life came to an end, and is asked for nothing more. The last fact of every life that was not cut off."""

    exit_code: int  # unless rows are left to write
    reason: str
    is_verified: bool  # whether every venue has said that nothing of ours rests
    may_rest: tuple[str, ...]  # orders


class Woke(Fact, frozen=True, kw_only=True):
    """A deadline that the engine named has come."""


class ClockStepped(Fact, frozen=True, kw_only=True):
    """The wall clock moved against session time; session time itself never steps."""

    step_ns: int


class Suspended(Fact, frozen=True, kw_only=True):
    """The process did not run for `gap_ns`: every feed counts as lost until it speaks again."""

    gap_ns: int


class LoopLagged(Fact, frozen=True, kw_only=True):
    """We looked at what had arrived, or at what was due, by `lag_ns` too late; it is told before any of that is."""

    lag_ns: int


class JournalBlocked(Fact, frozen=True, kw_only=True):
    """The journal cannot be written: what is decided waits in memory, and only cancels and questions leave."""

    reason: str


class JournalFreed(Fact, frozen=True, kw_only=True):
    """The journal is written again, all that had waited first."""


class LeaseHeld(Fact, frozen=True, kw_only=True):
    """Nobody else trades on our accounts: their leases are ours, again or for the first time in this life."""


class LeaseLost(Fact, frozen=True, kw_only=True):
    """A lease is ours no more, or may not be, as it could not be renewed: nothing is shown until it is held again."""

    reason: str


class HaltInherited(Fact, frozen=True, kw_only=True):
    """A life that does not share our journal halted an account of ours, and no operator has lifted that yet."""

    cause: HaltCause
    reason: str


class SignalDump(msgspec.Struct, frozen=True, kw_only=True):
    """What one signal had seen at some time."""

    specification: str
    tick: Decimal  # in which it counts
    lot: Decimal
    saved_at: int
    numbers: tuple[float, ...]


class SignalsRemembered(Fact, frozen=True, kw_only=True):
    """What the signals of a market had seen when an earlier life last recorded them."""

    instrument: str
    dumps: tuple[SignalDump, ...]


class SweepEnded(Fact, frozen=True, kw_only=True):
    """One side of a book came back from a sweep, or not, and is not watched any more. It decides nothing."""

    instrument: str
    side: Side  # that was hit
    band_bps: float  # of the mid, within which depth counts; 0 is the touch
    venue_time: int  # of the sweep
    loss: float  # lots
    watched_ns: int
    back: dict[str, float | None]  # by time like "0.5s": what share was back; None if not watched so long
    t50_ns: int | None
    t90_ns: int | None
    flow_per_s: float | None
    own_share: float | None


class HaltsLifted(Fact, frozen=True, kw_only=True):
    """All that our journal has halted for an operator has lifted where they lifted a halt of the account elsewhere."""

    reason: str


# --- The operator ------------------------------------------------------------------------------------------------


class PauseAsked(Fact, frozen=True, kw_only=True):
    """Show nothing until asked to resume."""

    reason: str


class ResumeAsked(Fact, frozen=True, kw_only=True):
    """End every pause; and every halt, if it is said why."""

    reason: str = ""


class CancelAllAsked(Fact, frozen=True, kw_only=True):
    """Pause, and so cancel everything of ours."""


class StopAsked(Fact, frozen=True, kw_only=True):
    """Stop verified-flat."""

    reason: str


# --- Public market data ------------------------------------------------------------------------------------------


class InstrumentDefined(Fact, frozen=True, kw_only=True):
    """The venue defines an instrument, or has changed it."""

    instrument: Instrument


class InstrumentStateChanged(Fact, frozen=True, kw_only=True):
    """An instrument opened for trading, or closed; for good if `is_final`: expired, delisted, or never offered."""

    instrument: str
    is_open: bool
    reason: str
    is_final: bool = False


class BookSnapshot(Fact, frozen=True, kw_only=True):
    """The whole book; whatever we knew before is void. Best level first."""

    instrument: str
    venue_time: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@final
class BookChanged(Fact, frozen=True, kw_only=True):
    """New quantities at some levels of a book we already have."""

    instrument: str
    venue_time: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class FeedLost(Fact, frozen=True, kw_only=True):
    """The book of one instrument can no longer be trusted, until the next snapshot."""

    instrument: str
    reason: str
    heard_at: int = 0  # of a recording: when the last word was heard before it; 0 where nobody says so

    @property
    def since(self) -> int:
        """From when on nobody can say what the book was."""
        return self.heard_at or self.at


@final
class TradePrinted(Fact, frozen=True, kw_only=True):
    """Two others traded (or one of them was us: our own fill is told apart, by `OrderFilled`)."""

    instrument: str
    venue_time: int
    trade_id: str
    price: int  # ticks
    quantity: int  # lots
    taker: Side


class TickerTold(Fact, frozen=True, kw_only=True):
    """What the venue says that an instrument is worth, and what it costs to hold."""

    instrument: str
    venue_time: int
    index: float | None  # price units; None where the venue has none
    mark: float | None
    funding_8h: float | None  # the rate of eight hours, positive when longs pay; of perpetuals


class PriceTold(Fact, frozen=True, kw_only=True):
    """A price that was asked for over HTTP."""

    source: str  # its name in the configuration
    price: float  # price units
    asked_at: int  # session time: so old it may be


class PriceFailed(Fact, frozen=True, kw_only=True):
    """There was no answer to that question, or one that is no price: the one before gets older."""

    source: str
    reason: str


class LinkAlive(Fact, frozen=True, kw_only=True):
    """The venue's public connection answered: a book that did not change is still today's."""

    venue: str


class ClockOffset(Fact, frozen=True, kw_only=True):
    """Measured: the venue's clock minus session time."""

    venue: str
    offset_ns: int


# --- Our private session -----------------------------------------------------------------------------------------


class SessionOpened(Fact, frozen=True, kw_only=True):
    """The private connection is up, logged in, subscribed, and its dead-man switch verified."""

    venue: str


class SessionLost(Fact, frozen=True, kw_only=True):
    """The private connection is gone; every request without an answer stays without one."""

    venue: str
    reason: str
    is_refusal: bool = False  # of our key, or of what it may do: asking again with the same one is no use


class CoverLost(Fact, frozen=True, kw_only=True):
    """No order placed so far is covered by the venue's dead-man switch any more: their connection was retired."""

    venue: str


class CancelsSent(Fact, frozen=True, kw_only=True):
    """Without a session, our side of the wire has asked for orders to be canceled over another connection.

    Each of these requests counts against the rate limit as one of our own commands does.
    """

    venue: str
    order_ids: tuple[str, ...]


@final
class OrderWorking(Fact, frozen=True, kw_only=True):
    """The venue says that an order of ours rests, with this price and total quantity."""

    order_id: str
    venue_order_id: str
    venue_time: int
    price: int  # ticks
    quantity: int  # lots, filled ones included
    answers: Request | None = None  # the request of ours that this answers; None on a stream
    valid_until: int = 0  # of that request, by which it is told from others; 0 where that is not known


class RejectReason(StrEnum):
    """Why a venue refused, as far as it decides what we do next."""

    POST_ONLY = "post_only"  # it would have taken
    FUNDS = "funds"
    SIZE = "size"
    PRICE = "price"
    PERMISSION = "permission"
    LOGIN = "login"  # it has lapsed: we log in again, and by that the key is judged
    RATE = "rate"
    HALTED = "halted"  # maintenance, settlement, closed book
    FROZEN = "frozen"  # the venue's own protection of market makers holds, until somebody resets it there
    TOO_LATE = "too_late"  # it reached the venue after `valid_until`
    NOT_OPEN = "not_open"  # amend or cancel of an order that is filled, canceled or was never there
    NOT_SENT = "not_sent"  # it never left us
    OTHER = "other"


class OrderRejected(Fact, frozen=True, kw_only=True):
    """The venue refused a place: the order does not exist."""

    order_id: str
    reason: RejectReason
    message: str


class RequestRejected(Fact, frozen=True, kw_only=True):
    """The venue refused an amend or a cancel: the order is what it was, or (NOT_OPEN) no longer rests."""

    order_id: str
    request: Request
    reason: RejectReason
    message: str


class OutcomeUnknown(Fact, frozen=True, kw_only=True):
    """The venue's answer does not tell whether the request was executed."""

    order_id: str
    request: Request
    message: str


class NotSent(Fact, frozen=True, kw_only=True):
    """A request was dropped before its first byte left: the one ending we may decide ourselves."""

    order_id: str
    request: Request


class OrderCanceled(Fact, frozen=True, kw_only=True):
    """An order of ours no longer rests; what was filled before stays filled."""

    order_id: str
    venue_time: int
    reason: str
    filled: Decimal | None = None  # all that it traded, wire amount; None if that is not told


class OrderExpired(Fact, frozen=True, kw_only=True):
    """The venue ended an order of ours by its own rule."""

    order_id: str
    venue_time: int
    reason: str
    filled: Decimal | None = None  # all that it traded, wire amount; None if that is not told


@final
class OrderFilled(Fact, frozen=True, kw_only=True):
    """One execution of ours. Identified by (venue, account, instrument, trade id, side); told any number of times."""

    instrument: str
    order_id: str  # empty if the order is not one of ours by name
    venue_order_id: str
    venue_time: int
    trade_id: str
    side: Side
    price: Decimal
    amount: Decimal  # in the wire amount, positive
    fee: Decimal  # negative is a rebate
    fee_currency: str
    liquidity: Liquidity


class CashKind(StrEnum):
    """Why money moved without a fill."""

    FUNDING = "funding"
    SETTLEMENT = "settlement"
    DELIVERY = "delivery"
    TRANSFER = "transfer"
    FEE = "fee"
    LIQUIDATION = "liquidation"


class CashMoved(Fact, frozen=True, kw_only=True):
    """Money came or went without a fill."""

    venue: str
    kind: CashKind
    currency: str
    amount: Decimal
    realized: Decimal = Decimal(0)  # the part of it that fills had realized before
    venue_time: int
    venue_id: str
    instrument: str = ""  # on whose position; empty if it was about none


# --- The venue's answers to our questions (sync) -----------------------------------------------------------------


class OrderReport(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order as the venue shows it when asked."""

    order_id: str  # the label; empty if it has none
    venue_order_id: str
    instrument: str
    side: Side
    price: int  # ticks
    quantity: int  # lots, filled ones included
    filled: Decimal
    status: Status
    venue_time: int
    reason: str = ""


class OpenOrdersReported(Fact, frozen=True, kw_only=True):
    """All orders of our account that rest on one instrument, or on all that we trade there, whoever placed them."""

    scope: str = msgspec.field(name="instrument")  # as in the question
    asked_at: int = 0  # session time of the question: of what happened later it proves nothing
    orders: tuple[OrderReport, ...]


class OrderReported(Fact, frozen=True, kw_only=True):
    """The state of one order we asked for, as of the venue's own clock."""

    order: OrderReport
    venue_time: int


class OrderNotFound(Fact, frozen=True, kw_only=True):
    """The venue, asked, knows no order by this client order id, as of its own clock."""

    order_id: str
    venue_time: int
    reason: str = ""  # where it may have been there all the same, and is over


class TradesReported(Fact, frozen=True, kw_only=True):
    """One page of our own executions, those of an instrument oldest first.

    If it `has_more`, the next question goes on where it ends. If not, all of the scope was told.
    """

    scope: str = msgspec.field(name="instrument")  # as in the question
    fills: tuple[OrderFilled, ...]
    has_more: bool


class PositionReported(Fact, frozen=True, kw_only=True):
    """Our position in one instrument, as the venue sees it."""

    instrument: str
    amount: Decimal  # in the wire amount, negative is short
    average_price: Decimal = Decimal(0)  # what it cost; 0 where the venue does not say


class BalanceReported(Fact, frozen=True, kw_only=True):
    """Our cash in one currency, as the venue sees it, and what fills have made that is no cash before a settlement."""

    venue: str
    currency: str
    balance: Decimal
    unsettled: Decimal = Decimal(0)
    venue_time: int = 0  # as of when; 0 where the venue does not say


class RateGranted(Fact, frozen=True, kw_only=True):
    """How often the venue lets our account ask for orders now, whatever the configuration says: it may have fallen."""

    venue: str
    per_s: float
    burst: float


class CashReported(Fact, frozen=True, kw_only=True):
    """All that moved our cash in one currency without a fill has been told, up to `venue_time`."""

    venue: str
    currency: str
    venue_time: int


class QuestionFailed(Fact, frozen=True, kw_only=True):
    """A question of ours was not answered, or refused; it is asked again later."""

    venue: str
    question: str  # the command's class name
    subject: str  # the order id, the scope or the currency asked about
    message: str


MarketEvent = (
    InstrumentDefined
    | InstrumentStateChanged
    | BookSnapshot
    | BookChanged
    | FeedLost
    | TradePrinted
    | TickerTold
    | PriceTold
    | PriceFailed
    | LinkAlive
    | ClockOffset
)
OrderEvent = (
    OrderWorking
    | OrderRejected
    | RequestRejected
    | OutcomeUnknown
    | NotSent
    | OrderCanceled
    | OrderExpired
    | OrderFilled
)
SyncEvent = (
    OpenOrdersReported
    | OrderReported
    | OrderNotFound
    | TradesReported
    | PositionReported
    | BalanceReported
    | RateGranted
    | CashReported
    | QuestionFailed
)
SessionEvent = SessionOpened | SessionLost | CancelsSent | CoverLost | CashMoved
OperatorEvent = PauseAsked | ResumeAsked | CancelAllAsked | StopAsked
LifeEvent = (
    Started
    | Ended
    | Woke
    | ClockStepped
    | Suspended
    | LoopLagged
    | JournalBlocked
    | JournalFreed
    | LeaseHeld
    | LeaseLost
    | HaltInherited
    | SignalsRemembered
    | SweepEnded
    | HaltsLifted
)
Event = MarketEvent | OrderEvent | SyncEvent | SessionEvent | OperatorEvent | LifeEvent
