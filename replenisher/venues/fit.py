"""How a strategy's ladder fits onto a venue's grid of prices and amounts.

The strategy itself is asked what it would show, once on the venue's grid and once on one a thousand times finer. What
the two answers differ by is what the grid takes away, whatever the strategy's idea is.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from replenisher.core.book import Touch
from replenisher.core.fair_value import fair_value_of
from replenisher.core.strategy import Quotes, Strategy, View
from replenisher.core.touch_prices import mid
from replenisher.model.instrument import Instrument, TickStep
from replenisher.model.order import Side
from replenisher.model.step import Quote
from replenisher.venues.doctor import Listing, number

FINER = 1_000

Key = tuple[Side, int]  # a level of a side


class Failed(Exception):
    """The strategy has raised when it was asked, which is its own affair; the reason."""


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy would show of its levels on the venue's grid, and what it means to show."""

    listing: Listing
    mark: Decimal  # in the middle of the touch
    fair_value: float | None
    meant: Mapping[Key, Decimal]  # sizes, in the wire amount
    stand: Mapping[Key, Quote]

    @property
    def standing(self) -> list[Quote]:
        """What the venue would take."""
        return [quote for key, quote in self.stand.items() if not self._is_small(key)]

    @property
    def collapsed(self) -> list[Key]:
        """The levels that would fall onto the price of another one."""
        lot = self.listing.instrument.lot
        return [key for key, amount in self.meant.items() if key not in self.stand and amount >= lot]

    @property
    def small(self) -> list[Key]:
        """The levels that are below the venue's minimum, or so small that nothing is left of them in lots."""
        return [key for key in self.meant if self._is_small(key)]

    def _is_small(self, key: Key) -> bool:
        instrument = self.listing.instrument
        if key not in self.stand:
            return self.meant[key] < instrument.lot
        return instrument.is_too_small(self.amount(key), instrument.price(self.stand[key].price))

    def amount(self, key: Key) -> Decimal:
        """The size with which a level would stand."""
        return self.listing.instrument.amount(self.stand[key].quantity)


def fit_of(strategy: Strategy, listing: Listing, at: int) -> Fit | None:
    """The ladder of a strategy that holds nothing; None while the market has not two sides. Raises `Failed`."""
    if listing.bid is None or listing.ask is None:
        return None
    wanted = _by_level(_asked(strategy, _finer(listing.instrument), listing, at))
    answer = _asked(strategy, listing.instrument, listing, at)
    stand = _by_level(answer)
    return Fit(
        listing=listing,
        mark=(listing.bid[0] + listing.ask[0]) / 2,
        fair_value=answer.fair_value,
        meant=_meant(listing.instrument, wanted, stand),
        stand=stand,
    )


def too_small(fit: Fit) -> str:
    """What to say of levels that are below the venue's minimum; empty if there are none."""
    least = least_of(fit.listing.instrument)
    return f"{named(small)} would be below the venue's minimum of {least}" if (small := fit.small) else ""


def least_of(instrument: Instrument) -> str:
    """The venue's minimum of an order, in words."""
    least = f"{number(instrument.min_amount)} {instrument.wire_unit}"
    if instrument.min_notional:
        least += f" and {number(instrument.min_notional)} {instrument.quote_currency}"
    return least


def named(keys: Sequence[Key]) -> str:
    """Levels as they are counted on the screen: `bids 1, 2 and asks 1`."""
    sides = {"bids": Side.BUY, "asks": Side.SELL}
    told = [
        f"{word} {', '.join(str(level) for each, level in sorted(keys) if each is side)}"
        for word, side in sides.items()
        if any(each is side for each, _ in keys)
    ]
    return " and ".join(told)


def _finer(instrument: Instrument) -> Instrument:
    """The same instrument on a grid so fine that it takes nothing away."""
    steps = tuple(TickStep(step.above_price, step.tick / FINER) for step in instrument.tick_steps)
    return msgspec.structs.replace(instrument, tick_steps=steps, lot=instrument.lot / FINER)


def _by_level(answer: Quotes) -> dict[Key, Quote]:
    return {(quote.side, quote.level): quote for quote in answer.quotes}


def _asked(strategy: Strategy, instrument: Instrument, listing: Listing, at: int) -> Quotes:
    """What the strategy would show in this market, on the grid of `instrument`, if it held nothing."""

    def side(touch: tuple[Decimal, Decimal] | None) -> tuple[int, int]:
        assert touch is not None, "the market has two sides"
        return int(touch[0] / instrument.tick), max(1, instrument.lots(touch[1]))

    touch = Touch(*side(listing.bid), *side(listing.ask))
    fair_value = fair_value_of(strategy)
    view = View(
        at=at,
        instrument=instrument,
        touch=touch,
        last_trade=int(listing.last / instrument.tick) if listing.last else None,
        inventory=Decimal(0),
        prices={} if fair_value is None else fair_value.prices_at(mid(touch) * instrument.tick_float),
    )
    try:
        return strategy.quote(view)
    except Exception as error:
        raise Failed(f"{type(error).__name__}: {error}") from error


def _meant(instrument: Instrument, wanted: Mapping[Key, Quote], stand: Mapping[Key, Quote]) -> dict[Key, Decimal]:
    """The size that each level is meant to have. A strategy that counts in lots names as many on any grid."""
    counts_lots = any(key in stand and stand[key].quantity == quote.quantity for key, quote in wanted.items())
    grid = instrument if counts_lots else _finer(instrument)
    return {key: grid.amount(quote.quantity) for key, quote in wanted.items()}
