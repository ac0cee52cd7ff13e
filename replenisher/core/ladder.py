"""A ladder: the levels of both sides, how large each is and how far out it stands, and the quotes made of them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import count, repeat
from math import isfinite
from typing import NamedTuple, assert_never

from replenisher.core.arguments import WrongArgument
from replenisher.core.strategy import Nonsense
from replenisher.model.instrument import BASE, QUOTE, AmountUnit, Instrument
from replenisher.model.mandate import Chain, Link
from replenisher.model.order import BUY, Side
from replenisher.model.step import Quote
from replenisher.model.units import BPS

FURTHEST = 1e6  # of fair value: what begins further out than this much of it is no price


class SizeCurve(StrEnum):
    """How the size of a level grows with its distance from the touch."""

    FLAT = "flat"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    CUSTOM = "custom"


def size_factors(curve: SizeCurve, levels: int, step: float) -> tuple[float, ...]:
    """Each level's size as a multiple of the first one's.

    linear: 1 + step * i; exponential: (1 + step) ** i. A custom ladder is written out and has no curve.
    """
    match curve:
        case SizeCurve.FLAT | SizeCurve.CUSTOM:
            return (1.0,) * levels
        case SizeCurve.LINEAR:
            return tuple(1 + step * i for i in range(levels))
        case SizeCurve.EXPONENTIAL:
            return tuple((1 + step) ** i for i in range(levels))
        case _:
            assert_never(curve)


class Rung(NamedTuple):
    """One level: how far out it stands, and its size in the ladder's unit."""

    spread_bps: float
    amount: Decimal


def require_counted(levels: int | None, spacing_bps: float | None, curve: SizeCurve, step: float | None) -> None:
    """Refuse what cannot be counted on from the first level, by the names that every ladder has for it."""
    if levels != 1 and not spacing_bps:
        raise WrongArgument("level_spacing_bps", "it must be greater than 0 with more than one level")
    if (step is not None) != (curve in (SizeCurve.LINEAR, SizeCurve.EXPONENTIAL)):
        raise WrongArgument("level_amount_step", "it belongs to the size curves linear and exponential, which need it")


def counted(
    *, levels: int, first_bps: float, spacing_bps: float, amount: Decimal, curve: SizeCurve, step: float
) -> tuple[Rung, ...]:
    """The levels of one side by number: the first one's distance and size, and how both go on from there."""
    return tuple(
        Rung(first_bps + level * spacing_bps, amount * Decimal(repr(factor)))
        for level, factor in enumerate(size_factors(curve, levels, step))
    )


