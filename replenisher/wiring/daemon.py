"""`replenisher run`: one life of the daemon, from a checked configuration to its exit code."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

import uvloop
from rich.console import Console

from replenisher.config import Config
from replenisher.config.priced import listened_to
from replenisher.core.engine import Engine
from replenisher.core.halts import why_halted
from replenisher.core.mandates import mandates
from replenisher.errors import ConfigurationError
from replenisher.live import garbage
from replenisher.live.birth import begin, inherited
from replenisher.live.chronicle import Chronicle, tell
from replenisher.live.clock import SessionClock
from replenisher.live.control import Door
from replenisher.live.daily_statement import DailyStatement, statement_of
from replenisher.live.lease import Lease
from replenisher.live.monitor import Monitor
from replenisher.live.process import Surroundings, live
from replenisher.live.screen import Backstage, Screen, Title, farewell
from replenisher.live.sole import sole_daemon
from replenisher.live.supervisor import RISK_HALT, Parts
from replenisher.logs import Printer, RotatedFile, Stdout, configure
from replenisher.model.event import Started
from replenisher.store.growing import JournalFull
from replenisher.store.journal import Journal
from replenisher.streams import say, silence
from replenisher.wiring.books import accounts_of, database_upgrade, require_database
from replenisher.wiring.child import Child, exchange_of
from replenisher.wiring.memory import RECORDER_S_MAX, open_journal, record_task, require_journal
from replenisher.wiring.offered import objections, require_offered
from replenisher.wiring.price_sources import price_sources, require_prices
from replenisher.wiring.recording import Recording
from replenisher.wiring.setup import setup_of
from replenisher.wiring.tenancy import claim_of, taken, untaken
from replenisher.wiring.venues import reach


def run(config: Config, *, duration_s: float | None, fresh: bool, screen: bool) -> int:
    """Trade until told to stop; the exit code. Whatever is wrong is found before anything is written or sent."""
    require_offered(config)
    with ExitStack() as stack:
        stack.enter_context(_data_directory(config, fresh=fresh))
        require_database(config)
        require_journal(config)
        require_prices(config)
        child = stack.enter_context(exchange_of(config)) if config.starts_exchange else None
        exit_code, left, is_unverified = _live(config, child, duration_s=duration_s, screen=screen, stack=stack)
    _say_what_may_be_left(left, is_unverified=is_unverified)  # last, because a screen would wipe it away
    return exit_code


def _live(
    config: Config, child: Child | None, *, duration_s: float | None, screen: bool, stack: ExitStack
) -> tuple[int, list[str], bool]:
    """One life; its exit code, the orders that may have outlived it, and whether the venue could not say."""
    accounts = accounts_of(config, child.announcement.exchange_id if child is not None else None)
    database_upgrade(config)
    journal = open_journal(config)
    stack.callback(journal.close)
    clock = SessionClock()
    claim = claim_of(config, accounts, journal.boot.journal_id)
    epoch_before = stack.enter_context(untaken(config, claim))
    setup = setup_of(config)
    state, epoch = begin(journal, setup, clock.now(), epoch_before=epoch_before)

    tenancy, known, remembered = taken(config, claim, epoch, journal.boot, clock)
    recorder = Recording(record_task(config, tenancy))
    monitor = Monitor(state)
    statement = DailyStatement(config.data_dir, statement_of(config.path))
    used = [*config.quoted_venues, *listened_to(config)]
    reached = {name: reach(config, name, child, clock, left_on=state.setup.left_at(name)) for name in used}
    engine = Engine(state, number=journal.boot.step)
    printer = _configure_logs(config, screen=screen)
    lease = Lease(recorder, claim.life_ns)
    parts = Parts(
        engine=engine,
        journal=journal,
        venues={name: each.venue for name, each in reached.items()},
        clock=clock,
        lease=lease,
        started=Started(
            at=clock.now(),
            epoch=epoch,
            namespace=config.namespace,
            config_version=config.fingerprint(),
            accounts=accounts,
            mandates=mandates(setup),
        ),
        inherited=[*inherited(state, known, clock.now()), *remembered],
        observers=[monitor.observe, Chronicle(state).observe, garbage.look],
        learned=monitor.learned,
        tell=tell,
        status=lambda: {
            "config_version": config.fingerprint(),
            "lease": {"epoch": epoch, **lease.standing(clock.now())},
            "rows": {"behind_bytes": recorder.status.behind_bytes, "error": recorder.status.error},
            "statements": statement.told(),
            "lines_lost": printer.lost,
            **monitor.status(state, clock.now()),
        },
        objection=objections(config, state),
        complaint=lambda: _complaint(child, printer) or journal.complaint(),
    )

    @cache  # a life that ends asks for it; one that never began does not
    def record() -> bool:
        """Bring the last rows to the database; whether all are there."""
        with suppress(JournalFull):  # then the next life brings it to the disk, and makes the rows
            journal.close()
        if recorder.status.error and not screen:  # which shows it
            say(f"the database is awaited, {RECORDER_S_MAX:g} s at most: {recorder.status.error}")
        return recorder.drain()

    around = Surroundings(
        carriers={name: each.carrier for name, each in reached.items()},
        door=lambda handle: Door(config.data_dir, handle),
        prices=price_sources(config),
        duration_s=duration_s,
        retention=lambda: _tidy_up(journal, recorder, clock),
        statement=statement.state_what_is_due,
        record=record,
        give_up=recorder.give_up,
    )
    try:
        with ExitStack() as page:
            if screen:
                around.refresh = page.enter_context(_live_screen(config, engine, monitor, recorder, statement, clock))
            garbage.look_for_it_ourselves()
            ending = uvloop.run(live(parts, around))
    finally:
        record()
    if not ending.is_recorded:
        behind_bytes, error = recorder.status.behind_bytes, recorder.status.error
        tell("not_recorded", {"error": error, "behind_bytes": behind_bytes})
        say(f"{behind_bytes:,} bytes of the journal are not in the database, the next run brings them there: {error}")
    if ending.exit_code == RISK_HALT:
        say(f'{why_halted(state)}; `replenisher resume {config.path} --reason "…"` lifts that')
    for order_id in ending.left:
        tell("may_be_left", {"order_id": order_id})
    tell("summary", monitor.summary(state, clock.now()))
    return ending.exit_code, ending.left, not ending.is_verified


def _complaint(child: Child | None, printer: Printer) -> str:
    """Why the life should not go on; empty while it should."""
    if child is not None and (complaint := child.complaint()):
        return complaint
    return "" if printer.is_heard else "nobody hears what we tell"


def _say_what_may_be_left(left: Sequence[str], *, is_unverified: bool) -> None:
    """One line on stderr, for whoever does not read the facts."""
    if not left and not is_unverified:
        return
    rest = f"these orders may rest: {', '.join(left)}" if left else "although no order of ours is known to rest"
    say(f"not verified flat, {rest}")


def _tidy_up(journal: Journal, recorder: Recording, clock: SessionClock) -> None:
    garbage.look_everywhere()
    for segment in journal.expired(clock.now(), recorded_segment=recorder.status.segment):
        segment.path.unlink()


@contextmanager
def _live_screen(
    config: Config,
    engine: Engine,
    monitor: Monitor,
    recorder: Recording,
    statement: DailyStatement,
    clock: SessionClock,
) -> Iterator[Callable[[], None]]:
    """A page on the terminal; what is yielded draws it anew."""
    title = Title(mode=config.mode, instrument=engine.state.setup.strategies[0].instrument)
    console = Console()
    with Screen(console, title) as page:

        def refresh() -> None:
            status = recorder.status
            backstage = Backstage(
                journal=f"step {engine.number}",
                recorder=f"{status.behind_bytes} bytes behind" if status.behind_bytes else "up to date",
                alarm=status.error,
                not_explained=statement.alarm,
            )
            page.show(monitor.look(engine.state, clock.now()), backstage)

        yield refresh
    try:
        console.print(farewell(title, monitor.look(engine.state, clock.now()), console.size.width))
        console.line()
    except OSError:  # the terminal is gone
        silence(sys.stdout)


@contextmanager
def _data_directory(config: Config, *, fresh: bool) -> Iterator[None]:
    """Hold the data directory for this process alone. A start that fails leaves everything as it was."""
    directory = config.data_dir
    aside = _set_aside(directory) if fresh and directory.exists() else None
    new = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{directory}: the data directory cannot be made: {error.strerror}") from error
    try:
        with sole_daemon(directory):
            yield
    finally:
        _remove_empty(new)
        if aside is not None and not directory.exists():
            aside.rename(directory)


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove these folders, each below the next, as far as nothing is in them."""
    for folder in folders:
        if any(folder.iterdir()):
            return
        folder.rmdir()


def _set_aside(directory: Path) -> Path:
    """Give the directory the first name of its kind that is free; that name."""
    with sole_daemon(directory):
        number = 1
        while (aside := directory.with_name(f"{directory.name}.{number}")).exists():
            number += 1
        directory.rename(aside)
        return aside


def _configure_logs(config: Config, *, screen: bool) -> Printer:
    """JSON lines on stdout; with a live screen there, into the data directory instead."""
    if not screen:
        return configure(as_json=True, sink=Stdout())
    logs = config.data_dir / "logs"
    logs.mkdir(exist_ok=True)
    return configure(as_json=True, sink=RotatedFile(logs / "replenisher.jsonl"))
