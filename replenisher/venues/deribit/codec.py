"""Deribit's wire, read: frames into typed values. No state, no time of its own.

Public prices and amounts pass through a double and land on the instrument's grid, checked; what is ours (orders,
fills, fees, positions, balances) is decoded as exact decimals straight from the text of the message. Fields we do not
act on are not declared and so not decoded.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from replenisher.model.event import CashKind, CashMoved, Level, OrderFilled, OrderReport
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep, instrument_key
from replenisher.model.order import Liquidity, Side, Status
from replenisher.model.units import MS_NS, US_NS

PLACED_MAX = 65_536  # doubles whose place on a grid is remembered; with one more, all are worked out anew
ON_GRID = 1e-3  # of a tick: what a double may miss by, far below any real price off the grid

# What decoding raises: no JSON, or another shape than ours; no UTF-8; nested without end.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class OffGrid(Exception):
    """A public price that is no multiple of the tick we know."""


# --- Any frame ---------------------------------------------------------------------------------------------------


class WireError(msgspec.Struct, frozen=True, gc=False):
    """Why a request was refused."""

    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw()

    def __str__(self) -> str:
        detail = bytes(self.data).decode(errors="replace")
        return f"{self.code} {self.message}" + (f" {detail}" if detail not in ("", "null") else "")


class Params(msgspec.Struct, frozen=True, gc=False):
    """What a notification carries."""

    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw()


NO_PARAMS = Params()


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One JSON-RPC message: a reply if it has an id, else a notification."""

    id: int | str | None = None
    method: str = ""
    params: Params = NO_PARAMS
    result: msgspec.Raw = msgspec.Raw()
    error: WireError | None = None
    us_in: int | None = msgspec.field(name="usIn", default=None)
    us_out: int | None = msgspec.field(name="usOut", default=None)

    @property
    def venue_time(self) -> int:
        """When the request came in, by the venue's clock; 0 if a reply does not say."""
        return (self.us_in or 0) * US_NS


decode_frame = msgspec.json.Decoder(Frame).decode


# --- Public market data ------------------------------------------------------------------------------------------

Row = tuple[str, float, float]  # action, price, amount


class BookData(msgspec.Struct, frozen=True, gc=False):
    """A whole book, or its change since `prev_change_id`."""

    instrument_name: str
    timestamp: int
    change_id: int
    bids: list[Row]
    asks: list[Row]
    prev_change_id: int | None = None
    type: str = ""  # absent in the older form of the channel, where only a change has a predecessor

    @property
    def is_snapshot(self) -> bool:
        """Whether this replaces whatever was known."""
        return self.type == "snapshot" or (not self.type and self.prev_change_id is None)


class _BookParams(msgspec.Struct, frozen=True, gc=False):
    data: BookData


class _BookFrame(msgspec.Struct, frozen=True, gc=False):
    params: _BookParams


_decode_book_frame = msgspec.json.Decoder(_BookFrame).decode
decode_book = msgspec.json.Decoder(BookData).decode

BOOK_MARK, BOOK_MARK_BYTES = '"channel":"book.', b'"channel":"book.'
MARKED_WITHIN = 120  # bytes


def book_in(frame: str | bytes) -> BookData | None:
    """The book of a frame that is recognised at a glance; any other frame takes the long way."""
    return _decode_book_frame(frame).params.data if _has(frame, BOOK_MARK, BOOK_MARK_BYTES) else None


def _has(frame: str | bytes, mark: str, mark_bytes: bytes) -> bool:
    """Whether a mark stands near the beginning of a frame."""
    if isinstance(frame, bytes):
        return frame.find(mark_bytes, 0, MARKED_WITHIN) >= 0
    return frame.find(mark, 0, MARKED_WITHIN) >= 0


class PublicTrade(msgspec.Struct, frozen=True, gc=False):
    """One print on the tape."""

    instrument_name: str
    timestamp: int
    trade_id: str
    price: float
    amount: float
    direction: Side
    block_trade_id: str | None = None
    combo_id: str | None = None

    @property
    def took_from_book(self) -> bool:
        """Whether it met orders of this instrument's own book; block trades and legs of combos do not."""
        return self.block_trade_id is None and self.combo_id is None


decode_trades = msgspec.json.Decoder(list[PublicTrade]).decode


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """What an instrument is worth, and what a perpetual costs to hold."""

    timestamp: int
    index_price: float | None = None
    mark_price: float | None = None
    funding_8h: float | None = None


