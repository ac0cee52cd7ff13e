"""What a healthy venue answers, for tests that make one thing of it ill."""

from decimal import Decimal

import msgspec

from replenisher.core.budget import RateLimit
from replenisher.core.look import QuotingPolicy
from replenisher.core.risk import Limits
from replenisher.core.setup import StrategySetup
from replenisher.core.slots import RefillPolicy
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.venues.doctor import Answers, Clock, Key, Listing
from strategies.pure_mm import PureMarketMaking

VENUE = "deribit"
PERPETUAL = Instrument(
    venue=VENUE,
    name="BTC-PERPETUAL",
    kind=Kind.PERPETUAL,
    tick_steps=(TickStep(Decimal(0), Decimal("0.5")),),
    lot=Decimal(10),
    amount_unit=AmountUnit.QUOTE,
    inverse=True,
    base_currency="BTC",
    quote_currency="USD",
    settlement_currency="BTC",
    min_amount=Decimal(10),
)
LISTING = Listing(
    instrument=PERPETUAL,
    state="open",
    is_open=True,
    bid=(Decimal("59999.5"), Decimal(1000)),
    ask=(Decimal("60000.5"), Decimal(1000)),
    last=Decimal(60_000),
    price_min=Decimal(59_000),
    price_max=Decimal(61_000),
)
KEY = Key(trades=True, arms_switch=True, withdraws=False, told="account:read_write trade:read_write")
HEALTHY = Answers(
    clock=Clock(offset_ns=3 * MS_NS, way_ns=10 * MS_NS),
    key=KEY,
    session_ns=80 * MS_NS,
    switch_by_default=False,
    rate=RateLimit(per_s=30, burst=100),
    balances={"BTC": Decimal(10)},
    positions={"BTC-PERPETUAL": Decimal(0)},
    listings={"BTC-PERPETUAL": LISTING},
)
LIMITS = Limits(
    max_position_quote=Decimal(200_000),
    max_order_quote=Decimal(20_000),
    max_open_orders=40,
    max_daily_loss_quote=Decimal(500),
    price_collar_bps=200,
    max_data_age_ns=2 * SECOND_NS,
    max_leverage=Decimal(1),
)
LADDER = PureMarketMaking(
    size_unit=AmountUnit.QUOTE,
    order_levels=3,
    bid_spread_bps=6,
    ask_spread_bps=6,
    level_spacing_bps=4,
    order_amount=Decimal(1000),
)


def setup_of(strategy: PureMarketMaking = LADDER, limits: Limits = LIMITS) -> StrategySetup:
    """The one strategy of a desk."""
    return StrategySetup(
        id="core",
        strategy=strategy,
        venue=VENUE,
        instrument=PERPETUAL.key,
        policy=QuotingPolicy(refill=RefillPolicy(), tolerance_bps=0),
        limits=limits,
    )


def listed(**changes: object) -> Answers:
    """The healthy venue with another listing."""
    listing = msgspec.structs.replace(LISTING, **changes)
    return msgspec.structs.replace(HEALTHY, listings={"BTC-PERPETUAL": listing})
