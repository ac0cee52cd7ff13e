"""What is remembered of earlier lives: the journal, opened for one more, and the latches that it keeps."""

import secrets
from contextlib import suppress
from typing import Any

from replenisher.config import Config
from replenisher.core.replay import fold
from replenisher.core.state import State
from replenisher.errors import ReplenisherError, Unreachable
from replenisher.live.birth import lift
from replenisher.live.clock import SessionClock
from replenisher.live.sole import sole_daemon
from replenisher.model.command import Halt, Pause
from replenisher.store.boot import look
from replenisher.store.journal import Fsync, Journal, Policy
from replenisher.store.segments import read_header, segments, whole_records
from replenisher.wiring.books import database_upgrade, require_database
from replenisher.wiring.recording import Recording, Task, Tenancy
from replenisher.wiring.setup import setup_of

RECORDER_S_MAX = 30.0


def require_journal(config: Config) -> None:
    """Refuse a journal from which no life can begin; nothing of it is changed."""
    for segment in segments(config.data_dir / "journal")[-1:]:
        whole_records(segment)
        read_header(segment)


def open_journal(config: Config) -> Journal:
    """The journal of a configuration, for this process alone."""
    policy = Policy(
        fsync=Fsync(config.journal.fsync),
        fsync_interval_ms=config.journal.fsync_interval_ms,
        market_data=config.journal.market_data,
        keep_days=config.journal.keep_days,
    )
    return Journal.open(config.data_dir / "journal", new_id=secrets.token_hex(8), policy=policy)


def record_task(config: Config, tenancy: Tenancy | None = None) -> Task:
    """What the recorder of this configuration does; it keeps the lease of a life that trades."""
    return Task(str(config.data_dir / "journal"), config.database_url, RECORDER_S_MAX, tenancy)


def latches(config: Config) -> list[Halt | Pause]:
    """What would keep the next life from quoting, as the journal remembers it; nothing of it is changed."""
    if (boot := look(config.data_dir / "journal")) is None:
        return []
    state, at = State.load(setup_of(config), boot.snapshot), SessionClock().now()
    fold(state, boot.steps)
    return [*state.halts.values(), *(pause for pause in state.pauses.values() if not pause.is_over(at))]


def halts(config: Config) -> list[Halt]:
    """What would end the next life at once, as the journal remembers it."""
    return [latch for latch in latches(config) if isinstance(latch, Halt)]


def resume(config: Config, reason: str) -> dict[str, Any]:
    """Lift what no running daemon can be told to lift."""
    nothing = ReplenisherError(f"no daemon runs on {config.data_dir}, and none left a halt or a pause there")
    if not segments(config.data_dir / "journal"):
        raise nothing
    with sole_daemon(config.data_dir):
        with suppress(Unreachable):  # what it cannot say now, it says to the next life
            require_database(config)
        journal = open_journal(config)
        try:
            lifted = lift(journal, setup_of(config), SessionClock().now(), reason)
        finally:
            journal.close()
        if not lifted:
            raise nothing
        return {"asked": "resume", "lifted": lifted, "is_recorded": _is_recorded(config)}


def _is_recorded(config: Config) -> bool:
    """Bring what was just written into the database; if that is away, the next life does."""
    try:
        database_upgrade(config)
    except ReplenisherError:
        return False
    return Recording(record_task(config)).drain()
