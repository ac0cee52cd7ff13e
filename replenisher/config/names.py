"""What the name of an instrument says before its venue is asked: as Deribit writes names, and as ccxt does."""

from replenisher.config.sections import Sections, StrategySection
from replenisher.exchange.dialects.deribit.naming import read_name
from replenisher.model.instrument import Kind


def quote_currency(sections: Sections, section: StrategySection) -> str:
    """What its prices are counted in; empty if the name does not say so."""
    if _is_of_ccxt(sections, section):
        return section.instrument.partition("/")[2].partition(":")[0]
    name = read_name(section.instrument)
    return "" if name is None else name.quote


def is_spot(sections: Sections, section: StrategySection) -> bool:
    """Whether the name is surely one of spot."""
    if _is_of_ccxt(sections, section):
        return "/" in section.instrument and ":" not in section.instrument
    name = read_name(section.instrument)
    return name is not None and name.kind is Kind.SPOT


def _is_of_ccxt(sections: Sections, section: StrategySection) -> bool:
    venue = sections.venues.get(section.venue)
    return venue is not None and venue.adapter == "ccxt"
