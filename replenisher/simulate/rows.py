"""The recorder on the timeline: it looks from time to time, as its own process does, and its database may fail it."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from replenisher.errors import ReplenisherError
from replenisher.model.units import SECOND_NS
from replenisher.simulate.timeline import Timeline, VirtualLoop
from replenisher.store import schema
from replenisher.store.database import Database
from replenisher.store.recorder import Recorder

T = TypeVar("T")
RETRY_NS = SECOND_NS
LOST_MAX = 8  # commits that power loss may take back, at most
LOG_BYTES_MAX = 64 * 1024 * 1024  # of the write-ahead log, until all of it is brought to the disk: a day's
PAGE_BYTES = 1024  # a commit of a few rows writes whole pages, and a usual one is four times as large


@cache
def empty_database() -> bytes:
    """A database with its tables, made once a process."""
    with tempfile.TemporaryDirectory(prefix="replenisher-") as folder:
        file = Path(folder) / "rows.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            connection.execute("VACUUM")
        schema.upgrade(f"sqlite:///{file}")
        return file.read_bytes()


@contextmanager
def database_in(directory: Path) -> Iterator["SimulatedDatabase"]:
    """A database in a directory, without a row yet, for as long as a world lasts."""
    file = directory / "rows.db"
    file.write_bytes(empty_database())
    with closing(SimulatedDatabase(f"sqlite:///{file}")) as database:
        yield database


class SimulatedDatabase(Database):
    """An SQLite file whose server may be locked or go away, before a COMMIT or right after it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._file = Path(url.removeprefix("sqlite:///"))
        self._wal = self._file.with_name(f"{self._file.name}-wal")
        # How long the write-ahead log was after each commit that power loss may take back.
        self._ends: list[int] = []
        self._locked: Callable[[], None] | None = None
        self._going: tuple[str, Callable[[], None]] | None = None
        self.committed: Callable[[], None] = lambda: None  # is called after each commit
        self.reach: Callable[[str], None] = lambda _: None  # is told of the moments around each
        event.listen(self._engine, "connect", _never_sync)
        self._open_beside()

    def lock(self, hit: Callable[[], None] | None) -> None:
        """Somebody holds it, and whoever wants to write is told so by `hit`; None lets go."""
        self._locked = hit

    def go_away(self, when: str, hit: Callable[[], None]) -> None:
        """Its connection ends `before` or `after` the next COMMIT, whereupon `hit` is called."""
        self._going = (when, hit)

    def stay(self) -> None:
        """Its connection ends no more."""
        self._going = None

    def lose_power(self, chance: Random) -> None:
        """Take back some of the last commits: they are whole, but nothing has brought them to the disk."""
        kept = chance.choice(self._ends[-LOST_MAX:]) if self._ends else 0
        survives = {self._file: self._file.read_bytes(), self._wal: self._wal.read_bytes()[:kept]}
        self.close()
        for file, content in survives.items():
            file.write_bytes(content)
        self._ends = [end for end in self._ends if end <= kept]
        self._open_beside()

    def _open_beside(self) -> None:
        self.beside = sqlite3.connect(self._file, isolation_level=None)  # for whoever only looks
        _never_sync(self.beside, None)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` and commit it, unless something fails."""
        if self._locked is not None:
            self._locked()
            raise _error("database is locked")
        going, self._going = self._going, None
        if going is not None and going[0] == "before":
            return super().write(lambda connection: _gone(work(connection), going[1]))
        self._ends = self._ends or [self._wal_size()]
        done = super().write(lambda connection: self._before_commit(work(connection)))
        self._ends.append(self._wal_size())
        self.committed()
        if self._ends[-1] > LOG_BYTES_MAX:
            self.beside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._ends = [0]
        self.reach("after commit")
        return done if going is None else _gone(done, going[1])

    def settle(self) -> None:
        """Power loss takes nothing of what is there now."""
        self._ends = [self._wal_size()]

    def close(self) -> None:
        """Let go of the file."""
        self.beside.close()
        super().close()

    def _before_commit(self, done: T) -> T:
        self.reach("before commit")
        return done

    def _wal_size(self) -> int:
        return self._wal.stat().st_size if self._wal.exists() else 0


def _never_sync(connection: sqlite3.Connection, _entry: object) -> None:
    """What power loss takes is decided here, so that the disk of the machine that simulates is not waited for."""
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA synchronous=OFF")


def _gone(_: T, hit: Callable[[], None]) -> T:
    hit()
    raise _error("the connection was lost")


def _error(words: str) -> OperationalError:
    return OperationalError("", {}, sqlite3.OperationalError(words))


class Follower:
    """Calls a recorder every `every_ns`, and a second later where it failed, if there may be something to record."""

    def __init__(
        self,
        timeline: Timeline,
        loop: VirtualLoop,
        make: Callable[[], Recorder],
        grown: Callable[[], int],
        every_ns: int,
    ) -> None:
        self._timeline = timeline
        self._loop = loop  # of the daemon that it belongs to
        self._make = make
        self._recorder = make()
        self._grown = grown  # a number that changes when there may be something to record
        self._every_ns = every_ns
        self._seen = -1
        self.error = ""  # why the last rows could not be written
        self._look_in(every_ns)

    def drain(self) -> str:
        """Record all there is for good; why that could not be done, or nothing."""
        return self._try(self._recorder.finish)

    def _try(self, record: Callable[[], int]) -> str:
        self.error = ""
        try:
            record()
        except (SQLAlchemyError, OSError, ReplenisherError) as error:
            self.error = str(error)
        return self.error

    def restart(self) -> None:
        """Its process died, and another one begins where the rows end."""
        self._recorder = self._make()

    def _look_in(self, wait_ns: int) -> None:
        self._timeline.put(self._timeline.at + wait_ns, self._loop.beside, self._look)

    def _look(self) -> None:
        wait_ns, grown = self._every_ns, self._grown()
        if grown != self._seen:
            if self._try(self._recorder.record_all):
                wait_ns = RETRY_NS
            else:
                self._seen = grown
        self._look_in(wait_ns)
