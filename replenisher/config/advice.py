"""What a configuration allows and hardly means, for `check` to say."""

from collections.abc import Iterator

from replenisher.config.config import Config
from replenisher.config.mistakes import Path_, spell
from replenisher.config.names import is_spot
from replenisher.config.priced import listened_to
from replenisher.core.fair_value import fair_value_of
from replenisher.core.inventory import Inventory
from replenisher.core.strategy import Strategy
from replenisher.venues.ccxt.exchanges import TRAITS, UNCOUNTED_FEES, USUAL


def advice(config: Config) -> Iterator[str]:
    """Each with where it is written."""
    used = {*config.quoted_venues, *listened_to(config)}
    for name in [each for each in config.venues if each not in used]:
        at: Path_ = ("venues", name)
        yield f"{config.where(at)}: {spell(at)}: nothing is quoted there and no fair value goes by it: it is left alone"
    for venue in config.quoted_venues:
        instruments = {section.instrument for section in config.strategies if section.venue == venue}
        if len(instruments) > 1:
            yield (
                f"{config.where(('risk',))}: risk: max_position_quote and max_total_quote hold in each of the "
                f"{len(instruments)} instruments at {venue}, and not in all of them together"
            )
        if (exchange := config.venues[venue].exchange) is not None:
            yield from _of_cash(config, venue, exchange)
    for place, section in enumerate(config.strategies):
        fair_value = fair_value_of(config.strategy(section.id))
        if fair_value is not None and fair_value.legs and not section.order_refresh_tolerance_bps:
            at = ("strategies", place, "order_refresh_tolerance_bps")
            yield (
                f"{config.where(at)}: {spell(at)} is 0, so whenever one of the {len(fair_value.legs)} legs of the "
                f"composite moves every order is amended, as often as {section.venue}'s rate limit lets it: half of "
                "the distance between levels is a good start"
            )
        target, path = _target(config.strategy(section.id))
        if target and is_spot(config, section):
            at = ("strategies", place, *path)
            yield (
                f"{config.where(at)}: {spell(at)} is {target:g}, and 0 is what the account held before the first trade "
                "here: of spot only what was traded since then counts, so it is bought, or sold, on top of that"
            )


def _of_cash(config: Config, venue: str, exchange: str) -> Iterator[str]:
    """What of our money is not counted, or not known for certain, at an exchange through ccxt."""
    at: Path_ = ("venues", venue, "exchange")
    traits = TRAITS.get(exchange, USUAL)
    if not traits.fees_are_cash:
        yield f"{config.where(at)}: {spell(at)}: {UNCOUNTED_FEES}"
    if traits.estimates_fees:
        yield (
            f"{config.where(at)}: {spell(at)}: what a fill cost {exchange} tells by stream alone: of one that is asked "
            "for, as after a reconnect, what is booked is an estimate by the list of fees; a statement of that day may "
            "leave a rest"
        )
    if traits.cash_doubt and any(each.venue == venue and not is_spot(config, each) for each in config.strategies):
        yield (
            f"{config.where(at)}: {spell(at)}: what {exchange} tells as our cash of contracts is not compared, only "
            f"taken over: {traits.cash_doubt}; a statement of a day there may leave a rest"
        )


def _target(strategy: Strategy) -> tuple[float, Path_]:
    """What a strategy wants to hold, and the key that says so."""
    if isinstance(inventory := getattr(strategy, "inventory", None), Inventory):
        return inventory.target_quote, ("inventory", "target_quote")
    return getattr(strategy, "target_base", 0.0), ("target_base",)
