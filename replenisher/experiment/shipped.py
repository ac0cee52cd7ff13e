"""The shipped strategies in the experiment: each answers through the strategy port, as it does for the daemon.

The distances of its quotes from the mid are read off once for every step and inventory that occurs; the mid itself only
shifts them. The instrument has a tick so fine that rounding to it changes nothing that could be seen.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import assert_never

from replenisher.core.book import Touch
from replenisher.core.coefficient import Coefficient, Sigma
from replenisher.core.strategy import Strategy, View
from replenisher.experiment.exact import Quoter, mean_spread
from replenisher.experiment.world import World
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import BUY, SELL
from replenisher.model.units import BPS, SECOND_NS
from strategies.avellaneda_stoikov import AvellanedaStoikov, Horizon
from strategies.glft import Glft
from strategies.pure_mm import PureMarketMaking

TICK = Decimal("1e-6")
UNIT = Decimal(1)
INSTRUMENT = Instrument(
    venue="experiment",
    name="UNIT",
    kind=Kind.SPOT,
    tick_steps=(TickStep(Decimal(0), TICK),),
    lot=UNIT,
    amount_unit=AmountUnit.BASE,
    base_currency="UNIT",
    quote_currency="MONEY",
    settlement_currency="MONEY",
    min_amount=UNIT,
)


def strategy_of(quoter: Quoter, world: World) -> Strategy:
    """The shipped strategy that quotes as this one does in the paper: one unit a side, with coefficients as given."""
    sigma, a, k = Sigma(value=world.sigma), Coefficient(value=world.a), Coefficient(value=world.k)
    match quoter:
        case Quoter.INVENTORY:
            return AvellanedaStoikov(
                size_unit=AmountUnit.BASE,
                order_amount=UNIT,
                gamma=world.gamma,
                sigma=sigma,
                k=k,
                horizon=Horizon.FINITE,
                horizon_s=world.horizon_s,
                time_step_s=world.dt_s,
                min_spread_bps=None,
            )
        case Quoter.SYMMETRIC:
            spread_bps = mean_spread(world) / 2 / world.start_price * BPS
            return PureMarketMaking(
                size_unit=AmountUnit.BASE,
                order_amount=UNIT,
                order_levels=1,
                bid_spread_bps=spread_bps,
                ask_spread_bps=spread_bps,
            )
        case Quoter.GLFT:
            return Glft(
                size_unit=AmountUnit.BASE,
                order_amount=UNIT,
                gamma=world.gamma,
                sigma=sigma,
                a=a,
                k=k,
                min_spread_bps=None,
            )
        case _:
            assert_never(quoter)


class Shown:
    """Where a strategy's quotes stand, by step and inventory; it is asked about each of these once."""

    def __init__(self, strategy: Strategy, world: World) -> None:
        self._strategy = strategy
        self._world = world
        middle = round(Decimal(repr(world.start_price)) / TICK)
        self._touch = Touch(middle - 1, 1, middle + 1, 1)
        self._known: dict[tuple[int, int], tuple[float, float]] = {}

    def distances(self, step: int, inventories: Iterable[int]) -> list[tuple[float, float]]:
        """How far bid and ask are from the mid, for each of these inventories."""
        return [self._known.get((step, each)) or self._asked(step, each) for each in inventories]

    def _asked(self, step: int, inventory: int) -> tuple[float, float]:
        view = View(
            at=round(step * self._world.dt_s * SECOND_NS),
            instrument=INSTRUMENT,
            touch=self._touch,
            last_trade=None,
            inventory=Decimal(inventory),
        )
        prices = {quote.side: quote.price * INSTRUMENT.tick_float for quote in self._strategy.quote(view).quotes}
        found = self._world.start_price - prices[BUY], prices[SELL] - self._world.start_price
        self._known[step, inventory] = found
        return found
