"""From the section `exchange` to what the simulated exchange lists: instruments, their markets and their terms."""

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, assert_never

from replenisher.config.listed import SYNTHETIC_NAME, listed
from replenisher.config.sections import (
    ExchangeSection,
    ListedInstrument,
    PowerQueue,
    QueueModel,
    RecordedMarket,
)
from replenisher.config.sections import (
    SyntheticMarket as SyntheticSection,
)
from replenisher.errors import ConfigurationError
from replenisher.exchange import queue
from replenisher.exchange.dialects.deribit.naming import Grid, instrument_of, read_name, usual_grid
from replenisher.exchange.exchange import Listing
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.interruptions import Interruption
from replenisher.exchange.market import Market
from replenisher.exchange.recorded import RecordedMarket as TapeMarket
from replenisher.exchange.synthetic import SyntheticMarket
from replenisher.exchange.words import InstrumentState
from replenisher.model.instrument import Instrument, TickStep
from replenisher.model.units import SECOND_NS
from replenisher.wiring.playing import Judged, See, judged, offered, played
from replenisher.wiring.tapes import Say, silence

BPS = Decimal(10_000)
Clock = Callable[[int], int]  # when a market begins, told when its tape does; 0 where there is none


def listings_of(
    section: ExchangeSection,
    *,
    tape: Path | None,
    seed: int,
    clock: Clock,
    say: Say = silence,
    needs_trades: bool = False,
    see: See | None = None,
) -> list[Listing]:
    """Every instrument of the section with its market, in the order of the file.

    Without trades a tape fills nobody, which may be refused. What is read of it while it plays is shown to `see`.
    """
    playing = _playing(section, tape, clock, say, see) if tape is not None else None
    if playing is not None and needs_trades:
        _require_trades(playing)
    return [
        _listing(name, details, section, playing=playing, chance=_chance(seed, place, name), clock=clock)
        for place, (name, details) in enumerate(listed(section).items())
    ]


class _Playing(NamedTuple):
    """A tape that plays, and what is listed of it."""

    recorded: Judged
    offers: dict[str, tuple[Instrument, str]]  # by the name that is listed: the instrument, and its key on the tape
    start: int  # session time at which it begins to play
    origin: int  # venue time of what is shown then: from there on every book is on the tape
    see: See | None  # is shown all that is read of it, for the first that is listed


def _require_trades(playing: _Playing) -> None:
    for instrument, key in playing.offers.values():
        if not playing.recorded.told[key].trades:
            path = playing.recorded.path
            raise ConfigurationError(f"tape {path}: there are no trades of {instrument.name} on it, so it fills nobody")


def _playing(section: ExchangeSection, tape: Path, clock: Clock, say: Say, see: See | None) -> _Playing:
    names = [
        name
        for name, details in listed(section).items()
        if isinstance(details.market or section.market, RecordedMarket)
    ]
    if not names:
        raise ConfigurationError(f"tape {tape}: nothing plays it, each of exchange.instruments has a market of its own")
    recorded = judged(tape, say)
    offers = {name: offered(recorded, section.venue, name) for name in names}
    origin = max(recorded.told[key].started_at for _, key in offers.values())
    return _Playing(recorded, offers, clock(origin), origin, see)  # not before: to judge a long tape takes seconds


def synthetic_instrument(venue: str) -> Instrument:
    """The inverse perpetual that a synthetic market lists where nothing is named."""
    return _instrument(venue, SYNTHETIC_NAME, ListedInstrument(), SyntheticSection(source="synthetic"))[0]


def synthetic_start(section: ExchangeSection, name: str) -> tuple[Instrument, Decimal] | None:
    """A listed instrument and the price at which its order flow begins; None if its market is no order flow."""
    details = listed(section)[name]
    market = details.market or section.market
    return _instrument(section.venue, name, details, market) if isinstance(market, SyntheticSection) else None