decode_ticker = msgspec.json.Decoder(Ticker).decode


class BookPlace(msgspec.Struct, frozen=True):
    """Where a book stands that was asked for."""

    change_id: int


decode_book_place = msgspec.json.Decoder(BookPlace).decode


class _Table(dict[float, int]):
    """Doubles by what they are on a grid, worked out when first met. Levels repeat, so this halves a book's cost."""

    def __init__(self, place: Callable[[float], int]) -> None:
        super().__init__()
        self._place = place

    def __missing__(self, value: float) -> int:
        if len(self) >= PLACED_MAX:
            self.clear()
        placed = self[value] = self._place(value)
        return placed


class Grid:
    """An instrument's ticks and lots for public data, which come as doubles."""

    def __init__(self, instrument: Instrument) -> None:
        self._tick = float(instrument.tick)
        self._lot = float(instrument.lot)
        self._ticks = _Table(self.ticks)
        self._lots = _Table(self.lots)

    def levels(self, rows: Sequence[Row]) -> tuple[Level, ...]:
        """The rows on the grid; quantity 0 removes a level."""
        ticks, lots = self._ticks, self._lots
        return tuple([(ticks[price], lots[amount] if action != "delete" else 0) for action, price, amount in rows])

    def ticks(self, price: float) -> int:
        """A price in ticks, or `OffGrid`."""
        exact = price / self._tick
        ticks = round(exact)
        if not -ON_GRID < exact - ticks < ON_GRID:
            raise OffGrid(f"price {price} is not on a grid of {self._tick}")
        return ticks

    def lots(self, amount: float) -> int:
        """An amount in lots; less than a lot is still somebody."""
        return (round(amount / self._lot) or 1) if amount else 0


# --- Definitions and state ---------------------------------------------------------------------------------------


class WireTickStep(msgspec.Struct, frozen=True):
    """A coarser tick for prices above a bound."""

    above_price: Decimal
    tick_size: Decimal


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument as `public/get_instrument` shows it."""

    instrument_name: str
    kind: str
    tick_size: Decimal
    contract_size: Decimal
    min_trade_amount: Decimal
    base_currency: str
    quote_currency: str
    settlement_currency: str = ""  # spot has none
    instrument_type: str = "linear"
    settlement_period: str = ""
    tick_size_steps: tuple[WireTickStep, ...] = ()
    price_index: str = ""
    is_active: bool = True
    state: str = "open"

    @property
    def is_open(self) -> bool:
        """Whether orders are taken."""
        return self.is_active and self.state in ("open", "started")

    def instrument(self, venue: str, version: int) -> Instrument:
        """The same in our words."""
        kind = _kind(self.kind, self.settlement_period)
        # Options are "reversed" too, but are counted and priced in the base currency; only futures are inverse.
        inverse = self.instrument_type == "reversed" and kind in (Kind.PERPETUAL, Kind.FUTURE)
        return Instrument(
            venue=venue,
            name=self.instrument_name,
            kind=kind,
            tick_steps=(
                TickStep(Decimal(0), self.tick_size),
                *(TickStep(step.above_price, step.tick_size) for step in self.tick_size_steps),
            ),
            lot=min(self.contract_size, self.min_trade_amount),
            amount_unit=AmountUnit.QUOTE if inverse else AmountUnit.BASE,
            inverse=inverse,
            base_currency=self.base_currency,
            quote_currency=self.quote_currency,
            settlement_currency=self.settlement_currency or self.quote_currency,
            pays_at_settlement=kind in (Kind.PERPETUAL, Kind.FUTURE),
            min_amount=self.min_trade_amount,
            version=version,
        )


def _kind(kind: str, settlement_period: str) -> Kind:
    match kind:
        case "spot":
            return Kind.SPOT
        case "option":
            return Kind.OPTION
        case _:
            return Kind.PERPETUAL if settlement_period == "perpetual" else Kind.FUTURE


class InstrumentState(msgspec.Struct, frozen=True):
    """What `instrument.state` tells."""

    instrument_name: str
    state: str


class PlatformState(msgspec.Struct, frozen=True):
    """What `platform_state` tells: one index is locked, or the whole platform is under maintenance."""

    price_index: str = ""
    locked: bool | None = None
    maintenance: bool | None = None


class PlatformStatus(msgspec.Struct, frozen=True):
    """What `public/status` answers: whether everything is locked, and else which indices are."""

    locked: bool | str = False  # "true", "partial" or "false"; a truth value on older pages
    locked_indices: tuple[str, ...] = ()


decode_definition = msgspec.json.Decoder(Definition).decode
decode_instrument_state = msgspec.json.Decoder(InstrumentState).decode
decode_platform_state = msgspec.json.Decoder(PlatformState).decode
decode_platform_status = msgspec.json.Decoder(PlatformStatus).decode
decode_channels = msgspec.json.Decoder(list[str]).decode


# --- What is ours ------------------------------------------------------------------------------------------------


class WireOrder(msgspec.Struct, frozen=True, gc=False):
    """An order of our account."""

    order_id: str
    order_state: str
    instrument_name: str
    direction: Side
    amount: Decimal
    price: msgspec.Raw = msgspec.Raw()  # a number, or the string "market_price"
    filled_amount: Decimal = Decimal(0)  # absent while untriggered
    label: str = ""
    last_update_timestamp: int = 0
    cancel_reason: str = ""

    @property
    def limit(self) -> Decimal | None:
        """Its price, exact; None if it has none of its own."""
        text = bytes(self.price)
        return None if not text or text[:1] in (b'"', b"n") else decode_decimal(text)

    @property
    def venue_time(self) -> int:
        """When it last changed, by the venue's clock."""
        return self.last_update_timestamp * MS_NS


