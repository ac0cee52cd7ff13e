"""A configuration, in the units of the core: nanoseconds, decimals and keys instead of seconds and names."""

from decimal import Decimal

from replenisher.config import CCXT, Config
from replenisher.config.sections import (
    KeepPlace,
    ObligationsSection,
    Refill,
    Risk,
    StrategySection,
    TighterRisk,
    Toxicity,
    VenueSection,
)
from replenisher.core.budget import RateLimit
from replenisher.core.guards import Guards
from replenisher.core.look import QuotingPolicy
from replenisher.core.obligations import Obligations
from replenisher.core.queue_value import QueuePolicy
from replenisher.core.risk import Limits, OnBreach
from replenisher.core.setup import Setup, StrategySetup, VenueSetup
from replenisher.core.slots import RefillPolicy
from replenisher.core.toxicity import ToxicityPolicy
from replenisher.model.instrument import instrument_key
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.venues.ccxt.exchanges import TRAITS, USUAL
from replenisher.venues.deribit.venue import CAPABILITIES
from replenisher.venues.venue import Capabilities


def setup_of(config: Config) -> Setup:
    """The constants of a life under this configuration."""
    return Setup(
        namespace=config.namespace,
        venues=tuple(_venue(name, section) for name, section in config.venues.items()),
        strategies=tuple(_strategy(config, section) for section in config.strategies),
        limits=_limits(config.risk),
        on_start=config.risk.on_start,
    )


def _venue(name: str, section: VenueSection) -> VenueSetup:
    can = _capabilities(section)
    return VenueSetup(
        name=name,
        rate_limit=RateLimit(per_s=section.rate_limit_per_s, burst=section.rate_limit_burst),
        request_timeout_ns=section.request_timeout_ms * MS_NS,
        own_echo_ns_max=section.own_echo_ms_max * MS_NS,
        amends_price=can.amends_price,
        forgets_ns=can.forgets_ns,
        cancels_orphans=can.cancels_orphans,
        sync_every_ns=int(section.sync_every_s * SECOND_NS),
        tells_cash_moves=can.tells_cash_moves,
        tells_at_once=can.tells_at_once,
    )


def _capabilities(section: VenueSection) -> Capabilities:
    """What its adapter can do there; of an exchange that has no row nothing is expected."""
    return TRAITS.get(section.exchange or "", USUAL).capabilities if section.adapter == CCXT else CAPABILITIES


def _strategy(config: Config, section: StrategySection) -> StrategySetup:
    age_s = section.max_order_age_s
    return StrategySetup(
        id=section.id,
        strategy=config.strategy(section.id),
        venue=section.venue,
        instrument=instrument_key(section.venue, section.instrument),
        policy=QuotingPolicy(
            refill=_refill(section.refill),
            tolerance_bps=section.order_refresh_tolerance_bps,
            amount_tolerance=section.amount_tolerance_pct / 100,
            max_order_age_ns=None if age_s is None else int(age_s * SECOND_NS),
            amend=section.amend,
        ),
        limits=limits_of(config, section),
        guards=_guards(config, section),
        obligations=None if section.obligations is None else obligations_of(section.obligations),
        name=section.strategy,
    )


def _guards(config: Config, section: StrategySection) -> Guards | None:
    """What a strategy guards itself with; None where nothing is configured, which costs nothing."""
    refill = section.refill
    profit_bps, fee_bps = section.min_profit_bps, config.maker_fee_bps(section)
    guards = Guards(
        closest_bps=None if profit_bps is None or fee_bps is None else fee_bps + profit_bps,
        maker_fee_bps=None if profit_bps is None else fee_bps,
        hanging_pct=refill.hanging_pct,
        queue=None if section.keep_place is None else _queue(section.keep_place),
        toxicity=None if refill.toxicity is None else _toxicity(refill.toxicity),
        max_daily_buy_quote=refill.max_daily_buy_quote,
        max_daily_sell_quote=refill.max_daily_sell_quote,
    )
    return None if guards == Guards() else guards


def _queue(section: KeepPlace) -> QueuePolicy:
    model = section.queue_model
    return QueuePolicy(
        within_bps=section.within_bps,
        horizon_ns=int(section.horizon_s * SECOND_NS),
        power=None if isinstance(model, str) else model.power.n,
    )


def _toxicity(section: Toxicity) -> ToxicityPolicy:
    return ToxicityPolicy(
        response=section.response,
        horizon_ns=int(section.horizon_s * SECOND_NS),
        window_ns=int(section.window_s * SECOND_NS),
        fills_min=section.fills_min,
        markout_bps_min=section.markout_bps_min,
        cluster_fills=section.cluster_fills,
        cluster_ns=int((section.cluster_s or 0) * SECOND_NS),
        widen_bps=section.widen_bps or 0.0,
        delay_ns=int((section.delay_s or 0) * SECOND_NS),
    )


def obligations_of(section: ObligationsSection) -> Obligations:
    """What is owed, in the words of core."""
    return Obligations(
        max_spread_bps=section.max_spread_bps,
        min_depth_quote=section.min_depth_quote,
        min_uptime_pct=section.min_uptime_pct,
    )


def limits_of(config: Config, section: StrategySection) -> Limits:
    """Those of the account, or a strategy's own where they are tighter."""
    return _limits(_tightened(config.risk, section.risk))


def _tightened(risk: Risk, own: TighterRisk | None) -> Risk:
    """The account's limits with a strategy's own, tighter ones in their place."""
    return risk if own is None else risk.model_copy(update=own.model_dump(exclude_none=True))


def _refill(section: Refill) -> RefillPolicy:
    return RefillPolicy(
        mode=section.mode,
        delay_ns=int(section.delay_s * SECOND_NS),
        partial_fill=section.partial_fill,
        min_fraction=section.min_fraction,
        max_per_minute=section.max_per_minute,
    )


def _limits(risk: Risk) -> Limits:
    return Limits(
        max_position_quote=risk.max_position_quote,
        max_order_quote=risk.max_order_quote,
        max_open_orders=risk.max_open_orders,
        max_daily_loss_quote=risk.max_daily_loss_quote,
        price_collar_bps=risk.price_collar_bps,
        max_data_age_ns=risk.max_data_age_ms * MS_NS,
        max_leverage=Decimal(risk.max_leverage),
        max_total_quote=risk.max_total_quote,
        on_loss=risk.on_breach_of.get("max_daily_loss_quote", risk.on_breach),
        on_position=risk.on_breach_of.get("max_position_quote", risk.on_breach),
        cooloff_ns=risk.cooloff_s * SECOND_NS,
        max_messages_per_minute=risk.max_messages_per_minute,
        max_fills_per_minute=risk.max_fills_per_minute,
        on_messages=risk.on_breach_of.get("max_messages_per_minute", OnBreach.HALT),
        on_fills=risk.on_breach_of.get("max_fills_per_minute", OnBreach.HALT),
        max_loop_lag_ns=risk.max_loop_lag_ms * MS_NS,
        max_clock_offset_ns=risk.max_clock_offset_ms * MS_NS,
    )
