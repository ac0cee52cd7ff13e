"""How the exchange's values look on the wire: the venue's member names, its units, its way to print numbers."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from replenisher.exchange.dialects.deribit.catalogue import NOTHING, SATOSHI, Catalogue, index_name, top, wire_kind
from replenisher.exchange.dialects.deribit.numbers import number
from replenisher.exchange.words import (
    AccountView,
    BookLevel,
    BookUpdate,
    BookView,
    InstrumentView,
    MmpTriggered,
    OrderView,
    PositionView,
    Print,
    TradeView,
)
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import Liquidity, Side
from replenisher.model.units import MS_NS

Shape = dict[str, Any]

NEVER_MS = 32_503_708_800_000  # how the venue writes the expiry of a perpetual
LEVERAGE_MAX = 50
SETTLEMENT_PERIODS = {Kind.PERPETUAL: "perpetual", Kind.FUTURE: "month"}
ZERO = number(NOTHING)


def milliseconds(at: int) -> int:
    """The venue's time stamps."""
    return at // MS_NS


class Shapes:
    """Turns values into what `json` can write."""

    def __init__(self, catalogue: Catalogue, user_ids: Mapping[str, int]) -> None:
        self._catalogue = catalogue
        self._user_ids = user_ids

    def user_id(self, account: str) -> int:
        """The venue's numeric id of an account."""
        return self._user_ids[account]

    def order(self, order: OrderView) -> Shape:
        """The order object."""
        instrument = self._catalogue.instrument(order.instrument)
        shape: Shape = {
            "label": order.label,
            "price": "market_price" if order.price is None else number(order.price),
            "user_id": self._user_ids[order.account],
            "amount": number(order.amount),
            "direction": order.side,
            "time_in_force": order.time_in_force,
            "instrument_name": order.instrument,
            "web": False,
            "api": True,
            "order_id": order.order_id,
            "creation_timestamp": milliseconds(order.created_at),
            "replaced": order.replaced,
            "filled_amount": number(order.filled_amount),
            "last_update_timestamp": milliseconds(order.updated_at),
            "post_only": order.post_only,
            "reduce_only": order.reduce_only,
            "average_price": number(order.average_price),
            "mmp": order.mmp,
            "contracts": number(order.amount / instrument.lot),
            "reject_post_only": order.reject_post_only,
            "order_state": order.state,
            "order_type": order.order_type,
            "is_liquidation": False,
            "risk_reducing": False,
        }
        if order.mmp_group:
            shape["mmp_group"] = order.mmp_group
        if order.cancel_reason == "mmp_trigger":
            shape["mmp_cancelled"] = True
        if order.cancel_reason:
            shape["cancel_reason"] = order.cancel_reason
        return shape

    def fill(self, fill: TradeView, account: str) -> Shape:
        """The user trade object; a trade without a label says nothing about one."""
        shape: Shape = {"label": fill.label} if fill.label else {}
        return shape | {
            "timestamp": milliseconds(fill.at),
            "state": fill.order_state,
            "price": number(fill.price),
            "user_id": self._user_ids[account],
            "amount": number(fill.amount),
            "direction": fill.side,
            "index_price": number(fill.index),
            "instrument_name": fill.instrument,
            "trade_seq": fill.trade_seq,
            "api": True,
            "mark_price": number(fill.mark),
            "order_id": fill.order_id,
            "matching_id": None,
            "tick_direction": 0,
            "profit_loss": number(fill.realized),
            "post_only": fill.post_only,
            "reduce_only": fill.reduce_only,
            "self_trade": False,
            "mmp": fill.mmp,
            "contracts": number(fill.amount / self._catalogue.instrument(fill.instrument).lot),
            "trade_id": fill.trade_id,
            "fee_currency": fill.fee_currency,
            "fee": number(fill.fee),
            "order_type": fill.order_type,
            "risk_reducing": False,
            "liquidity": "M" if fill.liquidity is Liquidity.MAKER else "T",
        }

    def fills(self, fills: Iterable[TradeView], account: str) -> list[Shape]:
        """A list of user trades."""
        return [self.fill(fill, account) for fill in fills]

    def position(self, position: PositionView, at: int) -> Shape:
        """The position object; a mark must stand in for what this exchange has no word for."""
        instrument = self._catalogue.instrument(position.instrument)
        mark = self._catalogue.mark(position.instrument)
        floating = floating_profit(instrument, position, mark)
        in_currency = size_in_currency(instrument, position.size, mark)
        return {
            "size": number(position.size),
            "kind": wire_kind(instrument),
            "maintenance_margin": ZERO,
            "initial_margin": ZERO,
            "open_orders_margin": ZERO,
            "direction": direction(position.size),
            "index_price": number(self._catalogue.index(position.instrument)),
            "instrument_name": position.instrument,
            "settlement_price": number(mark),
            "mark_price": number(mark),
            "interest_value": ZERO,
            "delta": number(in_currency),
            "average_price": number(position.average_price),
            "floating_profit_loss": number(floating),
            "realized_profit_loss": number(position.realized),
            "total_profit_loss": number(floating + position.realized),
            "realized_funding": ZERO,
            "leverage": LEVERAGE_MAX,
            "size_currency": number(in_currency),
        }

    def instrument(self, view: InstrumentView) -> Shape:
        """The instrument object."""
        instrument = view.instrument
        kind = "reversed" if instrument.inverse else "linear"
        return {
            "price_index": index_name(instrument),
            "kind": wire_kind(instrument),
            "instrument_name": instrument.name,
            "max_leverage": LEVERAGE_MAX,
            "maker_commission": number(view.maker_rate),
            "taker_commission": number(view.taker_rate),
            "instrument_type": kind,
            "future_type": kind,
            "expiration_timestamp": NEVER_MS if view.expires_at is None else milliseconds(view.expires_at),
            "creation_timestamp": 0,
            "is_active": view.is_open,
            "state": view.state,
            "tick_size": number(instrument.tick),
            "tick_size_steps": [
                {"above_price": number(step.above_price), "tick_size": number(step.tick)}
                for step in instrument.tick_steps[1:]
            ],
            "contract_size": number(instrument.lot),
            "instrument_id": self._catalogue.number_of(instrument),
            "min_trade_amount": number(instrument.min_amount),
            "settlement_currency": instrument.settlement_currency,
            "settlement_period": SETTLEMENT_PERIODS.get(instrument.kind, "none"),
            "base_currency": instrument.base_currency,
            "counter_currency": instrument.quote_currency,
            "quote_currency": instrument.quote_currency,
            "max_liquidation_commission": ZERO,
            "block_trade_commission": ZERO,
            "block_trade_min_trade_amount": ZERO,
            "block_trade_tick_size": number(instrument.tick),
            "rfq": False,
        }

    def print(self, printed: Print, tick_direction: int) -> Shape:
        """The public trade object."""
        return {
            "timestamp": milliseconds(printed.at),
            "price": number(printed.price),
            "amount": number(printed.amount),
            "direction": printed.taker,
            "index_price": number(printed.index),
            "instrument_name": printed.instrument,
            "trade_seq": printed.trade_seq,
            "mark_price": number(printed.mark),
            "tick_direction": tick_direction,
            "contracts": number(printed.amount / self._catalogue.instrument(printed.instrument).lot),
            "trade_id": printed.trade_id,
        }

    def ticker(self, name: str, at: int) -> Shape:
        """The ticker of an instrument, as far as this exchange has one."""
        book = self._catalogue.book(name)
        lowest, highest = self._catalogue.band(name)
        mark, index = number(self._catalogue.mark(name)), number(self._catalogue.index(name))
        return {
            "timestamp": milliseconds(at),
            "state": self._catalogue.view(name).state,
            "stats": {"high": None, "low": None, "price_change": None, "volume": ZERO, "volume_usd": ZERO},
            "index_price": index,
            "instrument_name": name,
            "last_price": number(self._catalogue.last_price(name)),
            "settlement_price": mark,
            "min_price": number(lowest),
            "max_price": number(highest),
            "open_interest": ZERO,
            "mark_price": mark,
            "interest_value": ZERO,
            **best(book),
            "estimated_delivery_price": index,
            "current_funding": ZERO,
            "funding_8h": ZERO,
        }

    def order_book(self, name: str, depth: int, at: int) -> Shape:
        """The answer to `public/get_order_book`: a ticker with its book."""
        book = self._catalogue.book(name)
        return self.ticker(name, at) | {
            "timestamp": milliseconds(book.at),
            "change_id": book.change_id,
            "bids": [[number(price), number(amount)] for price, amount in book.bids[:depth]],
            "asks": [[number(price), number(amount)] for price, amount in book.asks[:depth]],
        }

    def summary(self, account: AccountView, positions: Iterable[PositionView], at: int) -> Shape:
        """The account summary of one currency; margins are those of an exchange that asks for none."""
        floating = NOTHING
        for position in positions:
            instrument = self._catalogue.instrument(position.instrument)
            floating += floating_profit(instrument, position, self._catalogue.mark(instrument.name))
        equity = number(account.balance + floating)
        available = number(account.available)
        return {
            "currency": account.currency,
            "balance": number(account.balance),
            "equity": equity,
            "margin_balance": equity,
            "available_funds": available,
            "available_withdrawal_funds": available,
            "initial_margin": number(account.balance - account.available),
            "maintenance_margin": ZERO,
            "session_upl": number(floating),
            "session_rpl": ZERO,
            "futures_pl": number(floating),
            "total_pl": number(floating),
            "options_pl": ZERO,
            "fee_balance": ZERO,
            "delta_total": ZERO,
            "portfolio_margining_enabled": False,
            "cross_collateral_enabled": False,
            "margin_model": "segregated_sm",
        }


