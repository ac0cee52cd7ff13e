"""`replenisher record`: a configuration's venues are listened to, and what they tell goes to a tape."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from replenisher.config import Config
from replenisher.errors import ConfigurationError, ReplenisherError
from replenisher.live.clock import SessionClock
from replenisher.live.tape_recorder import Recorder
from replenisher.model.event import BookChanged, FeedLost, TradePrinted
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.writer import TapeWriter
from replenisher.wiring.child import exchange_of
from replenisher.wiring.venues import listen, watched_on

SUFFIX = ".tape"


def record(
    config: Config, out: Path | None, *, is_raw: bool, duration_s: float | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """Record until told to end, on a new tape or behind what is on one; what came of it."""
    names = [name for name in config.venues if watched_on(config, name)]
    with ExitStack() as stack:
        clock = SessionClock()
        path = out or _usual_path(config, clock.now())
        is_kept = path.exists()
        tape = TapeWriter.append(path, clock.now()) if is_kept else TapeWriter.create(path)

        def leave() -> None:
            tape.close()
            if not is_kept:  # nothing on it could be played
                path.unlink()

        stack.callback(leave)
        child = None
        if config.starts_exchange:
            room = stack.enter_context(TemporaryDirectory(prefix="replenisher-record-"))
            child = stack.enter_context(exchange_of(config, ledger=Path(room) / "exchange.ledger"))
        reached = {name: listen(config, name, child, clock, with_tickers=True, is_raw=is_raw) for name in names}
        recorder = Recorder({name: each.venue for name, each in reached.items()}, tape, clock)

        def refresh() -> None:
            if child is not None and (complaint := child.complaint()):
                raise ReplenisherError(complaint)
            say(sentence(document(recorder, tape, clock.now())))

        carriers = {name: each.carrier for name, each in reached.items()}
        try:
            uvloop.run(recorder.record(carriers, duration_s=duration_s, refresh=refresh))
            tape.sync()
        finally:
            is_kept = is_kept or recorder.has_told_a_book
        return document(recorder, tape, clock.now())


def document(recorder: Recorder, tape: TapeWriter, at: int) -> dict[str, Any]:
    """How far a recorder is."""
    return {
        "tape": str(tape.path),
        "seconds": round((at - recorder.begun_at) / SECOND_NS, 3),
        "bytes": tape.size,
        "facts": dict(recorder.told),
        "last_loss": recorder.last_loss,
    }


def sentence(found: Mapping[str, Any]) -> str:
    """The same in a line."""
    told = found["facts"]
    count = {kind: told.get(kind.__name__, 0) for kind in (BookChanged, TradePrinted, FeedLost)}
    lost = f", the last: {found['last_loss']}" if found["last_loss"] else ""
    return (
        f"{found['seconds']:,.0f} s, {count[BookChanged]:,} book changes, {count[TradePrinted]:,} trades, "
        f"{count[FeedLost]:,} books lost{lost}, {found['bytes'] / 1000:,.0f} kB"
    )


def _usual_path(config: Config, at: int) -> Path:
    """In the data directory, by the time at which it begins."""
    folder = config.data_dir / "tapes"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigurationError(f"{folder}: cannot be made ({fault.strerror})") from fault
    return folder / f"{datetime.fromtimestamp(at // SECOND_NS, UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"
