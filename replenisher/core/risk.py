"""Risk: `permit` trims what a strategy wants to show; `objection` is the independent last word on every single order.

A limit denies what adds risk: orders that reduce the position, and every cancel, pass. Exposure is the worst case: the
position plus everything that may still fill, resting, in flight or UNKNOWN, with the larger of the two quantities of an
amend that is not answered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from replenisher.core.orders import Order
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import Side
from replenisher.model.step import Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one account. Amounts of money are in the quote currency of the instrument."""

    max_position_quote: Decimal
    max_order_quote: Decimal
    max_open_orders: int
    max_daily_loss_quote: Decimal
    price_collar_bps: float  # how far from the others' mid an order may stand
    max_data_age_ns: int
    max_leverage: Decimal  # worst-case position over cash, for contracts on margin
    max_total_quote: Decimal | None = None  # all open orders together; None is no limit of its own
    cooloff_ns: int = 900 * 1_000_000_000
    halts_on_breach: bool = False  # end the process instead of pausing


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """What an account holds and risks on one instrument at one moment."""

    instrument: Instrument
    position: Decimal  # wire amount, negative is short
    orders: Sequence[Order]  # every order on the instrument that may be live
    open_orders: int  # on the whole account
    cash: Decimal | None  # settlement currency; None until the venue has told it
    base_cash: Decimal | None  # base currency, for spot
    mark: Decimal  # the others' mid, in price units

    def worst_position(self, side: Side, besides: Order | None = None) -> Decimal:
        """The position if everything of ours on `side` fills, in the wire amount; `besides` is left out."""
        lots = sum(order.remaining_max for order in self.orders if order.side is side and order is not besides)
        return self.position + side.sign * self.instrument.amount(lots)


def permit(quotes: Sequence[Quote], limits: Limits, stake: Stake) -> tuple[tuple[Quote, ...], str]:
    """As much of the ladder as the limits allow, and why not all of it. What stands nearest to the touch stays."""
    permitted: list[Quote] = []
    reasons: dict[str, None] = {}
    instrument = stake.instrument
    worst = dict.fromkeys(Side, stake.position)
    total_quote = Decimal(0)
    for quote in sorted(quotes, key=lambda quote: (quote.level, quote.side)):
        amount, price = instrument.amount(quote.quantity), instrument.price(quote.price)
        notional_quote = instrument.notional_quote(amount, price)
        after = worst[quote.side] + quote.side.sign * amount
        reason = (
            _size_objection(instrument, amount, price, notional_quote, limits)
            or _position_objection(instrument, after, quote.side, stake.mark, limits)
            or _collar_objection(price, stake.mark, limits)
            or _funds_objection(stake, quote.side, after, total_quote + notional_quote, limits)
        )
        if reason is None and len(permitted) >= limits.max_open_orders:
            reason = "max_open_orders"
        if (
            reason is None
            and limits.max_total_quote is not None
            and total_quote + notional_quote > limits.max_total_quote
        ):
            reason = "max_total_quote"
        if reason is None:
            permitted.append(quote)
            worst[quote.side] = after
            total_quote += notional_quote
        else:
            reasons[reason] = None
    return tuple(permitted), ", ".join(reasons)


def objection(
    side: Side, price: int, quantity: int, limits: Limits, stake: Stake, amended: Order | None = None
) -> str | None:
    """Why an order must not be sent; None if it may. `quantity` is what may still fill of it, in lots.

    Independent of `permit`: it looks at everything that may be live, not at what is wanted.
    """
    instrument = stake.instrument
    amount, at_price = instrument.amount(quantity), instrument.price(price)
    notional_quote = instrument.notional_quote(amount, at_price)
    if amended is None and stake.open_orders >= limits.max_open_orders:
        return "max_open_orders"
    after = stake.worst_position(side, besides=amended) + side.sign * amount
    open_quote = notional_quote + _open_quote(instrument, stake.orders, amended)
    if limits.max_total_quote is not None and open_quote > limits.max_total_quote:
        return "max_total_quote"
    if crosses_own(side, price, stake.orders):
        return "would cross our own order"
    return (
        _size_objection(instrument, amount, at_price, notional_quote, limits)
        or _position_objection(instrument, after, side, stake.mark, limits)
        or _collar_objection(at_price, stake.mark, limits)
        or _funds_objection(stake, side, after, open_quote, limits)
    )


def crosses_own(side: Side, price: int, orders: Iterable[Order]) -> bool:
    """Whether an order at `price` could trade with one of ours that may be live."""
    others = (other for order in orders if order.side is not side for other in order.prices)
    return any(price >= other if side is Side.BUY else price <= other for other in others)


def _open_quote(instrument: Instrument, orders: Iterable[Order], besides: Order | None) -> Decimal:
    return sum(
        (
            instrument.notional_quote(instrument.amount(order.remaining_max), instrument.price(max(order.prices)))
            for order in orders
            if order is not besides
        ),
        Decimal(0),
    )


def _size_objection(
    instrument: Instrument, amount: Decimal, price: Decimal, notional_quote: Decimal, limits: Limits
) -> str | None:
    if price <= 0 or amount <= 0:
        return "price and size must be positive"
    if price % instrument.tick_at(price) != 0:
        return "off the tick"
    if amount < instrument.min_amount or notional_quote < instrument.min_notional:
        return "below the venue's minimum"
    if notional_quote > limits.max_order_quote:
        return "max_order_quote"
    return None


def _position_objection(
    instrument: Instrument, after: Decimal, side: Side, mark: Decimal, limits: Limits
) -> str | None:
    if after * side.sign <= 0:
        return None  # It only reduces.
    if abs(instrument.notional_quote(after, mark)) > limits.max_position_quote:
        return "max_position_quote"
    return None


def _collar_objection(price: Decimal, mark: Decimal, limits: Limits) -> str | None:
    if abs(price - mark) * 10_000 > Decimal(repr(limits.price_collar_bps)) * mark:
        return "price_collar_bps"
    return None


def _funds_objection(stake: Stake, side: Side, after: Decimal, open_quote: Decimal, limits: Limits) -> str | None:
    """Funds that resting and in-flight orders would need, were they all to fill."""
    instrument = stake.instrument
    if instrument.kind is Kind.SPOT:
        if side is Side.BUY:
            return "funds" if stake.cash is None or open_quote > stake.cash else None
        return "funds" if stake.base_cash is None or after < 0 else None
    if stake.cash is None:
        return "funds"
    if after * side.sign <= 0:
        return None
    needed = abs(instrument.value(after, stake.mark)) / limits.max_leverage
    return "funds" if needed > stake.cash else None
