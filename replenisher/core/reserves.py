"""The reserves: what of our money stands behind each instrument, so that none of it stands behind two.

What is paid from one purse, our cash in one currency at one venue, shares it. A contract on margin needs its worst-case
position over the leverage that is allowed, spot all that its buys would pay and all that its sells would give away.
"""

from decimal import Decimal

from replenisher.core.account import ZERO
from replenisher.core.load import Load
from replenisher.model.instrument import SPOT, Instrument

Needs = tuple[Decimal, Decimal]  # of the settlement currency, and of the base currency
NOTHING: Needs = (ZERO, ZERO)


def needs(instrument: Instrument, position: Decimal, load: Load, mark: Decimal, max_leverage: Decimal) -> Needs:
    """What a position, and the orders that may still fill beside it, take out of our purses at most."""
    if instrument.kind is SPOT:
        return load.buy_lot_ticks * instrument.notional_unit, load.sell_lots * instrument.lot
    bought, sold = position + load.buy_lots * instrument.lot, position - load.sell_lots * instrument.lot
    return instrument.value(max(abs(bought), abs(sold)), mark) / max_leverage, ZERO


class Reserves:
    """What is kept for each instrument, and how much of every purse that is together."""

    __slots__ = ("_kept", "_totals")

    def __init__(self) -> None:
        self._kept: dict[str, Needs] = {}  # by instrument
        self._totals: dict[tuple[str, str], Decimal] = {}  # by purse: venue and currency

    def keep(self, instrument: Instrument, needed: Needs) -> None:
        """An instrument needs this much from now on."""
        before = self._kept.get(instrument.key, NOTHING)
        self._kept[instrument.key] = needed
        for purse, was, amount in zip(_purses(instrument), before, needed, strict=True):
            self._totals[purse] = self._totals.get(purse, ZERO) - was + amount

    def elsewhere(self, instrument: Instrument) -> Needs:
        """What of the purses of one instrument is kept for all others; no contract gives coins away."""
        own = self._kept.get(instrument.key, NOTHING)
        settlement, base = [self._totals.get(purse, ZERO) for purse in _purses(instrument)]
        return settlement - own[0], base - own[1] if instrument.kind is SPOT else ZERO


def _purses(instrument: Instrument) -> tuple[tuple[str, str], tuple[str, str]]:
    venue = instrument.venue
    return (venue, instrument.settlement_currency), (venue, instrument.base_currency)
