"""Risk: `permit` trims what a strategy wants to show; the `Gate` is the independent last word on every single order.

A limit denies what adds risk: orders that reduce the position, and every cancel, pass. Exposure is the worst case: the
position plus everything that may still fill, resting, in flight or UNKNOWN, with the larger of the two quantities of an
amend that is not answered.

Theory. Money is counted in whole numbers here, exactly: what an order is worth is a multiple of the instrument's
`notional_unit`, so a limit in quote currency is a limit on a whole number. What we hold is decimal; together with the
mark it says once how many lots may be on each side (the room), and every order is measured against that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter

import msgspec

from replenisher.core.account import ZERO
from replenisher.core.load import Counted, Load
from replenisher.core.orders import Order
from replenisher.model.instrument import SPOT, Instrument
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.step import Cut, Quote
from replenisher.model.units import BPS, SECOND_NS

COLLAR = "price_collar_bps"
CROSSES_OWN = "would cross our own order"
FUNDS, LEVERAGE = "funds", "max_leverage"
REDUCES = "only what reduces the position may be shown"
NO_PRICE = 1 << 62


class OnBreach(StrEnum):
    """What follows when a limit is broken."""

    PAUSE = "pause"  # nothing is shown until a cool-off is over
    REDUCE = "reduce"  # until then, only what makes the position smaller is shown
    HALT = "halt"  # nothing is shown until an operator says why it may go on; the daemon ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one account. Amounts of money are in the quote currency of the instrument."""

    max_position_quote: Decimal  # of each instrument
    max_order_quote: Decimal
    max_open_orders: int
    max_daily_loss_quote: Decimal
    price_collar_bps: float  # how far from the others' mid an order may stand
    max_data_age_ns: int
    max_leverage: Decimal  # all worst-case positions over the cash that is behind them, for contracts on margin
    max_total_quote: Decimal | None = None  # all open orders on one instrument; None is no limit of its own
    on_loss: OnBreach = OnBreach.PAUSE  # of max_daily_loss_quote
    on_position: OnBreach = OnBreach.PAUSE  # of max_position_quote, by fills
    cooloff_ns: int = 900 * SECOND_NS
    max_messages_per_minute: int | None = None  # orders, amends and cancels on one instrument; None is no limit
    max_fills_per_minute: int | None = None  # of one strategy
    on_messages: OnBreach = OnBreach.HALT
    on_fills: OnBreach = OnBreach.HALT
    max_loop_lag_ns: int | None = None  # by how much too late we may look at what happens
    max_clock_offset_ns: int | None = None  # how far a venue's clock may be from ours


