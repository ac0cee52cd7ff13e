"""What a venue offers, held against what the strategies want and owe: mistakes that only an instrument's terms tell.

Of the exchange that we start, the terms are known before it is; of any other venue, once it has told them.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from replenisher.config import Config
from replenisher.config.listed import listed
from replenisher.config.mistakes import Path_, not_allowed
from replenisher.core.fair_value import fair_value_of
from replenisher.core.inventory import Inventory
from replenisher.core.load import Load
from replenisher.core.risk import Bound, Exposure, Limits, Measure, Stake, permit
from replenisher.core.slots import RefillMode
from replenisher.core.state import State
from replenisher.core.strategy import Strategy
from replenisher.errors import ConfigurationError
from replenisher.exchange.dialects.deribit.naming import read_name
from replenisher.model.instrument import Instrument, instrument_key
from replenisher.model.money import APART
from replenisher.model.step import Quote
from replenisher.model.units import BPS, SECOND_NS
from replenisher.venues.doctor import Listing
from replenisher.venues.fit import Failed, Fit, fit_of, named, too_small
from replenisher.venues.levels import NOTHING_ELSE
from replenisher.wiring.listings import synthetic_start
from replenisher.wiring.setup import limits_of, obligations_of
from strategies.liquidity_profile import LiquidityProfile

NO_TIME = 0


def require_offered(config: Config) -> None:
    """Refuse an instrument that is not listed there, and sizes below its minimum."""
    if not config.starts_exchange or config.exchange is None:
        return
    offered = listed(config.exchange)
    for place, section in enumerate(config.strategies):
        if section.venue != config.exchange.venue:
            continue
        stem = ("strategies", place)
        if section.instrument not in offered:
            raise ConfigurationError(
                f"{config.where((*stem, 'instrument'))}: strategies[{place}].instrument: {section.instrument!r} is not "
                f"allowed, the simulated exchange offers {', '.join(offered)}"
            )
        start = synthetic_start(config.exchange, section.instrument)
        if start and (objection := _objection(config, place, start[0], mark=start[1])):  # of a recording, it is told
            raise ConfigurationError(objection)
    for place, section in enumerate(config.strategies):
        fair_value = fair_value_of(config.strategy(section.id))
        for number, leg in enumerate(() if fair_value is None else fair_value.legs):
            if leg.venue == config.exchange.venue and leg.instrument not in offered:
                path: Path_ = ("strategies", place, "fair_value", "legs", number, "instrument")
                rule = f"the simulated exchange offers {', '.join(offered)}"
                raise ConfigurationError(f"{config.where(path)}: {not_allowed(path, leg.instrument, rule)}")


def require_undelivered(config: Config, at: int) -> None:
    """Refuse a dated future whose day is past, as Deribit's names tell it. A life may still begin, to book its end."""
    for place, section in enumerate(config.strategies):
        venue = config.venues[section.venue]
        name = read_name(section.instrument) if "deribit" in (venue.adapter, venue.exchange) else None
        if name is not None and name.expires_at is not None and name.expires_at <= at:
            day = datetime.fromtimestamp(name.expires_at // SECOND_NS, UTC)
            raise ConfigurationError(
                f"{config.where(('strategies', place, 'instrument'))}: strategies[{place}].instrument: "
                f"{section.instrument!r} is not allowed, it was delivered on {day:%d %B %Y at %H:%M} UTC"
            )


def objections(config: Config, state: State) -> Callable[[], str]:
    """What is asked from time to time: each strategy is judged once, as soon as its market is known."""
    waiting = dict(enumerate(config.strategies))

    def look() -> str:
        for venue, why in state.mixed.items():
            if why:
                return f"{config.where(('risk',))}: risk: {why}, in which {venue} quotes: {APART}"
        for place, section in list(waiting.items()):
            key = instrument_key(section.venue, section.instrument)
            book = state.books.get(key)
            touch = None if book is None else book.shown_touch
            if touch is not None:
                del waiting[place]
                instrument = state.instruments[key]
                if objection := _objection(config, place, instrument, mark=instrument.price(sum(touch)) / 2):
                    return objection
        return ""

    return look


def _objection(config: Config, place: int, instrument: Instrument, *, mark: Decimal) -> str:
    """What to say of a ladder that cannot stand, or that is not what its strategy owes where it stands untouched.

    Without a single level that is large enough it cannot stand; one with some stands as far as it may.
    """
    strategy, stem = config.strategy(config.strategies[place].id), f"strategies[{place}]"
    ticks, tick = mark // instrument.tick_at(mark), instrument.tick_at(mark)
    listing = Listing(
        instrument=instrument,
        state="open",
        is_open=True,
        bid=((ticks - 1) * tick, instrument.lot),
        ask=((ticks + 1) * tick, instrument.lot),
    )
    try:
        fit = fit_of(strategy, listing, NO_TIME)
    except Failed:  # as it may before anything is measured; if it still does while it trades, it is paused and says why
        return ""
    if fit is None or not fit.meant:
        return ""
    if len(fit.small) == len(fit.meant):
        return f"{config.where(('strategies', place))}: {stem}: the sizes of {too_small(fit)}"
    if not _rests_at_nothing(strategy):
        return ""
    section = config.strategies[place]
    if section.refill.mode is RefillMode.OPPOSITE_SIDE:
        small = fit.small
        if alone := [(side, level) for side, level in small if (side.opposite, level) not in small]:
            at: Path_ = ("strategies", place, "refill", "mode")
            rule = f"{named(alone)} would be below the venue's minimum, so that what mirrors them would never come back"
            return f"{config.where(at)}: {not_allowed(at, section.refill.mode.value, rule)}"
    shown = _shown(limits_of(config, section), fit)
    if section.obligations is not None:
        resting = ((quote.side, quote.price, quote.quantity) for quote in shown)
        if lacking := obligations_of(section.obligations).lacking(instrument, resting).told:
            at = ("strategies", place, "obligations")
            return f"{config.where(at)}: {stem}.obligations cannot be met, not even at rest: {lacking}"
    if not isinstance(strategy, LiquidityProfile) or fit.fair_value is None:
        return ""
    at = ("strategies", place, "bands")
    lacking = strategy.lacking(instrument, fit.fair_value, shown)
    return lacking and f"{config.where(at)}: {stem}.bands cannot be met, not even at rest: {lacking}"


def _rests_at_nothing(strategy: Strategy) -> bool:
    """Whether its ladder stands as it is meant to where nothing is held."""
    inventory = getattr(strategy, "inventory", None)
    return not (isinstance(inventory, Inventory) and inventory.target_quote)


def _shown(limits: Limits, fit: Fit) -> Sequence[Quote]:
    """What of the ladder the venue would take and the limits allow, however much money there is."""
    instrument = fit.listing.instrument
    stake = Stake(position=Decimal(0), cash=NOTHING_ELSE, base_cash=NOTHING_ELSE, mark=fit.mark)
    furthest = fit.mark * Decimal(repr(limits.price_collar_bps)) / BPS
    near = [quote for quote in fit.standing if abs(instrument.price(quote.price) - fit.mark) <= furthest]
    permitted, _ = permit(near, [Exposure(Bound(Measure(limits, instrument), stake), Load())])
    return permitted