class WireTrade(msgspec.Struct, frozen=True, gc=False):
    """An execution of our account."""

    trade_id: str
    order_id: str
    instrument_name: str
    timestamp: int
    direction: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str
    label: str = ""
    trade_seq: int = 0  # its number among all trades of the instrument


class Changes(msgspec.Struct, frozen=True):
    """One frame of `user.changes`: all that one event did to us on one instrument."""

    instrument_name: str
    orders: tuple[WireOrder, ...] = ()
    trades: tuple[WireTrade, ...] = ()


class Placed(msgspec.Struct, frozen=True):
    """The reply to a buy, a sell or an edit."""

    order: WireOrder
    trades: tuple[WireTrade, ...] = ()


class OrdersPage(msgspec.Struct, frozen=True):
    """The reply to a question for orders that have ended, the last one first."""

    orders: tuple[WireOrder, ...]
    continuation: str | None = None  # where the next page begins


class TradesPage(msgspec.Struct, frozen=True):
    """The reply to a question for our trades."""

    trades: tuple[WireTrade, ...]
    has_more: bool = False


class WirePosition(msgspec.Struct, frozen=True):
    """The reply to a question for a position."""

    size: Decimal
    instrument_name: str = ""
    direction: str = ""
    average_price: Decimal | None = None

    @property
    def amount(self) -> Decimal:
        """Signed: negative is short."""
        return -abs(self.size) if self.direction == "sell" else self.size


class AccountSummary(msgspec.Struct, frozen=True):
    """The reply to a question for an account's cash."""

    currency: str
    balance: Decimal  # without what the session has made since the last settlement
    session_rpl: Decimal = Decimal(0)  # what of that is realized, funding included


class CashEntry(msgspec.Struct, frozen=True):
    """One row of the book of our cash."""

    id: int
    type: str
    timestamp: int
    currency: str
    change: Decimal
    session_rpl: Decimal | None = None  # the part of it that was realized since the last settlement
    interest_pl: Decimal | None = None  # funding since the last trade
    total_interest_pl: Decimal | None = None  # the part of what was realized that is funding
    instrument_name: str | None = None


class CashPage(msgspec.Struct, frozen=True):
    """The reply to a question for our cash's book, newest first."""

    logs: tuple[CashEntry, ...]
    continuation: int | None = None  # where the next page begins


class Token(msgspec.Struct, frozen=True):
    """A login, and how long it lasts."""

    refresh_token: str
    expires_in: int  # seconds
    scope: str = ""  # what it may do


class DeadManSwitch(msgspec.Struct, frozen=True):
    """Whether our orders are canceled when the connection ends."""

    enabled: bool
    scope: str


