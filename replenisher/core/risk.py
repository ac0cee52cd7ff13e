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


@dataclass(frozen=True, slots=True)
class Bound:
    """Limits, and the stake they hold for: the account's, or one strategy's own."""

    limits: Limits
    stake: Stake


@dataclass(slots=True)
class Load:
    """What is already at stake beside one more order of a side."""

    position: Decimal  # if everything else of the side fills
    orders: int  # open ones, of both sides
    total_quote: Decimal = ZERO  # their notional
    side_quote: Decimal = ZERO  # the notional of those on the side
    side_amount: Decimal = ZERO  # and their wire amount

    @classmethod
    def of(cls, side: Side, stake: Stake, besides: Order | None = None) -> "Load":
        """The load of everything that may be live, one order left out."""
        load = cls(stake.position, stake.open_orders - (besides is not None))
        for order in stake.orders:
            if order is not besides:
                amount = stake.instrument.amount(order.remaining_max)
                load.add(
                    stake, amount, stake.instrument.price(max(order.prices)), order.side, is_ours=order.side is side
                )
        return load

    def add(self, stake: Stake, amount: Decimal, price: Decimal, side: Side, *, is_ours: bool) -> None:
        """One order more; `is_ours` if it is on the side whose load this is."""
        notional_quote = stake.instrument.notional_quote(amount, price)
        self.total_quote += notional_quote
        if is_ours:
            self.position += side.sign * amount
            self.side_quote += notional_quote
            self.side_amount += amount


def permit(quotes: Sequence[Quote], bounds: Sequence[Bound]) -> tuple[tuple[Quote, ...], str]:
    """As much of the ladder as the limits allow, and why not all of it. What stands nearest to the touch stays.

    The stakes hold what is there *beside* this ladder: the ladder itself is what is judged.
    """
    permitted: list[Quote] = []
    reasons: dict[str, None] = {}
    loads = [{side: Load.of(side, bound.stake) for side in Side} for bound in bounds]
    for quote in sorted(quotes, key=lambda quote: (quote.level, quote.side)):
        instrument = bounds[0].stake.instrument
        amount, price = instrument.amount(quote.quantity), instrument.price(quote.price)
        reason = _first(
            _objection(quote.side, amount, price, bound, load[quote.side])
            for bound, load in zip(bounds, loads, strict=True)
        )
        if reason is not None:
            reasons[reason] = None
            continue
        permitted.append(quote)
        for bound, load in zip(bounds, loads, strict=True):
            for side, each in load.items():
                each.orders += 1
                each.add(bound.stake, amount, price, quote.side, is_ours=side is quote.side)
    return tuple(permitted), ", ".join(reasons)


def objection(
    side: Side, price: int, quantity: int, bounds: Sequence[Bound], amended: Order | None = None
) -> str | None:
    """Why an order must not be sent; None if it may. `quantity` is what may still fill of it, in lots.

    The same rules as `permit`, on other evidence: everything that may be live, not what is wanted.
    """
    account = bounds[0].stake
    if crosses_own(side, price, (order for order in account.orders if order is not amended)):
        return "would cross our own order"
    amount, at_price = account.instrument.amount(quantity), account.instrument.price(price)
    return _first(_objection(side, amount, at_price, bound, Load.of(side, bound.stake, amended)) for bound in bounds)


def _first(reasons: Iterable[str | None]) -> str | None:
    return next((reason for reason in reasons if reason is not None), None)


def crosses_own(side: Side, price: int, orders: Iterable[Order]) -> bool:
    """Whether an order at `price` could trade with one of ours that may be live."""
    others = (other for order in orders if order.side is not side for other in order.prices)
    return any(price >= other if side is Side.BUY else price <= other for other in others)


def _objection(side: Side, amount: Decimal, price: Decimal, bound: Bound, load: Load) -> str | None:
    """The first limit that one more order would break on top of `load`.

    Size and collar hold for every order, also for one that only reduces: they are there against fat fingers.
    """
    limits, stake = bound.limits, bound.stake
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
