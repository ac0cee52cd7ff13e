"""`replenisher replay`: a paper configuration, its engine and its exchange, on one virtual timeline."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from math import isfinite, nan
from pathlib import Path
from time import process_time

import msgspec

from replenisher.backtest.again import Again, Tell
from replenisher.backtest.again import again as live_again
from replenisher.backtest.tally import Tally
from replenisher.config import CCXT, Config
from replenisher.config.listed import listed
from replenisher.errors import ConfigurationError, UsageError
from replenisher.exchange.recorded import RecordedMarket
from replenisher.model.step import Step
from replenisher.model.units import MINUTE_NS, NEVER_NS, SECOND_NS
from replenisher.report.tape import Inspection
from replenisher.wiring.listings import listings_of
from replenisher.wiring.offered import require_offered
from replenisher.wiring.replay_files import Files, Forgetful, Memory, written
from replenisher.wiring.replay_outcome import Outcome, outcome_of
from replenisher.wiring.replay_parts import NO_PRICES, replay_of
from replenisher.wiring.setup import setup_of

START = 1_750_000_000 * SECOND_NS  # of a market that has no time of its own
SLICE_NS = 2 * SECOND_NS  # of virtual time between two words about how far it is
MINUTES = 10.0  # of a market that never ends
FOREVER = NEVER_NS - 1  # a replay ends before that


def held_prices(words: Iterable[str]) -> dict[str, float]:
    """What the command line says that sources over HTTP answer, by their names."""
    prices: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            prices[name] = float(number)
        except ValueError:
            prices[name] = nan
        if not (isfinite(prices[name]) and prices[name] > 0):
            raise UsageError(f"the command line: --price: {word!r} is no name and its price, like desk=60000")
    return prices


def require_replayable(config: Config, prices: Mapping[str, float]) -> None:
    """Refuse what no replay can play, before anything is read or written."""
    at = config.path
    if config.mode != "paper" or config.exchange is None:
        raise ConfigurationError(f"{at}: mode: {config.mode!r} cannot be replayed, only paper with an exchange can")
    if len(config.venues) != 1:
        names = ", ".join(config.venues)
        raise ConfigurationError(f"{at}: venues: {names} cannot be replayed together, a replay plays one exchange")
    (venue,) = config.venues
    if config.venues[venue].adapter == CCXT:
        raise ConfigurationError(f"{at}: venues.{venue}.adapter: 'ccxt' cannot be replayed, only deribit can")
    listings = listed(config.exchange).values()
    if all(any(each.state == "shut" for each in details.interruptions) for details in listings):
        raise ConfigurationError(
            f"{at}: exchange.instruments: interruptions that are 'shut' on all of them end every connection, which no "
            "replay plays: 'maintenance' can be replayed"
        )
    for name in prices:
        if name not in config.price_sources:
            raise UsageError(f"the command line: --price: {name!r} is none of {at}'s price_sources")
    for name in config.price_sources:
        if name not in prices:
            raise ConfigurationError(
                f"{at}: price_sources.{name}: a replay asks nobody over HTTP: hold it with --price {name}=PRICE, or "
                "replay what a daemon has heard with --journal"
            )


def replay(
    config: Config,
    *,
    minutes: float | None,
    directory: Path | None,
    tell: Tell,
    prices: Mapping[str, float] = NO_PRICES,
) -> Outcome:
    """Play it all; a data directory is written whole or not at all."""
    require_replayable(config, prices)
    require_offered(config)
    if directory is None:
        return _play(config, Forgetful(), minutes, tell, prices)
    with written(directory) as beside:
        placed = config.in_directory(beside)
        if not placed.database_url.startswith(f"sqlite:///{placed.data_dir}"):
            raise ConfigurationError(
                f"{config.path}: database.url: a replay writes into its own data directory, name a relative SQLite file"
            )
        outcome = _play(placed, Files(placed), minutes, tell, prices)
    return msgspec.structs.replace(outcome, data_directory=str(directory))


def again(config: Config, directory: Path, tell: Tell) -> Again:
    """Live a journal again: the folder itself, or the data directory that it is in."""
    inside = directory / "journal"
    return live_again(inside if inside.is_dir() else directory, setup_of(config), tell)


def _play(config: Config, memory: Memory, minutes: float | None, tell: Tell, prices: Mapping[str, float]) -> Outcome:
    section = config.exchange
    assert section is not None, "what cannot be replayed is refused earlier"
    tell("reading the tape" if config.tape else "filling the book")

    def reading(how_far: str) -> None:
        tell(f"reading the tape, {how_far}")

    began_cpu_s, at = process_time(), START

    def clock(tape_begins: int) -> int:
        nonlocal at
        at = tape_begins or at
        return at

    inspection = Inspection()
    listings = listings_of(
        section,
        tape=config.tape,
        seed=section.seed,
        clock=clock,
        say=reading,
        needs_trades=True,
        see=inspection.see,
    )
    state, epoch = memory.begin(config, at)
    tally, digest = Tally(), blake2b(digest_size=8)

    def append(data: bytes) -> None:
        digest.update(data)
        memory.append(data)

    def observe(step: Step) -> None:
        tally.observe(step)
        memory.observe(step)

    game = replay_of(
        config,
        listings,
        state,
        epoch=epoch,
        at=at,
        append=append,
        observe=observe,
        watch=memory.watch(state),
        prices=prices,
    )
    until = FOREVER
    if minutes is not None or any(listing.market.source == "synthetic" for listing in listings):
        until = at + round((MINUTES if minutes is None else minutes) * MINUTE_NS)
    ends = min(until, max(listing.played_at or until for listing in listings))
    while not game.is_closed and game.at < until:
        game.run(min(game.at + SLICE_NS, until))
        memory.rotate(game)
        past, whole = (min(game.at, ends) - at) / MINUTE_NS, (ends - at) / MINUTE_NS
        tell(f"{past:.1f} of {whole:.1f} minutes, {tally.orders:,} orders")
    seconds = (game.at - at) / SECOND_NS
    game.stop()
    digest.update(state.dump())
    cpu_s = process_time() - began_cpu_s
    gaps = sum(listing.market.gaps for listing in listings if isinstance(listing.market, RecordedMarket))
    outcome = outcome_of(
        config,
        game,
        tally,
        gaps=gaps,
        tape=inspection.info(),
        began_at=at,
        seconds=seconds,
        hash=digest.hexdigest(),
        cpu_s=cpu_s,
    )
    tell("writing the rows")
    memory.close(game.ended(outcome.exit_code))
    return msgspec.structs.replace(outcome, held_prices=prices)
