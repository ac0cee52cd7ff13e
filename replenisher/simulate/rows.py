"""The recorder on the timeline: it looks from time to time, as its own process does, and its database may fail it."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from replenisher.errors import ReplenisherError
from replenisher.model.units import SECOND_NS
from replenisher.simulate.timeline import Timeline
from replenisher.store.database import Database
from replenisher.store.recorder import Recorder

T = TypeVar("T")
RETRY_NS = SECOND_NS


class SimulatedDatabase(Database):
    """An SQLite file whose server may be locked or go away, before a COMMIT or right after it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.beside = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)  # for whoever only looks
        self.is_locked = False
        self.goes_away: str = ""  # "before" or "after" the next COMMIT; empty if it does not
        self.commits = 0
        self.committed: Callable[[], None] = lambda: None  # is called after each

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` and commit it, unless something fails."""
        if self.is_locked:
            raise _error("database is locked")
        goes_away, self.goes_away = self.goes_away, ""
        if goes_away == "before":
            return super().write(lambda connection: _gone(work(connection)))
        done = super().write(work)
        self.commits += 1
        self.committed()
        return _gone(done) if goes_away else done

    def close(self) -> None:
        """Let go of the file."""
        self.beside.close()
        super().close()


def _gone(_: T) -> T:
    raise _error("the connection was lost")


def _error(words: str) -> OperationalError:
    return OperationalError("", {}, sqlite3.OperationalError(words))


class Follower:
    """Calls a recorder every `every_ns`, and a second later where it failed, if the journal has grown meanwhile."""

    def __init__(self, timeline: Timeline, recorder: Recorder, grown: Callable[[], int], every_ns: int) -> None:
        self._timeline = timeline
        self._recorder = recorder
        self._grown = grown  # how often something was written to the journal
        self._every_ns = every_ns
        self._seen = -1
        self._is_over = False
        timeline.put(timeline.at + every_ns, self._look)

    def drain(self) -> str:
        """Record all there is; why that could not be done, or nothing."""
        try:
            self._recorder.record_all()
        except (SQLAlchemyError, OSError, ReplenisherError) as error:
            return str(error)
        return ""

    def end(self) -> None:
        """Its process is no more."""
        self._is_over = True

    def _look(self) -> None:
        if self._is_over:
            return
        wait_ns, grown = self._every_ns, self._grown()
        if grown != self._seen:
            if self.drain():
                wait_ns = RETRY_NS
            else:
                self._seen = grown
        self._timeline.put(self._timeline.at + wait_ns, self._look)
