"""How an account's orders, fills and positions look on the wire: the venue's member names, units and numbers."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from replenisher.exchange.dialects.deribit.catalogue import NOTHING, SATOSHI, Catalogue, wire_kind
from replenisher.exchange.dialects.deribit.numbers import Shape, milliseconds, number, rate
from replenisher.exchange.views import Views
from replenisher.exchange.words import MmpTriggered, OrderView, PositionView, TradeView
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import Liquidity, Side


class Shapes:
    """Turns values into what `json` can write."""

    def __init__(self, catalogue: Catalogue, views: Views, user_ids: Mapping[str, int]) -> None:
        self._catalogue = catalogue
        self._views = views
        self._user_ids = user_ids

    def user_id(self, account: str) -> int:
        """The venue's numeric id of an account."""
        return self._user_ids[account]

    def is_user(self, number: int) -> bool:
        """Whether some account has this id."""
        return number in self._user_ids.values()

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
        if order.cancel_reason:
            shape["cancel_reason"] = order.cancel_reason
        if order.mmp_group:
            shape["mmp_group"] = order.mmp_group
        if order.cancel_reason == "mmp_trigger":
            shape["mmp_cancelled"] = True
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
            "tick_direction": fill.tick_direction,
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

    def position(self, position: PositionView, account: str) -> Shape:
        """The position object; a spot balance is none.

        Floating and realized profit, funding in it, are those since the last settlement; total profit, without what
        was realized, and average price are those since the position was built.
        """
        instrument = self._catalogue.instrument(position.instrument)
        mark = self._views.mark_price(position.instrument)
        in_currency = size_in_currency(instrument, position.size, mark)
        initial, by_orders = self._catalogue.margins(account, position.instrument)
        shape: Shape = {
            "size": number(position.size),
            "kind": wire_kind(instrument),
            "maintenance_margin": number(initial / 2),
            "initial_margin": number(initial),
            "open_orders_margin": number(by_orders),
            "direction": direction(position.size),
            "index_price": number(self._views.index_price(position.instrument)),
            "instrument_name": position.instrument,
            "settlement_price": number(self._views.settlement_price(position.instrument)),
            "mark_price": number(mark),
            "delta": number(in_currency),
            "average_price": number(position.average_price),
            "floating_profit_loss": number(_gain(instrument, position.size, position.entry_value, mark)),
            "realized_profit_loss": number(position.realized),
            "total_profit_loss": number(_gain(instrument, position.size, position.built_value, mark)),
            "leverage": self._views.max_leverage,
            "size_currency": number(in_currency),
        }
        if instrument.kind is Kind.PERPETUAL:
            interest = rate(self._views.funding_8h(position.instrument))
            shape |= {"interest_value": interest, "realized_funding": number(position.funded)}
        return shape


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


def _gain(instrument: Instrument, size: Decimal, paid: Decimal, mark: Decimal) -> Decimal:
    """What closing at the mark would earn on a position that was paid so much for, in the settlement currency."""
    if not size or not mark:
        return NOTHING
    gain = instrument.value(abs(size), mark) - paid
    return (gain if (size > 0) != instrument.inverse else -gain).quantize(SATOSHI)