class Measure:
    """The limits of one account, or one strategy, in whole numbers of one instrument."""

    __slots__ = (
        "collar",
        "instrument",
        "is_banded",
        "is_spot",
        "limits",
        "lots_min",
        "order_units_max",
        "total_units_max",
        "units_min",
    )

    def __init__(self, limits: Limits, instrument: Instrument) -> None:
        unit = instrument.notional_unit
        self.limits, self.instrument = limits, instrument
        self.lots_min = max(1, _ceiling(instrument.min_amount, instrument.lot))
        self.units_min = _ceiling(instrument.min_notional, unit)
        self.order_units_max = int(limits.max_order_quote // unit)
        self.is_spot = instrument.kind is SPOT
        self.is_banded = len(instrument.tick_steps) > 1
        self.total_units_max = None if limits.max_total_quote is None else int(limits.max_total_quote // unit)
        self.collar = Decimal(repr(limits.price_collar_bps)) / BPS


class Stake(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an account, or one strategy's share of it, holds at one moment."""

    position: Decimal  # wire amount, negative is short
    cash: Decimal | None  # settlement currency, what waits for a settlement included; None until the venue has told it
    base_cash: Decimal | None  # base currency; None but for spot. Of neither what is kept for other instruments
    mark: Decimal  # the others' mid, in price units
    reduces: bool = False  # whether only what makes the account's position smaller may be shown


class Bound:
    """How far limits let an account, or one strategy, go on one instrument, with what is held at one moment."""

    __slots__ = ("buy_funds", "buy_room", "highest", "lacks", "lowest", "measure", "sell_funds", "sell_room", "stake")

    def __init__(self, measure: Measure, stake: Stake) -> None:
        self.measure, self.stake = measure, stake
        instrument, limits, mark = measure.instrument, measure.limits, stake.mark
        away = mark * measure.collar
        self.lowest = _ceiling(mark - away, instrument.tick)  # ticks
        self.highest = int((mark + away) // instrument.tick)
        reach = ZERO if stake.reduces else instrument.amount_of_quote(limits.max_position_quote, mark)
        self.buy_room, self.sell_room = self._lots_within(reach)
        self.lacks = FUNDS
        if measure.is_spot:
            self.buy_funds = _whole(stake.cash, instrument.notional_unit)  # units, of all buys
            self.sell_funds = _whole(stake.base_cash, instrument.lot)  # lots, of all sells
        elif stake.cash is None:
            self.buy_funds = self.sell_funds = -1
        else:
            if stake.cash > 0:
                self.lacks = LEVERAGE  # there is money, and that much more may not stand on it
            reach = instrument.amount_of_value(max(ZERO, stake.cash) * limits.max_leverage, mark)
            self.buy_funds, self.sell_funds = self._lots_within(reach)

    def _lots_within(self, reach: Decimal) -> tuple[int, int]:
        """How many lots may be bought, and sold, until the position is that large on the side they lead to."""
        position, lot = self.stake.position, self.measure.instrument.lot
        return int((reach - position) // lot), int((reach + position) // lot)

    def objection(self, side: Side, price: int, lots: int, load: Load, orders: int) -> str | None:
        """The first limit that one more order would break beside `load`, with so many open orders on the account.

        Size and collar hold for every order, also for one that only reduces: they are there against fat fingers.
        """
        measure = self.measure
        instrument = measure.instrument
        if price <= 0 or lots <= 0:
            return "price and size must be positive"
        if measure.is_banded and not instrument.is_on_tick(price):
            return "off the tick"
        units = lots if instrument.inverse else lots * price
        if lots < measure.lots_min or units < measure.units_min:
            return "below the venue's minimum"
        if units > measure.order_units_max:
            return "max_order_quote"
        if orders >= measure.limits.max_open_orders:
            return "max_open_orders"
        if measure.total_units_max is not None and self._units(load) + units > measure.total_units_max:
            return "max_total_quote"
        if not self.lowest <= price <= self.highest:
            return COLLAR
        return self._beyond(side, load, lots, units)

    def is_over(self, load: Load) -> bool:
        """Whether orders that may be live are more, on a side, than may be filled there."""
        is_bought_over = load.buy_lots > 0 and self._beyond(BUY, load) is not None
        return is_bought_over or (load.sell_lots > 0 and self._beyond(SELL, load) is not None)

    def _beyond(self, side: Side, load: Load, lots: int = 0, units: int = 0) -> str | None:
        """The limit of what may be filled on a side that `load` breaks, with so much more there."""
        if side is BUY:
            on_side, room, funds = load.buy_lots + lots, self.buy_room, self.buy_funds
            needed = load.buy_lot_ticks + units if self.measure.is_spot else on_side
        else:
            on_side, room, funds = load.sell_lots + lots, self.sell_room, self.sell_funds
            needed = on_side
        if on_side > room:
            return REDUCES if self.stake.reduces else "max_position_quote"
        return self.lacks if needed > funds else None

    def within(self, quote: Quote, load: Load) -> tuple[int, str]:
        """How much of a quote is left beside `load`, and why not all of it; a limit may still speak against the rest.

        What only makes the position smaller is left as large as an order may be: else more than that might be held for
        ever. Where nothing else may be shown, no more than that is left.
        """
        side, lots, why, instrument = quote.side, quote.quantity, "", self.measure.instrument
        to_close = int(-side.sign * self.stake.position // instrument.lot)
        to_close -= load.buy_lots if side is BUY else load.sell_lots
        if lots > to_close:
            if not self.stake.reduces:
                return lots, ""
            lots, why = to_close, REDUCES
        largest = self.measure.order_units_max // instrument.notional_units(1, max(1, quote.price))
        return (largest, "max_order_quote") if lots > largest else (lots, why)

    def takes(self, quotes: Sequence[Quote], load: Load, orders: int) -> bool:
        """Whether a whole ladder may stand beside `load`: then every part of it may, as no sum of a part is larger."""
        measure = self.measure
        instrument = measure.instrument
        inverse, has_bands = instrument.inverse, measure.is_banded
        lowest, highest = self.lowest if self.lowest > 0 else 1, self.highest
        lots_min, units_min, units_max = measure.lots_min, measure.units_min, measure.order_units_max
        buys, sells, buy_units, sell_units = load.buy_lots, load.sell_lots, 0, 0
        for quote in quotes:
            price = quote.price
            lots = quote.quantity
            units = lots if inverse else lots * price
            if not (lowest <= price <= highest and lots_min <= lots and units_min <= units <= units_max):
                return False
            if has_bands and not instrument.is_on_tick(price):
                return False
            if quote.side is BUY:
                buys += lots
                buy_units += units
            else:
                sells += lots
                sell_units += units
        total_max = measure.total_units_max
        if total_max is not None and self._units(load) + buy_units + sell_units > total_max:
            return False
        needed = load.buy_lot_ticks + buy_units if measure.is_spot else buys
        return (
            orders + len(quotes) <= measure.limits.max_open_orders
            and buys <= self.buy_room
            and sells <= self.sell_room
            and needed <= self.buy_funds
            and sells <= self.sell_funds
        )

    def _units(self, load: Load) -> int:
        """What a load is worth, in units."""
        if self.measure.instrument.inverse:
            return load.buy_lots + load.sell_lots
        return load.buy_lot_ticks + load.sell_lot_ticks


class Exposure(msgspec.Struct, frozen=True, gc=False):
    """A bound, and the orders that count towards it."""

    bound: Bound
    load: Load  # on the instrument
    elsewhere: int = 0  # open orders on other instruments


def permit(quotes: Sequence[Quote], exposures: Sequence[Exposure]) -> tuple[tuple[Quote, ...], tuple[Cut, ...]]:
    """As much of the ladder as the limits allow, and what of it they do not. What stands nearest to the touch stays.

    The exposures hold what is there *beside* this ladder: the ladder itself is what is judged.
    """
    for each in exposures:
        if not each.bound.takes(quotes, each.load, each.load.orders + each.elsewhere):
            return _as_far_as_may_be(quotes, exposures)
    return tuple(quotes), ()


def _as_far_as_may_be(
    quotes: Sequence[Quote], exposures: Sequence[Exposure]
) -> tuple[tuple[Quote, ...], tuple[Cut, ...]]:
    permitted: list[Quote] = []
    cuts: list[Cut] = []
    loads = [msgspec.structs.replace(each.load) for each in exposures]
    bounded = list(zip(exposures, loads, strict=True))
    for wanted in sorted(quotes, key=attrgetter("level", "side")):
        quote = wanted
        lots, why = min([each.bound.within(quote, load) for each, load in bounded])
        if lots < quote.quantity:
            if lots <= 0:
                cuts.append(Cut.all_of(quote, why))
                continue
            quote = msgspec.structs.replace(quote, quantity=lots)
            cuts.append(Cut.leaving(quote, why))
        side, price, lots, reason = quote.side, quote.price, quote.quantity, None
        for each, load in bounded:
            reason = each.bound.objection(side, price, lots, load, load.orders + each.elsewhere)
            if reason is not None:
                break
        if reason is not None:
            cuts.append(Cut.all_of(quote, reason))
            continue
        permitted.append(quote)
        for load in loads:
            load.change(side, None, (lots, price))
    return tuple(permitted), tuple(cuts)


class Gate:
    """The last word on every single order of one ladder, good as long as only that ladder sends on its instrument.

    The same rules as `permit`, on other evidence: everything that may be live, not what is wanted.
    """

    __slots__ = ("_exposures", "_highest_buy", "_lowest_sell", "is_running")

    def __init__(self, exposures: Sequence[Exposure], orders: Iterable[Order], *, is_running: bool = False) -> None:
        self._exposures = exposures
        self.is_running = is_running  # the loads have in them what is sent meanwhile; if not, it judges one order
        highest_buy, lowest_sell = -NO_PRICE, NO_PRICE
        moving: list[Order] = []
        for order in orders:
            price = order.price
            if order.pending is not None:
                moving.append(order)
            if order.side is BUY:
                if price > highest_buy:
                    highest_buy = price
            elif price < lowest_sell:
                lowest_sell = price
        self._highest_buy, self._lowest_sell = highest_buy, lowest_sell  # at which one of ours may rest
        for order in moving:
            self.passed(order.side, order.prices[-1])

    def passed(self, side: Side, price: int) -> None:
        """An order of ours may rest there."""
        if side is BUY:
            if price > self._highest_buy:
                self._highest_buy = price
        elif price < self._lowest_sell:
            self._lowest_sell = price

    def lets_all_pass(self, quotes: Sequence[Quote]) -> bool:
        """Whether nothing speaks against any of these, however many of them are sent and whatever they amend.

        They are judged together, and beside all that stands: no sum on the way there is larger, no price further in.
        """
        buys = [quote.price for quote in quotes if quote.side is BUY]
        sells = [quote.price for quote in quotes if quote.side is not BUY]
        if max([self._highest_buy, *buys]) >= min([self._lowest_sell, *sells]):
            return False
        return all(each.bound.takes(quotes, each.load, each.load.orders + each.elsewhere) for each in self._exposures)

    def objection(self, side: Side, price: int, quantity: int, amended: Counted | None) -> str | None:
        """Why an order must not be sent; None if it may.

        `quantity` is what may still fill of it, in lots; if it rests already, `amended` are the lots and ticks with
        which it counts now.
        """
        if price >= self._lowest_sell if side is BUY else price <= self._highest_buy:
            return CROSSES_OWN
        for each in self._exposures:
            load = each.load if amended is None else each.load.without(side, *amended)
            reason = each.bound.objection(side, price, quantity, load, load.orders + each.elsewhere)
            if reason is not None:
                return reason
        return None


def _ceiling(value: Decimal, unit: Decimal) -> int:
    """The smallest whole number of units that is not below a value."""
    whole = int(value // unit)
    return whole + (whole * unit < value)


def _whole(value: Decimal | None, unit: Decimal) -> int:
    """The whole units in what is held; -1, which nothing fits into, of what is not known."""
    return -1 if value is None else int(value // unit)
