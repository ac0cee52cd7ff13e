"""The exchange's words: what it is asked, what it answers, and what it reports. Everything here is a value.

Prices and amounts are exact decimals in the venue's wire units; times are nanoseconds since the epoch, UTC.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side


class Action(StrEnum):
    """What happened to one level of the public book."""

    NEW = "new"
    CHANGE = "change"
    DELETE = "delete"


class Refusal(StrEnum):
    """Why the exchange does not do what it was asked; a dialect gives each its own code."""

    UNKNOWN_INSTRUMENT = "unknown_instrument"
    BOOK_CLOSED = "book_closed"
    LOCKED = "locked"
    MAINTENANCE = "maintenance"
    SETTLING = "settling"
    INVALID_AMOUNT = "invalid_amount"
    AMOUNT_TOO_LOW = "amount_too_low"
    COST_TOO_LOW = "cost_too_low"
    INVALID_PRICE = "invalid_price"
    WRONG_TICK = "wrong_tick"
    PRICE_TOO_LOW = "price_too_low"
    PRICE_TOO_HIGH = "price_too_high"
    POST_ONLY = "post_only"
    POST_ONLY_NOT_ALLOWED = "post_only_not_allowed"
    REDUCE_ONLY = "reduce_only"
    OVERLAP = "overlap"
    MMP_FROZEN = "mmp_frozen"
    FUNDS = "funds"
    ORDER_NOT_FOUND = "order_not_found"
    NOT_OPEN = "not_open"
    NOT_OWNER = "not_owner"
    TOO_LATE = "too_late"


class OrderType(StrEnum):
    """How an order meets the book."""

    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(StrEnum):
    """How long an order may rest."""

    GTC = "good_til_cancelled"
    IOC = "immediate_or_cancel"
    FOK = "fill_or_kill"


class InstrumentState(StrEnum):
    """Whether an instrument trades, and if not, whether it ever will again."""

    OPEN = "open"
    LOCKED = "locked"  # orders are cancelled, and none is taken; what rests may trade
    HALTED = "halted"  # nothing at all happens
    SETTLEMENT = "settlement"  # for the moment in which positions are settled
    MAINTENANCE = "maintenance"  # nothing at all happens, and once it is so everywhere the platform says that it is why
    SHUT = "shut"  # likewise, and once it is so everywhere nobody is let in
    CLOSED = "closed"  # for good: its market has ended
    DELIVERED = "delivered"  # for good: it has expired, and its positions are paid out

    @property
    def is_final(self) -> bool:
        """Whether it never trades again."""
        return self in FINAL


FINAL = (InstrumentState.CLOSED, InstrumentState.DELIVERED)
IN_MAINTENANCE = (InstrumentState.MAINTENANCE, InstrumentState.SHUT)
STILL = (InstrumentState.HALTED, InstrumentState.SETTLEMENT, *IN_MAINTENANCE)  # not even a cancel is taken


class OrderState(StrEnum):
    """Where an order is in its life, in the exchange's eyes."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A new order as a client asks for it."""

    account: str
    connection: str  # orders of a connection are cancelled with it, where its owner asked for that
    instrument: str  # the venue's name of it, e.g. BTC-PERPETUAL
    side: Side
    amount: Decimal
    price: Decimal | None  # None only for a market order
    order_type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reject_post_only: bool = False  # refuse instead of moving the price just inside the spread
    reduce_only: bool = False  # it never makes a position larger, nor turns it over
    mmp: bool = False  # under the account's market maker protection
    mmp_group: str = ""
    label: str = ""
    valid_until: int | None = None  # nanoseconds; later than this it is refused with TOO_LATE
    method: str = ""  # as the client spelled it, for the ledger


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its owner is shown it."""

    order_id: str
    label: str
    account: str
    instrument: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: Decimal | None
    amount: Decimal
    filled_amount: Decimal
    average_price: Decimal
    post_only: bool
    reject_post_only: bool
    reduce_only: bool = False
    mmp: bool = False
    mmp_group: str = ""
    state: OrderState
    created_at: int
    updated_at: int
    replaced: bool = False
    cancel_reason: str = ""


class TradeView(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of an account, as its owner is shown it."""

    trade_id: str
    trade_seq: int  # per instrument, without gaps
    instrument: str
    order_id: str
    label: str
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    realized: Decimal
    order_state: OrderState
    order_type: OrderType
    post_only: bool
    reduce_only: bool = False
    mmp: bool = False
    tick_direction: int = 0
    mark: Decimal  # when it happened, as is the index
    index: Decimal
    at: int


