"""What the ladders before one would show on the same account: it shares the limits and the money with them."""

from decimal import Decimal

from replenisher.core.load import Load
from replenisher.core.reserves import Reserves, needs
from replenisher.core.risk import Limits
from replenisher.model.instrument import Instrument
from replenisher.venues.fit import Fit


class Beside:
    """Their orders, and what stands behind them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._loads: dict[str, Load] = {}  # by instrument
        self.reserves = Reserves()

    def on(self, instrument: Instrument) -> Load:
        """Their orders on one instrument."""
        return self._loads.setdefault(instrument.key, Load())

    @property
    def orders(self) -> int:
        """How many they have in all."""
        return sum(load.orders for load in self._loads.values())

    def elsewhere(self, instrument: Instrument) -> int:
        """How many orders they have on all others."""
        return sum(load.orders for key, load in self._loads.items() if key != instrument.key)

    def stands(self, fit: Fit, position: Decimal) -> None:
        """One ladder more."""
        instrument, load = fit.listing.instrument, self.on(fit.listing.instrument)
        for quote in fit.stand.values():
            load.change(quote.side, None, (quote.quantity, quote.price))
        self.reserves.keep(instrument, needs(instrument, position, load, fit.mark, self._limits.max_leverage))
