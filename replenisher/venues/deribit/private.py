"""Deribit's wire, read: what is ours, in exact decimals straight from the text of the message."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from replenisher.model.event import CashKind, CashMoved, OrderFilled, OrderReport
from replenisher.model.instrument import Instrument, instrument_key
from replenisher.model.order import MAKER, TAKER, Side, Status
from replenisher.model.units import MS_NS
from replenisher.venues.deribit.codec import is_marked

Code = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")]  # an id or a code; else it was garbled


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

    trade_id: Code
    order_id: Code
    instrument_name: str
    timestamp: int
    direction: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: Code
    liquidity: Literal["M", "T"]
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


class Pool(msgspec.Struct, frozen=True):
    """Requests that an account may make."""

    rate: float  # a second
    burst: float


class _Trading(msgspec.Struct, frozen=True):
    total: Pool


class _MatchingEngine(msgspec.Struct, frozen=True):
    trading: _Trading


class _Limits(msgspec.Struct, frozen=True):
    matching_engine: _MatchingEngine


class AccountSummary(msgspec.Struct, frozen=True):
    """The reply to a question for an account's cash."""

    currency: str
    balance: Decimal  # without what the session has made since the last settlement
    session_rpl: Decimal = Decimal(0)  # what of that is realized, funding included
    limits: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def granted(self) -> Pool | None:
        """How often the account may ask for orders; None where that is not told, or in other words."""
        try:
            pool = _decode_limits(self.limits).matching_engine.trading.total
        except msgspec.DecodeError:
            return None
        return pool if pool.rate > 0 and pool.burst > 0 else None


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
    trade_id: str | int | None = None


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
_decode_limits = msgspec.json.Decoder(_Limits).decode
decode_summary = msgspec.json.Decoder(AccountSummary).decode
decode_cash_page = msgspec.json.Decoder(CashPage).decode
decode_token = msgspec.json.Decoder(Token).decode
decode_switch = msgspec.json.Decoder(DeadManSwitch).decode


class _ChangesParams(msgspec.Struct, frozen=True):
    data: Changes


class _ChangesFrame(msgspec.Struct, frozen=True):
    params: _ChangesParams


_decode_changes_frame = msgspec.json.Decoder(_ChangesFrame).decode

CHANGES_MARK, CHANGES_MARK_BYTES = '"channel":"user.changes.', b'"channel":"user.changes.'


def changes_in(frame: str | bytes) -> Changes | None:
    """What a frame says of our own orders, recognised at a glance; any other frame takes the long way."""
    return _decode_changes_frame(frame).params.data if is_marked(frame, CHANGES_MARK, CHANGES_MARK_BYTES) else None


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
        liquidity=MAKER if trade.liquidity == "M" else TAKER,
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
    """A row of our cash's book as facts: none for a trade, which is a fill; two if a settlement has funding in it.

    A trade may be called otherwise, as in a block or a liquidation: what it cost its fill has told.
    """
    kind = CASH_KINDS.get(entry.type, CashKind.FEE)
    if entry.type == "trade" or (entry.trade_id and kind in (CashKind.FEE, CashKind.LIQUIDATION)):
        return []
    zero = Decimal(0)
    funding = entry.interest_pl if entry.total_interest_pl is None else entry.total_interest_pl
    funding = funding or zero
    realized = (entry.session_rpl or funding) - funding
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