decode_decimal = msgspec.json.Decoder(Decimal).decode
decode_changes = msgspec.json.Decoder(Changes).decode
decode_placed = msgspec.json.Decoder(Placed).decode
decode_order = msgspec.json.Decoder(WireOrder).decode
decode_orders = msgspec.json.Decoder(tuple[WireOrder, ...]).decode
decode_orders_page = msgspec.json.Decoder(OrdersPage).decode
decode_trades_page = msgspec.json.Decoder(TradesPage).decode
decode_position = msgspec.json.Decoder(WirePosition).decode
decode_positions = msgspec.json.Decoder(tuple[WirePosition, ...]).decode
decode_summary = msgspec.json.Decoder(AccountSummary).decode
decode_cash_page = msgspec.json.Decoder(CashPage).decode
decode_token = msgspec.json.Decoder(Token).decode
decode_switch = msgspec.json.Decoder(DeadManSwitch).decode
decode_int = msgspec.json.Decoder(int).decode


class _ChangesParams(msgspec.Struct, frozen=True):
    data: Changes


class _ChangesFrame(msgspec.Struct, frozen=True):
    params: _ChangesParams


_decode_changes_frame = msgspec.json.Decoder(_ChangesFrame).decode

CHANGES_MARK, CHANGES_MARK_BYTES = '"channel":"user.changes.', b'"channel":"user.changes.'


def changes_in(frame: str | bytes) -> Changes | None:
    """What a frame says of our own orders, recognised at a glance; any other frame takes the long way."""
    return _decode_changes_frame(frame).params.data if _has(frame, CHANGES_MARK, CHANGES_MARK_BYTES) else None


STATUS = {
    "open": Status.WORKING,
    "untriggered": Status.WORKING,
    "triggered": Status.WORKING,
    "filled": Status.FILLED,
    "cancelled": Status.CANCELED,
    "rejected": Status.REJECTED,
}


def ticks_of(order: WireOrder, instrument: Instrument) -> int:
    """An order's price in ticks; 0 for an order without a price of its own."""
    limit = order.limit
    return 0 if limit is None else int((limit / instrument.tick).to_integral_value())


def fill_of(trade: WireTrade, venue: str, order_id: str, at: int) -> OrderFilled:
    """An execution as a fact; `order_id` is empty if the order is not ours by name."""
    return OrderFilled(
        at=at,
        instrument=instrument_key(venue, trade.instrument_name),
        order_id=order_id,
        venue_order_id=trade.order_id,
        venue_time=trade.timestamp * MS_NS,
        trade_id=trade.trade_id,
        side=trade.direction,
        price=trade.price,
        amount=trade.amount,
        fee=trade.fee,
        fee_currency=trade.fee_currency,
        liquidity=Liquidity.MAKER if trade.liquidity == "M" else Liquidity.TAKER,
    )


CASH_KINDS = {
    "settlement": CashKind.SETTLEMENT,
    "delivery": CashKind.DELIVERY,
    "transfer": CashKind.TRANSFER,
    "deposit": CashKind.TRANSFER,
    "withdrawal": CashKind.TRANSFER,
    "liquidation": CashKind.LIQUIDATION,
}  # any other that is no trade is a fee, or the return of one


def cash_moves_of(entry: CashEntry, venue: str, at: int) -> list[CashMoved]:
    """A row of our cash's book as facts: none for a trade, which is a fill; two if a settlement has funding in it."""
    if entry.type == "trade":
        return []
    zero = Decimal(0)
    funding = entry.interest_pl if entry.total_interest_pl is None else entry.total_interest_pl
    funding = funding or zero
    realized = (entry.session_rpl or funding) - funding
    kind = CASH_KINDS.get(entry.type, CashKind.FEE)
    parts = [(CashKind.FUNDING, funding, zero), (kind, entry.change - funding, realized)]
    return [
        CashMoved(
            at=at,
            venue=venue,
            kind=kind,
            currency=entry.currency,
            amount=amount,
            realized=realized,
            venue_time=entry.timestamp * MS_NS,
            venue_id=str(entry.id),
            instrument=instrument_key(venue, entry.instrument_name) if entry.instrument_name else "",
        )
        for kind, amount, realized in parts
        if amount or realized or kind is CashKind.DELIVERY  # which ends a position, whatever it brings
    ]


def report_of(order: WireOrder, instrument: Instrument) -> OrderReport:
    """An order as the answer to a question."""
    return OrderReport(
        order_id=order.label,
        venue_order_id=order.order_id,
        instrument=instrument.key,
        side=order.direction,
        price=ticks_of(order, instrument),
        quantity=instrument.lots(order.amount),
        filled=order.filled_amount,
        status=STATUS.get(order.order_state, Status.UNKNOWN),
        venue_time=order.venue_time,
        reason=order.cancel_reason,
    )
