"""An instrument as its venue defines it: its grid of prices and amounts, and what a position in it is worth."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from functools import cache, cached_property
from sys import intern
from typing import assert_never

import msgspec

from replenisher.model.order import BUY, SELL, Side

NEAR_A_TICK = 1e-6  # of a tick: a double nearer to the grid than this is rounded by its decimal digits
TICKS_MAX = 1e9  # up to here a quotient of doubles misses by less than that


class Kind(StrEnum):
    """What kind of contract an instrument is."""

    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    OPTION = "option"


SPOT = Kind.SPOT  # asked for at every fill


class AmountUnit(StrEnum):
    """What one unit of the venue's wire amount is."""

    BASE = "base"
    QUOTE = "quote"
    CONTRACT = "contract"


BASE, QUOTE = AmountUnit.BASE, AmountUnit.QUOTE  # asked for with every answer of a strategy


class TickStep(msgspec.Struct, frozen=True):
    """The tick in force for prices above `above_price`."""

    above_price: Decimal
    tick: Decimal


def instrument_key(venue: str, name: str) -> str:
    """The one string by which facts, orders and rows name an instrument of a venue.

    It is one object as well: whatever is kept by instrument is found without comparing letters.
    """
    return intern(f"{venue}/{name}")


@cache  # there are as many as are traded, and every order is asked for its own
def venue_of(instrument: str) -> str:
    """The venue in an instrument's key."""
    return instrument.partition("/")[0]


@cache
def name_of(instrument: str) -> str:
    """The venue's own name of it."""
    return instrument.partition("/")[2]