class CashMove(msgspec.Struct, frozen=True, kw_only=True):
    """Money moved without a fill, on one position of an account."""

    account: str
    instrument: str
    kind: str  # funding, settlement or delivery
    currency: str
    amount: Decimal
    realized: Decimal  # what waited for the next settlement before it: of another kind than funding, a part of it
    funding: Decimal  # the part of that which is funding
    price: Decimal  # at which the position was valued
    size: Decimal  # of the position, before it
    at: int


class CashChange(msgspec.Struct, frozen=True, kw_only=True):
    """One time at which an account's cash in one currency moved."""

    number: int  # of the account, counted from 1
    at: int
    currency: str
    kind: str  # deposit, trade, or that of the move
    change: Decimal
    balance: Decimal  # after it
    realized: Decimal  # likewise: what waits for the next settlement
    trade: TradeView | None = None
    move: CashMove | None = None
    position: Decimal = Decimal(0)  # after it, of the instrument that it was about


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """A position as its owner is shown it; size is negative when short."""

    instrument: str
    size: Decimal
    average_price: Decimal
    entry_value: Decimal  # since the last settlement; in the settlement currency, as are the rest
    built_value: Decimal  # what it was built for, whatever was settled since
    realized: Decimal  # since the last settlement, funding included
    funded: Decimal = Decimal(0)  # the part of it that is funding


class BookLevel(msgspec.Struct, frozen=True):
    """One changed level of the public book; amount 0 with DELETE."""

    action: Action
    price: Decimal
    amount: Decimal


class BookUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One public book change; `change_id` is one counter over all instruments.

    One that follows on a change which nobody was told, and has no levels, says that the book is out of sight.
    """

    instrument: str
    at: int
    change_id: int
    previous_change_id: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    finds: bool = False  # the book was out of sight: whoever listens is shown all of it

    @property
    def loses(self) -> bool:
        """Whether the book is out of sight from now on."""
        return not (self.bids or self.asks or self.finds)


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole public book as of `change_id`; best level first."""

    instrument: str
    at: int
    change_id: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    is_lost: bool = False  # out of sight: this is what was seen last


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """One public trade."""

    instrument: str
    trade_id: str
    trade_seq: int
    at: int
    price: Decimal
    amount: Decimal
    taker: Side
    tick_direction: (
        int  # of its price: 0 up, 1 as the one before that went up, 2 down, 3 as the one before that went down
    )
    mark: Decimal  # when it happened, as is the index
    index: Decimal


class AccountUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one event did to one account on one instrument: told at once, as one frame."""

    account: str
    instrument: str
    orders: tuple[OrderView, ...]
    trades: tuple[TradeView, ...]
    position: PositionView | None
    at: int


class InstrumentChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument is in another state."""

    instrument: str
    state: InstrumentState
    at: int


class MmpTriggered(msgspec.Struct, frozen=True, kw_only=True):
    """A group of protected orders has traded too much, and is cancelled."""

    account: str
    index: str
    group: str
    frozen_until: int  # 0: until it is reset
    at: int


Report = BookUpdate | Print | AccountUpdate | InstrumentChanged | MmpTriggered | CashMove


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to place, amend and cancel: the order and what it traded at once, or why not."""

    order: OrderView | None
    trades: tuple[TradeView, ...] = ()
    refusal: Refusal | None = None
    limit: Decimal | None = None  # the price that was exceeded, of a refusal for that


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account's cash in one currency."""

    account: str
    currency: str
    balance: Decimal
    realized: Decimal  # what waits for the next settlement
    unrealized: Decimal  # what its positions would bring at the mark besides
    total: Decimal  # what its positions have gained since they were built
    margin: Decimal  # what its positions and orders hold
    available: Decimal


class InstrumentView(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument as it stands."""

    instrument: Instrument
    maker_rate: Decimal  # rates are fractions, negative is a rebate
    taker_rate: Decimal
    state: InstrumentState
    expires_at: int | None = None  # nanoseconds; None for what never ends

    @property
    def is_open(self) -> bool:
        """Whether it trades now."""
        return self.state is InstrumentState.OPEN
