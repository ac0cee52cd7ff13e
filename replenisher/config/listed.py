"""What the simulated exchange lists: the instruments that a configuration names, or the one that its market brings."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from replenisher.config.mistakes import Path_, not_allowed, spell
from replenisher.config.sections import ExchangeSection, ListedInstrument, RecordedMarket, SyntheticMarket
from replenisher.exchange.dialects.deribit.naming import RULE, read_name, usual_grid
from replenisher.exchange.recorded import INSTRUMENT_NAME

SYNTHETIC_NAME = "BTC-PERPETUAL"
USUAL = ListedInstrument()


def listed(section: ExchangeSection) -> dict[str, ListedInstrument]:
    """Every instrument by name, in the order of the file."""
    if section.instruments:
        return {name: details or USUAL for name, details in section.instruments.items()}
    name = INSTRUMENT_NAME if isinstance(section.market, RecordedMarket) else SYNTHETIC_NAME
    return {name: USUAL}


def of_recording(section: ExchangeSection, traded: Iterable[str]) -> ExchangeSection:
    """Where a recording plays and nothing is listed, what is traded there is: under its own name it is on the tape."""
    names = [name for name in dict.fromkeys(traded) if read_name(name) is not None]
    if section.instruments or not isinstance(section.market, RecordedMarket) or names in ([], [INSTRUMENT_NAME]):
        return section
    return section.model_copy(update={"instruments": dict.fromkeys(names)})


def contradictions(section: ExchangeSection) -> Iterator[tuple[Path_, str]]:
    """What is wrong with the list: the path at fault, and a sentence."""
    for key, details in section.instruments.items():
        at: Path_ = ("exchange", "instruments", key)
        name, own = read_name(key), details or USUAL
        if name is None:
            yield at, f"{spell(at)}: {key!r} is not allowed, {RULE}"
            continue
        yield from _overlaps(at, own)
        market = own.market or section.market
        if isinstance(market, RecordedMarket):
            continue  # its terms are on the tape
        yield from _grid_contradictions(at, own)
        if usual_grid(name) is None and isinstance(market, SyntheticMarket):
            for missing in [field for field in ("tick", "lot") if getattr(own, field) is None]:
                yield (*at, missing), f"{spell((*at, missing))} is missing, {key} has no usual one"
            if market.start_price is None:
                where = (*at, "market", "start_price")
                yield where, f"{spell(where)} is missing, {key} has no usual price to start at"


def _overlaps(at: Path_, own: ListedInstrument) -> Iterator[tuple[Path_, str]]:
    for place, (before, after) in enumerate(pairwise(own.interruptions), start=1):
        if after.after_s < before.after_s + before.for_s:
            where = (*at, "interruptions", place, "after_s")
            yield where, not_allowed(where, after.after_s, "the one before it must have ended")


def _grid_contradictions(at: Path_, own: ListedInstrument) -> Iterator[tuple[Path_, str]]:
    for place, (below, above) in enumerate(pairwise(own.tick_steps), start=1):
        if above.above_price <= below.above_price:
            where = (*at, "tick_steps", place, "above_price")
            yield where, not_allowed(where, above.above_price, "the steps must ascend")
    for place, step in enumerate(own.tick_steps):
        where = (*at, "tick_steps", place, "tick")
        if own.tick is None:
            yield where, f"{spell((*at, 'tick'))} is missing, the steps begin with it"
        elif step.tick % own.tick or step.above_price % step.tick:
            yield where, not_allowed(where, step.tick, "it must be a multiple of the tick below and divide above_price")
    if own.min_amount is not None and own.lot is not None and own.min_amount % own.lot:
        where = (*at, "min_amount")
        yield where, not_allowed(where, own.min_amount, f"it must be a multiple of the lot, {own.lot}")