def book_snapshot(book: BookView) -> Shape:
    """The first frame of a book channel: every level is new, and there is no change before it."""
    return {
        "type": "snapshot",
        "timestamp": milliseconds(book.at),
        "instrument_name": book.instrument,
        "change_id": book.change_id,
        "bids": [["new", number(price), number(amount)] for price, amount in book.bids],
        "asks": [["new", number(price), number(amount)] for price, amount in book.asks],
    }


def book_change(update: BookUpdate) -> Shape:
    """Every later frame of a book channel."""
    return {
        "type": "change",
        "timestamp": milliseconds(update.at),
        "instrument_name": update.instrument,
        "change_id": update.change_id,
        "prev_change_id": update.previous_change_id,
        "bids": _levels(update.bids),
        "asks": _levels(update.asks),
    }


def _levels(levels: Iterable[BookLevel]) -> list[list[Any]]:
    return [[level.action, number(level.price), number(level.amount)] for level in levels]


def quote(book: BookView) -> Shape:
    """Best bid and ask."""
    return {"timestamp": milliseconds(book.at), "instrument_name": book.instrument, **best(book)}


def best(book: BookView) -> Shape:
    """The four members that tell the touch."""
    (bid, bid_amount), (ask, ask_amount) = top(book.bids), top(book.asks)
    return {
        "best_bid_price": number(bid),
        "best_bid_amount": number(bid_amount),
        "best_ask_price": number(ask),
        "best_ask_amount": number(ask_amount),
    }


def mmp_trigger(event: MmpTriggered) -> Shape:
    """The one frame of a protection that was triggered."""
    shape: Shape = {"index_name": event.index, "frozen_until": milliseconds(event.frozen_until)}
    return shape | {"mmp_group": event.group} if event.group else shape


def direction(size: Decimal) -> str:
    """The side of a position."""
    if not size:
        return "zero"
    return Side.BUY if size > 0 else Side.SELL


def size_in_currency(instrument: Instrument, size: Decimal, mark: Decimal) -> Decimal:
    """A position in units of the base currency."""
    if not instrument.inverse:
        return size * instrument.contract_value
    return (instrument.value(size, mark) if mark else NOTHING).quantize(SATOSHI)


def floating_profit(instrument: Instrument, position: PositionView, mark: Decimal) -> Decimal:
    """What closing at the mark would earn, in the settlement currency."""
    if not position.size or not mark or not position.average_price:
        return NOTHING
    now = instrument.value(position.size, mark)
    then = instrument.value(position.size, position.average_price)
    return ((then - now) if instrument.inverse else (now - then)).quantize(SATOSHI)
