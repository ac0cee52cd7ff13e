"""How the public market looks on the wire: instruments, tickers, prints, funding, charts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from replenisher.exchange.candles import Candle
from replenisher.exchange.dialects.deribit.book_shapes import best, rows
from replenisher.exchange.dialects.deribit.catalogue import Catalogue, index_name, wire_kind, wire_state
from replenisher.exchange.dialects.deribit.numbers import ZERO, Shape, milliseconds, number, rate
from replenisher.exchange.funding import FundingHour
from replenisher.exchange.views import Views
from replenisher.exchange.words import InstrumentView, Print
from replenisher.model.instrument import Kind

NEVER_MS = 32_503_708_800_000  # how the venue writes the expiry of a perpetual
SETTLEMENT_PERIODS = {Kind.PERPETUAL: "perpetual", Kind.FUTURE: "month"}


class MarketShapes:
    """Turns what the public sees into what `json` can write."""

    def __init__(self, catalogue: Catalogue, views: Views) -> None:
        self._catalogue = catalogue
        self._views = views

    def instrument(self, view: InstrumentView) -> Shape:
        """The instrument object."""
        instrument = view.instrument
        kind = "reversed" if instrument.inverse else "linear"
        shape: Shape = {
            "price_index": index_name(instrument),
            "kind": wire_kind(instrument),
            "instrument_name": instrument.name,
            "maker_commission": number(view.maker_rate),
            "taker_commission": number(view.taker_rate),
            "instrument_type": kind,
            "expiration_timestamp": NEVER_MS if view.expires_at is None else milliseconds(view.expires_at),
            "creation_timestamp": 0,
            "is_active": view.is_open,
            "state": wire_state(view.state),
            "tick_size": number(instrument.tick),
            "tick_size_steps": [
                {"above_price": number(step.above_price), "tick_size": number(step.tick)}
                for step in instrument.tick_steps[1:]
            ],
            "contract_size": number(instrument.lot),
            "instrument_id": self._catalogue.number_of(instrument),
            "min_trade_amount": number(instrument.min_amount),
            "quote_currency": instrument.quote_currency,
            "counter_currency": instrument.quote_currency,
            "base_currency": instrument.base_currency,
            "block_trade_commission": ZERO,
            "block_trade_min_trade_amount": ZERO,
            "block_trade_tick_size": number(instrument.tick),
            "rfq": False,
        }
        if instrument.kind is not Kind.SPOT:
            shape |= {
                "max_leverage": self._views.max_leverage,
                "future_type": kind,
                "settlement_currency": instrument.settlement_currency,
                "settlement_period": SETTLEMENT_PERIODS.get(instrument.kind, "none"),
                "max_liquidation_commission": ZERO,
            }
        return shape

    def print(self, printed: Print) -> Shape:
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
            "tick_direction": printed.tick_direction,
            "contracts": number(printed.amount / self._catalogue.instrument(printed.instrument).lot),
            "trade_id": printed.trade_id,
        }

    def ticker(self, name: str, at: int) -> Shape:
        """The ticker of an instrument."""
        catalogue, views = self._catalogue, self._views
        mark, index = number(views.mark_price(name)), number(views.index_price(name))
        lowest, highest = catalogue.price_band(name)
        shape: Shape = {
            "timestamp": milliseconds(at),
            "state": wire_state(catalogue.view(name).state),
            "stats": self._stats(name, at),
            "index_price": index,
            "instrument_name": name,
            "last_price": number(last) if (last := catalogue.last_price(name)) is not None else None,
            "settlement_price": number(views.settlement_price(name)),
            "min_price": number(lowest),
            "max_price": number(highest),
            "open_interest": number(views.open_interest(name)),
            "mark_price": mark,
            **best(views.book(name)),
            "estimated_delivery_price": index,
        }
        return shape | self._funding(name)

    def order_book(self, name: str, depth: int, at: int) -> Shape:
        """The answer to `public/get_order_book`: a ticker with its book."""
        book = self._views.book(name)
        return self.ticker(name, at) | {
            "timestamp": milliseconds(book.at),
            "change_id": book.change_id,
            "bids": rows(book.bids[:depth]),
            "asks": rows(book.asks[:depth]),
        }

    def summary(self, name: str, at: int) -> Shape:
        """One row of the book summaries; a price that there is not is null."""
        catalogue, views = self._catalogue, self._views
        instrument = catalogue.instrument(name)
        book, stats = views.book(name), self._stats(name, at)
        bid, ask = (levels[0][0] if levels else None for levels in (book.bids, book.asks))
        shape: Shape = {
            "volume_usd": stats["volume_usd"],
            "volume": stats["volume"],
            "quote_currency": instrument.quote_currency,
            "price_change": stats["price_change"],
            "open_interest": number(views.open_interest(name)),
            "mid_price": _or_null((bid + ask) / 2 if bid is not None and ask is not None else None),
            "mark_price": number(views.mark_price(name)),
            "low": stats["low"],
            "last": _or_null(catalogue.last_price(name)),
            "instrument_name": name,
            "high": stats["high"],
            "estimated_delivery_price": number(views.index_price(name)),
            "creation_timestamp": milliseconds(at),
            "bid_price": _or_null(bid),
            "base_currency": instrument.base_currency,
            "ask_price": _or_null(ask),
        }
        if instrument.kind is Kind.PERPETUAL:
            funding = self._funding(name)
            shape |= {"funding_8h": funding["funding_8h"], "current_funding": funding["current_funding"]}
        return shape

    def perpetual(self, name: str, at: int) -> Shape:
        """What a perpetual costs to hold."""
        return {
            "timestamp": milliseconds(at),
            "interest": rate(self._views.funding_8h(name)),
            "index_price": number(self._views.index_price(name)),
        }

    def funding_hour(self, hour: FundingHour) -> Shape:
        """One row of the history of funding."""
        return {
            "timestamp": milliseconds(hour.at),
            "index_price": number(hour.index),
            "prev_index_price": number(hour.previous_index),
            "interest_8h": rate(hour.interest_8h),
            "interest_1h": rate(hour.interest_1h),
        }

    def price_index(self, name: str, at: int) -> Shape:
        """An index by its own name."""
        price = number(self._catalogue.index_by_name(name))
        return {"timestamp": milliseconds(at), "price": price, "index_name": name}

    def _stats(self, name: str, at: int) -> Shape:
        day = self._views.candles(name).day(at)
        return {
            "high": _or_null(day.high),
            "low": _or_null(day.low),
            "price_change": _or_null(day.change_percent),
            "volume": number(round(day.volume, 8)),
            "volume_usd": number(day.cost),
            "volume_notional": number(day.cost),
        }

    def _funding(self, name: str) -> Shape:
        if self._catalogue.instrument(name).kind is not Kind.PERPETUAL:
            return {}
        now = rate(self._views.funding_8h(name))
        return {"interest_value": now, "current_funding": now, "funding_8h": now}


def _or_null(value: Decimal | None) -> Any:
    return None if value is None else number(value)


def candle(traded: Candle) -> Shape:
    """One frame of a chart."""
    return {
        "tick": milliseconds(traded.at),
        "open": number(traded.open),
        "high": number(traded.high),
        "low": number(traded.low),
        "close": number(traded.close),
        "volume": number(round(traded.volume, 8)),
        "cost": number(traded.cost),
    }


def chart(candles: Sequence[Candle]) -> Shape:
    """The answer to `public/get_tradingview_chart_data`: the members of all candles, one list each."""
    shapes = [candle(traded) for traded in candles]
    members = ("open", "high", "low", "close", "volume", "cost")
    lists: Shape = {member: [shape[member] for shape in shapes] for member in members}
    return lists | {"ticks": [shape["tick"] for shape in shapes], "status": "ok" if shapes else "no_data"}
