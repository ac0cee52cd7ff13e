"""`replenisher simulate`: what a paper configuration says, on virtual time, seed after seed on every CPU."""

import gc
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

import replenisher
from replenisher.config import Config, load
from replenisher.config.sections import PAPER_KEY
from replenisher.errors import ConfigurationError, UsageError
from replenisher.exchange.dialects.deribit import Deribit
from replenisher.exchange.dialects.deribit.login import ApiKey
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.ledger import Append, Past
from replenisher.model.units import SECOND_NS
from replenisher.simulate import guest
from replenisher.simulate.body import Making
from replenisher.simulate.chance import seeded
from replenisher.simulate.checks import ALL
from replenisher.simulate.exchange_end import Opened
from replenisher.simulate.faults import NAMES
from replenisher.simulate.run import Outcome, run
from replenisher.simulate.swarm import drawn
from replenisher.simulate.total import Total
from replenisher.simulate.world import Scene
from replenisher.store.journal import Fsync, Policy
from replenisher.venues.deribit.settings import Credentials
from replenisher.venues.deribit.venue import DeribitVenue
from replenisher.wiring.dialect import deribit_settings
from replenisher.wiring.listings import listings_of
from replenisher.wiring.offered import objections
from replenisher.wiring.setup import setup_of
from replenisher.wiring.venues import followed_on, instruments_on, patience_with, tickers_on


def _shipped() -> Path:
    """The configuration that is simulated if none is named: beside the package, or inside it once installed."""
    package = Path(replenisher.__file__).parent
    inside = package / "configs"
    return (inside if inside.is_dir() else package.parent / "configs") / "simulate.yaml"


__all__ = ["SHIPPED", "Task", "Total", "commit", "cpus", "faults_named", "scene_of", "simulate"]
SHIPPED = _shipped()
MINUTE_S = 60.0
KEEPS_ORDERS_SHARE = 1 / 2  # of the seeds, through a maintenance
GARBAGE_MIN = 100_000  # objects that must be new before cycles among them are looked for; there are few
CANARY = "sUxQ7c1e/55+canary"  # looked for wherever a run leaves something behind


class Task(NamedTuple):
    """What every seed is run with."""

    file: Path
    minutes: float
    faults: tuple[str, ...]  # that may happen
    on_sockets: bool = False  # whether real time passes, over real connections


def simulate(task: Task, seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """The outcome of each seed, in their order."""
    gc.collect()
    gc.freeze()  # as the daemon does: what is there for good is not looked at again and again
    gc.set_threshold(GARBAGE_MIN)
    _scene_in(task.file)  # what is wrong with it is said here and not in a child
    if jobs == 1:
        yield from map(partial(_one, task), seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(_one, task), seeds)


def faults_named(words: str) -> tuple[str, ...]:
    """The kinds of fault that `all`, `none` or a list of names with commas between them stands for."""
    if words in ("all", "none"):
        return NAMES if words == "all" else ()
    names = tuple(name.strip() for name in words.split(","))
    for name in names:
        if name not in NAMES:
            raise UsageError(f"the command line: --faults: {name!r} is none of {', '.join(NAMES)}")
    return names


def commit() -> str:
    """Which code this is: the commit of the checkout, or the version that is installed."""
    git = Path(replenisher.__file__).parent.parent / ".git"
    if not (git / "HEAD").is_file():
        return version("replenisher")
    word = (git / "HEAD").read_text().strip().removeprefix("ref: ")
    branch, packed = git / word, git / "packed-refs"
    if branch.is_file():
        word = branch.read_text().strip()
    elif packed.is_file():
        word = next((line.split()[0] for line in packed.read_text().splitlines() if line.endswith(f" {word}")), word)
    return word[:12]


def cpus() -> int:
    """How many seeds can run at a time."""
    return os.cpu_count() or 1


def _one(task: Task, seed: int) -> Outcome:
    plan = drawn(seed, task.faults)
    scene = _scene_in(task.file)
    if task.on_sockets:
        from replenisher.simulate.sockets import run_on_sockets

        return run_on_sockets(scene, seed=seed, seconds=task.minutes * MINUTE_S, plan=plan)
    return run(scene, seed=seed, minutes=task.minutes, plan=plan, checks=ALL)


@cache
def _scene_in(file: Path) -> Scene:
    """What a configuration says is read once a process, and not for every seed."""
    return scene_of(load(file))


def scene_of(config: Config) -> Scene:
    """What is simulated under this configuration."""
    section = config.exchange
    if config.mode != "paper" or section is None or len(config.venues) != 1:
        raise ConfigurationError(f"{config.path}: only mode paper with an exchange and one venue can be simulated")
    (name,) = config.venues
    account, credentials = config.venues[name].account, Credentials(PAPER_KEY, CANARY)
    keys = (
        ApiKey(PAPER_KEY, CANARY, account, section.key_scope),
        ApiKey(guest.CLIENT_ID, guest.CLIENT_SECRET, guest.ACCOUNT),
    )

    def opened(seed: int, at: int, past: Past, append: Append) -> Opened:
        exchange = Exchange(
            exchange_id=f"{seeded(seed, 'exchange').getrandbits(64):016x}",
            seed=seed,
            listings=listings_of(section, tape=config.tape, seed=seed, clock=lambda _: at),
            balances={account: dict(section.balances)}
            | {name: dict(each.balances) for name, each in section.accounts.items()}
            | {guest.ACCOUNT: dict(section.balances)},
            append=append,
            at=at,
            past=past,
            max_leverage=section.max_leverage,
        )
        keeps_orders = seeded(seed, "maintenance").random() < KEEPS_ORDERS_SHARE
        settings = replace(deribit_settings(section, keys, at), keeps_orders_when_shut=keeps_orders)
        return Opened(exchange, Deribit(exchange, settings))

    def making(exchange_id: str) -> Making:
        return Making(
            setup=setup_of(config),
            config_version=config.fingerprint(),
            accounts={name: f"{account}@{exchange_id}"},
            policy=Policy(
                fsync=Fsync(config.journal.fsync),
                fsync_interval_ms=config.journal.fsync_interval_ms,
                market_data=config.journal.market_data,
            ),
            dead_man_ns=config.venues[name].dead_man_switch_s * SECOND_NS,
            credentials=credentials,
            venue=lambda random, url: DeribitVenue(
                name=name,
                url=url,
                credentials=credentials,
                instruments=instruments_on(config, name),
                namespace=config.namespace,
                random=random,
                settings=patience_with(config, name),
                followed=followed_on(config, name),
                tickers=tickers_on(config, name),
            ),
            objection=partial(objections, config),
        )

    return Scene(making=making, open_exchange=lambda seed: partial(opened, seed), account=account, secrets=(CANARY,))