class Instrument(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One tradable contract. A change of any field is a new value with the next `version`.

    Prices we ask for are integers in units of `tick` (the finest step), amounts integers in units of `lot`.
    `contract_value` converts an amount: base units per contract (linear, amount in contracts), else 1.
    """

    venue: str
    name: str
    kind: Kind
    tick_steps: tuple[TickStep, ...]  # ascending; the first one starts at price 0
    lot: Decimal  # in the wire amount
    amount_unit: AmountUnit
    contract_value: Decimal = Decimal(1)
    inverse: bool = False
    base_currency: str
    quote_currency: str
    settlement_currency: str
    pays_at_settlement: bool = False  # whether what fills realize is cash only once it is settled
    min_amount: Decimal  # in the wire amount
    min_notional: Decimal = Decimal(0)  # in the quote currency
    version: int = 1

    def __post_init__(self) -> None:
        assert self.tick_steps and self.tick_steps[0].above_price == 0, "the first tick step starts at 0"
        assert self.lot > 0, "a lot is positive"

    @cached_property
    def key(self) -> str:
        """`venue/name`, the instrument's name everywhere inside."""
        return instrument_key(self.venue, self.name)

    @cached_property
    def tick(self) -> Decimal:
        """The finest tick, in which prices are counted."""
        return self.tick_steps[0].tick

    @cached_property
    def tick_float(self) -> float:
        """The finest tick as the double that is nearest to it."""
        return float(self.tick)

    @property
    def wire_unit(self) -> str:
        """What one of its wire amount is."""
        currencies = {AmountUnit.BASE: self.base_currency, AmountUnit.QUOTE: self.quote_currency}
        return currencies.get(self.amount_unit, "contracts")

    @cached_property
    def notional_unit(self) -> Decimal:
        """What `notional_units` counts, in the quote currency."""
        worth = self.lot * self.contract_value
        return worth if self.inverse else worth * self.tick

    def notional_units(self, lots: int, ticks: int) -> int:
        """What so many lots at a price are worth, as a whole number: lots, or lots x ticks where the price counts."""
        return lots if self.inverse else lots * ticks

    def price(self, ticks: int) -> Decimal:
        """The exact price of an integer number of ticks."""
        return ticks * self.tick

    def amount(self, lots: int) -> Decimal:
        """The exact wire amount of an integer number of lots."""
        return lots * self.lot

    @cached_property
    def price_texts(self) -> "Multiples":
        """Prices as exact decimal text, by ticks."""
        return Multiples(self.tick)

    @cached_property
    def amount_texts(self) -> "Multiples":
        """Wire amounts as exact decimal text, by lots."""
        return Multiples(self.lot)

    def lots(self, amount: Decimal) -> int:
        """The whole lots in a wire amount, rounded down."""
        return int(amount // self.lot)

    def counts_as(self, other: "Instrument") -> bool:
        """Whether an amount of one is worth what the same amount of the other is."""
        return (self.contract_value, self.inverse, self.settlement_currency) == (
            other.contract_value,
            other.inverse,
            other.settlement_currency,
        )

    def is_too_small(self, amount: Decimal, price: Decimal) -> bool:
        """Whether an order of a wire amount is below one of the venue's minimums."""
        return amount < self.min_amount or self.notional_quote(amount, price) < self.min_notional

    def tick_at(self, price: Decimal) -> Decimal:
        """The step in force at `price`: that of the highest band strictly below it."""
        tick = self.tick
        for step in self.tick_steps[1:]:
            if price > step.above_price:
                tick = step.tick
        return tick

    def is_on_tick(self, ticks: int) -> bool:
        """Whether a price lies on the grid that is in force there."""
        return len(self.tick_steps) == 1 or self.price(ticks) % self.tick_at(self.price(ticks)) == 0

    def nearer(self, side: Side, ticks: int, steps: int) -> int:
        """The allowed price so many steps of the grid in front of an allowed one, in ticks."""
        if len(self.tick_steps) == 1:
            return ticks + side.sign * steps
        for _ in range(steps):
            price = self.price(ticks)  # at the edge of a band the step is another one above than below
            ticks += side.sign * int(self.tick_at(price + self.tick if side is BUY else price) / self.tick)
        return ticks

    def round_price(self, side: Side, price: float | Decimal) -> int:
        """The nearest allowed price away from the market, in ticks: down for a buy, up for a sell."""
        exact = Decimal(repr(price)) if isinstance(price, float) else price
        rounding = ROUND_FLOOR if side is BUY else ROUND_CEILING
        step = self.tick_at(exact)
        rounded = (exact / step).to_integral_value(rounding) * step
        # Rounding up may cross into a band with a coarser step, whose grid then decides.
        if (coarser := self.tick_at(rounded)) != step:
            rounded = (rounded / coarser).to_integral_value(rounding) * coarser
        return int(rounded / self.tick)

    def round_prices(self, side: Side, prices: Iterable[float]) -> list[int]:
        """`round_price` of each.

        A quotient of doubles misses the true one by far less than a millionth of a tick. So it tells between which two
        ticks a price lies, unless the price is as good as on one of them: then its decimal digits decide.
        """
        if len(self.tick_steps) > 1:
            return [self.round_price(side, price) for price in prices]
        tick, up = self.tick_float, side is SELL
        rounded: list[int] = []
        for price in prices:
            exact = price / tick
            below = int(exact)
            if NEAR_A_TICK < exact - below < 1 - NEAR_A_TICK and exact < TICKS_MAX:
                rounded.append(below + up)
            else:
                rounded.append(self.round_price(side, price))
        return rounded

    def amount_of_quote(self, notional_quote: Decimal, price: Decimal) -> Decimal:
        """The wire amount worth `notional_quote` at `price`, not yet rounded to lots."""
        if self.inverse:
            return notional_quote / self.contract_value
        return notional_quote / (price * self.contract_value)

    def amount_of_base(self, base: Decimal, price: Decimal) -> Decimal:
        """The wire amount that is `base` units of the base currency at `price`."""
        if self.inverse:
            return base * price / self.contract_value
        return base / self.contract_value

    def wire_amount(self, amount: Decimal, unit: AmountUnit, price: Decimal) -> Decimal:
        """An amount counted in some unit as the venue counts it at `price`, not yet rounded to lots."""
        match unit:
            case AmountUnit.QUOTE:
                return self.amount_of_quote(amount, price)
            case AmountUnit.BASE:
                return self.amount_of_base(amount, price)
            case AmountUnit.CONTRACT:
                return amount if self.amount_unit is AmountUnit.CONTRACT else amount * self.lot
            case _:
                assert_never(unit)

    def notional_quote(self, amount: Decimal, price: Decimal) -> Decimal:
        """What a wire amount is worth at `price`, in the quote currency; it keeps the sign of the amount."""
        if self.inverse:
            return amount * self.contract_value
        return amount * self.contract_value * price

    def value(self, amount: Decimal, price: Decimal) -> Decimal:
        """What a wire amount is worth at `price`, in the settlement currency."""
        if self.inverse:
            return amount * self.contract_value / price
        return amount * self.contract_value * price

    def amount_of_value(self, value: Decimal, price: Decimal) -> Decimal:
        """The wire amount worth `value` of the settlement currency at `price`, not yet rounded to lots."""
        if self.inverse:
            return value * price / self.contract_value
        return value / (price * self.contract_value)


class Multiples(dict[int, str]):
    """Whole multiples of a unit as exact decimal text, each written when it is first asked for: most are again."""

    SIZE_MAX = 65_536

    def __init__(self, unit: Decimal) -> None:
        super().__init__()
        self._unit = unit

    def __missing__(self, count: int) -> str:
        if len(self) >= self.SIZE_MAX:
            self.clear()
        text = self[count] = format(count * self._unit, "f")
        return text
