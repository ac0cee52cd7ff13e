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
    INVALID_AMOUNT = "invalid_amount"
    INVALID_PRICE = "invalid_price"
    WRONG_TICK = "wrong_tick"
    POST_ONLY = "post_only"
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
    mark: Decimal  # when it happened, as is the index
    index: Decimal
    at: int


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """A position as its owner is shown it; size is negative when short."""

    instrument: str
    size: Decimal
    average_price: Decimal
    realized: Decimal  # since the account was opened


class BookLevel(msgspec.Struct, frozen=True):
    """One changed level of the public book; amount 0 with DELETE."""

    action: Action
    price: Decimal
    amount: Decimal


class BookUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One public book change; `change_id` is one counter over all instruments."""

    instrument: str
    at: int
    change_id: int
    previous_change_id: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole public book as of `change_id`; best level first."""

    instrument: str
    at: int
    change_id: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """One public trade."""

    instrument: str
    trade_id: str
    trade_seq: int
    at: int
    price: Decimal
    amount: Decimal
    taker: Side
    mark: Decimal  # when it happened, as is the index
    index: Decimal


class AccountUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What one event did to one account on one instrument: told at once, as one frame."""

    account: str
    instrument: str
    orders: tuple[OrderView, ...]
    trades: tuple[TradeView, ...]
    position: PositionView | None


class InstrumentClosed(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument stopped trading for good: its tape has ended."""

    instrument: str
    at: int


Report = BookUpdate | Print | AccountUpdate | InstrumentClosed


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to place, amend and cancel: the order and what it traded at once, or why not."""

    order: OrderView | None
    trades: tuple[TradeView, ...] = ()
    refusal: Refusal | None = None


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account's cash in one currency."""

    account: str
    currency: str
    balance: Decimal
    available: Decimal


class InstrumentView(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument with what the exchange charges for it; rates are fractions, negative is a rebate."""

    instrument: Instrument
    maker_rate: Decimal
    taker_rate: Decimal
    is_open: bool
    expires_at: int | None = None  # nanoseconds; None for what never ends
