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

ZERO = Decimal(0)


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


@dataclass(slots=True)
class Load:
    """What would already be at stake beside one more order of a side."""

    position: Decimal  # if everything else of the side fills
    orders: int  # open ones, of both sides
    total_quote: Decimal  # their notional
    side_quote: Decimal  # the notional of those on the side
    side_amount: Decimal  # and their wire amount


def permit(quotes: Sequence[Quote], limits: Limits, stake: Stake) -> tuple[tuple[Quote, ...], str]:
    """As much of the ladder as the limits allow, and why not all of it. What stands nearest to the touch stays."""
    permitted: list[Quote] = []
    reasons: dict[str, None] = {}
    instrument = stake.instrument
    loads = {side: Load(stake.position, 0, ZERO, ZERO, ZERO) for side in Side}
    for quote in sorted(quotes, key=lambda quote: (quote.level, quote.side)):
        load, amount, price = loads[quote.side], instrument.amount(quote.quantity), instrument.price(quote.price)
        reason = _objection(quote.side, amount, price, limits, stake, load)
        if reason is not None:
            reasons[reason] = None
            continue
        permitted.append(quote)
        notional_quote = instrument.notional_quote(amount, price)
        load.position += quote.side.sign * amount
        load.side_quote += notional_quote
        load.side_amount += amount
        for each in loads.values():
            each.orders += 1
            each.total_quote += notional_quote
    return tuple(permitted), ", ".join(reasons)


def objection(
    side: Side, price: int, quantity: int, limits: Limits, stake: Stake, amended: Order | None = None
) -> str | None:
    """Why an order must not be sent; None if it may. `quantity` is what may still fill of it, in lots.

    The same rules as `permit`, on other evidence: everything that may be live, not what is wanted.
    """
    instrument = stake.instrument
    others = [order for order in stake.orders if order is not amended]
    if crosses_own(side, price, others):
        return "would cross our own order"
    load = Load(stake.position, stake.open_orders - (amended is not None), ZERO, ZERO, ZERO)
    for order in others:
        amount = instrument.amount(order.remaining_max)
        notional_quote = instrument.notional_quote(amount, instrument.price(max(order.prices)))
        load.total_quote += notional_quote
        if order.side is side:
            load.position += side.sign * amount
            load.side_quote += notional_quote
            load.side_amount += amount
    return _objection(side, instrument.amount(quantity), instrument.price(price), limits, stake, load)


def crosses_own(side: Side, price: int, orders: Iterable[Order]) -> bool:
    """Whether an order at `price` could trade with one of ours that may be live."""
    others = (other for order in orders if order.side is not side for other in order.prices)
    return any(price >= other if side is Side.BUY else price <= other for other in others)


def _objection(side: Side, amount: Decimal, price: Decimal, limits: Limits, stake: Stake, load: Load) -> str | None:
    """The first limit that one more order would break on top of `load`."""
    instrument, mark = stake.instrument, stake.mark
    if price <= 0 or amount <= 0:
        return "price and size must be positive"
    if price % instrument.tick_at(price) != 0:
        return "off the tick"
    notional_quote = instrument.notional_quote(amount, price)
    if amount < instrument.min_amount or notional_quote < instrument.min_notional:
        return "below the venue's minimum"
    if notional_quote > limits.max_order_quote:
        return "max_order_quote"
    if load.orders >= limits.max_open_orders:
        return "max_open_orders"
    if limits.max_total_quote is not None and load.total_quote + notional_quote > limits.max_total_quote:
        return "max_total_quote"
    if abs(price - mark) * 10_000 > Decimal(repr(limits.price_collar_bps)) * mark:
        return "price_collar_bps"
    after = load.position + side.sign * amount
    adds_risk = after * side.sign > 0
    if adds_risk and abs(instrument.notional_quote(after, mark)) > limits.max_position_quote:
        return "max_position_quote"
    if instrument.kind is Kind.SPOT:
        held, needed = (
            (stake.cash, load.side_quote + notional_quote)
            if side is Side.BUY
            else (stake.base_cash, load.side_amount + amount)
        )
    else:
        held = stake.cash
        needed = abs(instrument.value(after, mark)) / limits.max_leverage if adds_risk else ZERO
    return "funds" if held is None or needed > held else None
