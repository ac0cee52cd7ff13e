"""The same past twice: as a replay, and as the daemon with its codecs and sessions on virtual time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from replenisher.config import Config, load, market_overrides
from replenisher.core.state import State
from replenisher.core.sweep_watches import Sweeps
from replenisher.exchange import ledger
from replenisher.exchange.ledger import read_ledger
from replenisher.live.birth import EPOCH_ZERO_S
from replenisher.model.command import Command
from replenisher.model.event import ClockOffset, Event, LeaseHeld, LinkAlive, SweepEnded, Woke
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.body import Making
from replenisher.simulate.network import Link
from replenisher.simulate.run import START
from replenisher.simulate.world import World
from replenisher.store.segments import read_header, read_steps, segments
from replenisher.wiring.listings import listings_of
from replenisher.wiring.replay_parts import NO_PRICES, replay_of
from replenisher.wiring.setup import setup_of
from replenisher.wiring.simulation import scene_of

CONFIGS = Path(__file__).parents[2] / "configs"
EVEN = 0.5  # drawn where the two would draw differently: how long a lost connection is not dialed again
NO_LATENCY = {"latency": {"request_ms": 0, "response_ms": 0}}
Happened = ledger.Order | ledger.Amended | ledger.Trade | ledger.Closed
OF_THE_DAEMON = LinkAlive | SweepEnded | LeaseHeld | ClockOffset | Woke  # what it is told of itself, in its own rhythm
SETTLED_NS = SECOND_NS  # until then the session stands, whatever the delays


class Jitter:
    """A delay that is another one every millisecond, and the same for all that sets out at one moment."""

    def __init__(self) -> None:
        self.now: Callable[[], int] = lambda: START

    def request_ns(self) -> int:
        return self._delay_ns(0)

    def response_ns(self) -> int:
        return self._delay_ns(1)

    def _delay_ns(self, way: int) -> int:
        at = self.now()
        drawn = (2 * (at // MS_NS) + way) * 2_654_435_761 % 2**32 >> 16
        return (2 if at < START + SETTLED_NS else 1 + drawn % 7) * MS_NS


class JitteryWorld(World):
    """Each frame takes as long as a jitter says, if there is one."""

    jitter: Jitter | None = None

    def up(self, link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        if self.jitter is not None:
            link.up.delay_ns = self.jitter.request_ns()
        return super().up(link, frame)

    def down(self, link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        if self.jitter is not None:
            link.down.delay_ns = self.jitter.response_ns()
        return super().down(link, frame)


def config_of(
    name: str,
    tape: Path | None = None,
    strategies: list[dict[str, Any]] | None = None,
    *,
    keeps_market: bool = False,
    **exchange: Any,
) -> Config:
    """A shipped configuration whose exchange is next door, unless it is said otherwise; no connection is replaced."""
    market = market_overrides(tape, None).get("exchange", {})
    venues = {"deribit": {"connection_age_h_max": None}}
    others = {} if strategies is None else {"strategies": strategies}
    journal = {"market_data": keeps_market}
    return load(
        CONFIGS / name,
        {"exchange": {**market, **NO_LATENCY, **exchange}, "venues": venues, "journal": journal, **others},
    )


def lived(
    config: Config, seconds: float, folder: Path, way_ns: int = 0, *, jitter: Jitter | None = None
) -> list[Happened]:
    """What its ledger says of a daemon on virtual time, up to its verified-flat stop; each way takes so long."""
    assert config.exchange is not None
    scene = scene_of(config)
    making = partial(_evenly, scene.making)
    scene = replace(scene, making=making, delays_ns=(way_ns, way_ns))
    world = JitteryWorld(scene, seed=config.exchange.seed, at=START, directory=folder / "journal")
    if jitter is not None:
        world.jitter, jitter.now = jitter, lambda: world.at
    world.run(seconds)
    if not world.ends:
        world.stop()
    assert world.ends == ["exit 0"]
    return happened(world.ledger_bytes())


def _evenly(making: Callable[[str], Making], exchange_id: str) -> Making:
    made = making(exchange_id)
    return replace(made, venue=lambda _, url: made.venue(lambda: EVEN, url))


def replayed(
    config: Config,
    seconds: float,
    steps: list[Step] | None = None,
    prices: Mapping[str, float] = NO_PRICES,
    opens_at: int | None = None,
    *,
    is_watched: bool = False,
    jitter: Jitter | None = None,
) -> list[Happened]:
    """What it says of a replay of the same past; if it is watched, the steps tell the sweeps of its books."""
    section, written = config.exchange, bytearray()
    assert section is not None
    observe = (lambda _: None) if steps is None else steps.append
    state = State.load(setup_of(config), None)
    game = replay_of(
        config,
        listings_of(section, tape=config.tape, seed=section.seed, clock=lambda _: START),
        state,
        epoch=START // SECOND_NS - EPOCH_ZERO_S,
        at=START,
        append=written.extend,
        observe=observe,
        watch=Sweeps(state) if is_watched else None,
        prices=prices,
        opens_at=opens_at,
        chance=lambda: EVEN,
        latency=jitter,
    )
    if jitter is not None:
        jitter.now = lambda: game.at
    game.run(START + round(seconds * SECOND_NS))
    game.stop()
    assert game.is_flat
    return happened(bytes(written))


def happened(data: bytes) -> list[Happened]:
    return [record for record in read_ledger(data).records if isinstance(record, Happened)]


def written(journal: Path) -> list[Step]:
    """What a life has left in its journal."""
    known, steps = segments(journal), []
    for segment in known:
        found = read_header(segment)
        assert found is not None
        steps += [step for step, _ in read_steps(segment, found[1], is_last=segment is known[-1], bytes_max=2**31)]
    return steps


def fills_of(records: list[Happened]) -> int:
    return sum(isinstance(record, ledger.Trade) for record in records)


def heard(steps: list[Step], seconds: float) -> list[tuple[int, list[str], tuple[Command, ...]]]:
    """What an engine heard of orders and markets from when its session stood until it was stopped, and asked for."""
    turns = []
    for step in steps:
        facts = [_named(event) for event in step.events if not isinstance(event, OF_THE_DAEMON)]
        if SETTLED_NS < step.at - START < seconds * SECOND_NS and (facts or step.commands):
            turns.append((step.at, facts, step.commands))
    return turns


def _named(fact: Event) -> str:
    about = (getattr(fact, name, "") for name in ("at", "instrument", "order_id", "trade_id", "valid_until"))
    return " ".join([type(fact).__name__, *map(str, about)])