class Ladder:
    """The levels of each side, nearest first, and what was worked out for the last price: most news leave it as it is.

    Sizes are in `size_unit`. No level stands closer to fair value than half of `min_spread_bps`; nothing is bought
    above the ceiling and nothing sold below the floor.
    """

    def __init__(
        self,
        rungs: Mapping[Side, Sequence[Rung]],
        size_unit: AmountUnit,
        *,
        min_spread_bps: float = 0.0,
        price_floor: float | None = None,
        price_ceiling: float | None = None,
    ) -> None:
        self.rungs = rungs
        self.size_unit = size_unit
        self._closest = min_spread_bps / 2
        self._floor = price_floor
        self._ceiling = price_ceiling
        self._is_bounded = price_floor is not None or price_ceiling is not None
        self._spreads_bps = {side: [rung.spread_bps for rung in levels] for side, levels in rungs.items()}
        self._first_bps = {side: min(spreads_bps, default=0.0) for side, spreads_bps in self._spreads_bps.items()}
        self._amounts = list(dict.fromkeys(rung.amount for levels in rungs.values() for rung in levels))  # each once
        self._places = {side: [self._amounts.index(rung.amount) for rung in levels] for side, levels in rungs.items()}
        self._last_sizes: tuple[Instrument, tuple[float, float], dict[Side, list[int]]] | None = None

    def quotes(
        self, instrument: Instrument, fair: float, bid_from: float, ask_from: float, lean: float = 0.0
    ) -> list[Quote]:
        """The quotes whose spreads count from these two prices, with sizes that lean against an inventory."""
        furthest = FURTHEST * fair
        if not (-furthest < bid_from and ask_from < furthest):  # nor is what is no number
            raise Nonsense(f"no price follows from its terms: bids begin at {bid_from}, asks at {ask_from}")
        quotes: list[Quote] = []
        for side, sizes in self.sizes(instrument, fair, lean).items():
            start = bid_from if side is BUY else ask_from
            prices = instrument.round_prices(side, self._prices(side, start, fair))
            levels = list(map(Quote, repeat(side), count(), prices, sizes))
            if 0 in sizes or len(set(prices)) < len(prices) or (levels and min(prices) <= 0):
                levels = _standing(levels)
            quotes += levels
        return self.within_bounds(instrument, quotes) if self._is_bounded else quotes

    def within_bounds(self, instrument: Instrument, quotes: Sequence[Quote]) -> list[Quote]:
        """Those that buy nothing above the ceiling and sell nothing below the floor."""
        tick = instrument.tick_float
        return [quote for quote in quotes if self._is_within_bounds(quote.side, quote.price * tick)]

    def side_quote(self, instrument: Instrument, price: float) -> float:
        """What the larger side of the ladder is worth, in the quote currency."""
        return self._side_amount * self.worth_of_one(instrument, price)

    def chain(self, *links: Link) -> Chain:
        """How its prices follow from a decision's terms, if these links lead to where its spreads count from."""
        closest_bps = 2 * self._closest
        return Chain(
            links=links,
            spreads_bps={side: tuple(spreads_bps) for side, spreads_bps in self._spreads_bps.items()},
            min_spread_bps=closest_bps if isfinite(closest_bps) else None,
            price_floor=self._floor,
            price_ceiling=self._ceiling,
        )

    @cached_property
    def nearest_bps(self) -> float:
        """The spread of the first level, the mean of both sides."""
        nearest = [levels[0].spread_bps for levels in self.rungs.values() if levels]
        return sum(nearest) / len(nearest)

    @cached_property
    def _side_amount(self) -> float:
        return max(float(sum((rung.amount for rung in levels), Decimal(0))) for levels in self.rungs.values())

    def worth_of_one(self, instrument: Instrument, price: float) -> float:
        """What one `size_unit` is worth, in the quote currency."""
        match self.size_unit:
            case AmountUnit.QUOTE:
                return 1.0
            case AmountUnit.BASE:
                return price
            case AmountUnit.CONTRACT:
                amount = instrument.wire_amount(Decimal(1), self.size_unit, Decimal(1))
                return float(amount * instrument.contract_value) * (1.0 if instrument.inverse else price)
            case _:
                assert_never(self.size_unit)

    def sizes(self, instrument: Instrument, price: float, lean: float = 0.0) -> dict[Side, list[int]]:
        """The size of each level in lots; worked out anew only when something that counts has changed."""
        counts = self.size_unit is (BASE if instrument.inverse else QUOTE)
        basis = (price if counts else 0.0, lean)
        last = self._last_sizes
        if last is not None and last[0] is instrument and last[1] == basis:
            return last[2]
        exact_price = Decimal(repr(price))
        amounts = [instrument.wire_amount(amount, self.size_unit, exact_price) for amount in self._amounts]
        sizes: dict[Side, list[int]] = {}
        for side, places in self._places.items():
            factor = Decimal(repr(max(0.0, min(2.0, 1.0 - side.sign * lean))))
            lots = [instrument.lots(amount * factor) for amount in amounts]
            sizes[side] = [lots[place] for place in places]
        self._last_sizes = (instrument, basis, sizes)
        return sizes

    def _prices(self, side: Side, start: float, fair: float) -> list[float]:
        """Where each level of a side would stand if there were no ticks."""
        closest, first = fair * self._closest / BPS, fair * self._first_bps[side] / BPS
        if side is BUY:
            bound = fair - closest
            prices = [start - fair * spread_bps / BPS for spread_bps in self._spreads_bps[side]]
            return prices if start - first <= bound else [min(price, bound) for price in prices]
        bound = fair + closest
        prices = [start + fair * spread_bps / BPS for spread_bps in self._spreads_bps[side]]
        return prices if start + first >= bound else [max(price, bound) for price in prices]

    def _is_within_bounds(self, side: Side, price: float) -> bool:
        bound = self._ceiling if side is BUY else self._floor
        return bound is None or (price - bound) * side.sign <= 0


def _standing(levels: list[Quote]) -> list[Quote]:
    """Those that can stand. Levels that the tick has pushed onto one price become one: the nearest keeps it."""
    nearest: dict[int, Quote] = {}
    for quote in levels:
        if quote.quantity > 0 and quote.price > 0:
            nearest.setdefault(quote.price, quote)
    return list(nearest.values())