def chance_of(seed: int | str) -> random.Random:
    """A source of chance that gives the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - a seeded market, no secret


def _chance(seed: int, place: int, name: str) -> random.Random:
    """One for each market, so that none depends on what else is listed after the first."""
    return chance_of(seed if place == 0 else f"{seed} {name}")


def _listing(
    name: str,
    details: ListedInstrument,
    section: ExchangeSection,
    *,
    playing: _Playing | None,
    chance: random.Random,
    clock: Clock,
) -> Listing:
    understood = read_name(name)
    assert understood is not None, "a name that says nothing is refused earlier"
    fees = section.fees_of(name)
    market = details.market or section.market
    return Listing(
        market=_market(name, details, section, playing=playing, chance=chance, clock=clock),
        maker_rate=fees.maker_bps / BPS,
        taker_rate=fees.taker_bps / BPS,
        price_band=Decimal(str(details.price_band_pct or section.price_band_pct)) / 100,
        expires_at=understood.expires_at,
        played_at=_played_at(name, playing, market.speed) if playing and isinstance(market, RecordedMarket) else None,
        funding_every_ns=section.funding.every_s * SECOND_NS,
        funding_rate_8h=None if section.funding.rate_8h_bps is None else section.funding.rate_8h_bps / BPS,
        settlement_every_ns=section.settlement.every_s * SECOND_NS,
        interruptions=tuple(
            Interruption(
                state=InstrumentState(each.state),
                after_ns=round(each.after_s * SECOND_NS),
                for_ns=round(each.for_s * SECOND_NS),
            )
            for each in details.interruptions
        ),
    )


def _played_at(name: str, playing: _Playing, speed: float) -> int:
    _, key = playing.offers[name]
    return playing.start + int((playing.recorded.told[key].ended_at - playing.origin) / speed)


def _market(
    name: str,
    details: ListedInstrument,
    section: ExchangeSection,
    *,
    playing: _Playing | None,
    chance: random.Random,
    clock: Clock,
) -> Market:
    market = details.market or section.market
    match market:
        case SyntheticSection():
            instrument, start_price = _instrument(section.venue, name, details, market)
            return SyntheticMarket(instrument, _synthetic_settings(market, instrument, start_price), chance, clock(0))
        case RecordedMarket():
            assert playing is not None, "a recorded market without a tape is refused earlier"
            instrument, key = playing.offers[name]
            return TapeMarket(
                instrument,
                played(playing.recorded, key, see=playing.see if name == next(iter(playing.offers)) else None),
                model=_queue_model(section.queue_model),
                start=playing.start,
                origin=playing.origin,
                speed=market.speed,
            )
        case _:
            assert_never(market)


def _queue_model(model: QueueModel) -> queue.QueueModel:
    return queue.power(model.power.n) if isinstance(model, PowerQueue) else queue.RiskAverse()


def _instrument(
    venue: str, name: str, details: ListedInstrument, market: SyntheticSection
) -> tuple[Instrument, Decimal]:
    """The instrument on its usual grid, or on what the configuration says of it; and the price it starts at."""
    understood = read_name(name)
    assert understood is not None, "a name that says nothing is refused earlier"
    usual = usual_grid(understood)
    tick = details.tick or (usual.tick_steps[0].tick if usual else None)
    lot = details.lot or (usual.lot if usual else None)
    start_price = market.start_price or (usual.start_price if usual else None)
    assert tick is not None and lot is not None and start_price is not None, "what has no default is asked for earlier"
    grid = Grid(
        tick_steps=(
            TickStep(Decimal(0), tick),
            *(TickStep(step.above_price, step.tick) for step in details.tick_steps),
        ),
        lot=lot,
        min_amount=details.min_amount or (lot if details.lot or usual is None else usual.min_amount),
        start_price=start_price,
        min_notional=details.min_notional or Decimal(0),
    )
    return instrument_of(venue, understood, grid), start_price


def _synthetic_settings(section: SyntheticSection, instrument: Instrument, start_price: Decimal) -> SyntheticSettings:
    """The market's own choices, with those that the configuration makes in their place.

    The agents' grid and sizes are as wide and as large in money as on the instrument for which they were chosen.
    """
    defaults = SyntheticSettings()
    start = int(start_price / instrument.tick)
    scale, share = section.time_scale, section.informed_share
    coarsest = int(instrument.tick_steps[-1].tick / instrument.tick)  # whose grid is on that of every finer tick
    step = round(defaults.step_ticks * start / defaults.start_price_ticks / coarsest) * coarsest
    usual_lot = 10  # dollars: the lot for which the sizes were chosen
    lots = usual_lot / float(instrument.notional_quote(instrument.lot, start_price))
    return replace(
        defaults,
        start_price_ticks=start,
        step_ticks=max(step, coarsest),
        maker_lots=(1, max(1, round(defaults.maker_lots[1] * lots))),
        taker_lots=(1, max(1, round(defaults.taker_lots[1] * lots))),
        minutes_per_second=defaults.minutes_per_second if scale is None else scale / 60,
        informed_share=defaults.informed_share if share is None else share,
        jump_bps=section.jump_bps or defaults.jump_bps,
        jumps_per_minute=defaults.jumps_per_minute if section.jumps_per_minute is None else section.jumps_per_minute,
    )
