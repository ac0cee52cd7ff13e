"""What fair values go by besides the book that is quoted, held against what the configuration has."""

from collections.abc import Iterator, Mapping

from replenisher.config.config import Config
from replenisher.config.mistakes import Path_, not_allowed
from replenisher.config.sections import Sections, StrategySection, VenueSection
from replenisher.core.fair_value import fair_value_of
from replenisher.core.prices import TOLD_BY_A_TICKER, Of, PriceSpec
from replenisher.core.strategy import Strategy
from replenisher.exchange.dialects.deribit.naming import read_name
from replenisher.model.instrument import Kind, venue_of
from replenisher.model.units import MS_NS
from replenisher.venues.ccxt.exchanges import TRAITS, USUAL


def contradictions(sections: Sections, strategies: Mapping[str, Strategy]) -> Iterator[tuple[Path_, str]]:
    """What cannot be known: the path at fault, and a sentence."""
    for place, section in enumerate(sections.strategies):
        if (fair_value := fair_value_of(strategies[section.id])) is None:
            continue
        stem: Path_ = ("strategies", place, "fair_value")
        legs = {leg.source: (*stem, "legs", number) for number, leg in enumerate(fair_value.legs)}
        for name, spec in fair_value.prices.items():
            yield from _of_price(sections, section, legs.get(name, stem), spec, is_leg=name in legs)


def listened_to(config: Config) -> list[str]:
    """The venues where nothing is quoted and of which somebody wants a price."""
    fair_values = [fair_value_of(config.strategy(section.id)) for section in config.strategies]
    specs = [spec for each in fair_values if each is not None for spec in each.prices.values()]
    wanted = {venue_of(spec.name) for spec in specs if spec.of is not Of.HTTP}
    return [name for name in config.venues if name in wanted and name not in config.quoted_venues]


def _of_price(
    sections: Sections, own: StrategySection, stem: Path_, spec: PriceSpec, *, is_leg: bool
) -> Iterator[tuple[Path_, str]]:
    if spec.of is Of.HTTP:
        if spec.name not in sections.price_sources:
            known = ", ".join(sections.price_sources) or "there is none"
            yield (*stem, "http"), not_allowed((*stem, "http"), spec.name, f"it must be one of price_sources: {known}")
        elif spec.max_age_ns <= (poll_ms := sections.price_sources[spec.name].poll_ms) * MS_NS:
            at, rule = (*stem, "max_age_ms"), f"it must be greater than price_sources.{spec.name}.poll_ms, {poll_ms}"
            yield at, not_allowed(at, spec.max_age_ns // MS_NS, rule)
        return
    venue = venue_of(spec.name) if spec.name else own.venue
    if venue not in sections.venues:
        rule = f"it must be one of venues: {', '.join(sections.venues)}"
        yield (*stem, "venue"), not_allowed((*stem, "venue"), venue, rule)
    elif spec.of in TOLD_BY_A_TICKER and (rule := _why_untold(venue, sections.venues[venue], spec.of)):
        at = (*stem, "of" if is_leg else "funding_shift" if spec.of is Of.FUNDING else "source")
        yield at, not_allowed(at, spec.of.value, rule)
    elif spec.of is Of.FUNDING and (name := read_name(own.instrument)) is not None and name.kind is not Kind.PERPETUAL:
        at = (*stem, "funding_shift")
        yield at, not_allowed(at, own.instrument, "only a perpetual has a funding rate")


def _why_untold(venue: str, section: VenueSection, of: Of) -> str:
    """Why a venue does not tell such a price; empty if it does, or if that cannot be said of what is written."""
    if section.adapter == "deribit" or section.exchange is None:
        return ""
    if of is Of.FUNDING:
        return f"{venue} is not reached by the adapter deribit, which alone tells it"
    if of in TRAITS.get(section.exchange, USUAL).worth.tells:
        return ""
    telling = ", ".join(sorted(name for name, traits in TRAITS.items() if of in traits.worth.tells))
    return f"through ccxt {section.exchange} tells no {of} price; these do: {telling}"
