"""The recorder as a child of the daemon: a process of its own, so that making rows never holds up a quote.

Two threads of one process share one interpreter: while one makes rows, the other waits for it, and a quote waits too.
The recorder reads files and writes a database; it needs nothing of the daemon, so it lives beside it. It is told its
task on its first line of stdin, and tells on stdout how it is doing whenever that has changed. The line `drain` makes
it catch up and end. If its stdin closes without that word the daemon is dead: it ends at once, and the next life goes
on where the cursor in the database stands. One that dies itself is started again.

It also keeps the lease on the accounts (`store/leases.py`): a line `renew TIME` has it renewed, in a thread that no
backlog of rows holds up, and what came of that is told with the rest. Nothing renews it but such a line, so a daemon
that does not run has no lease, whatever its recorder does. After the last row it is given back.
"""

import fcntl
import gc
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from replenisher.errors import ReplenisherError
from replenisher.live.lease import Word
from replenisher.logs import logger
from replenisher.model.units import NEVER_NS, SECOND_NS
from replenisher.store import leases
from replenisher.store.database import Database, said
from replenisher.store.leases import Claim
from replenisher.store.recorder import Recorder, RecorderStatus

STDIN = 0
DRAIN = b"drain\n"
RENEW = b"renew "
NICE = 5  # the recorder gives way to the daemon: rows may wait, quotes may not
LOOK_S = 0.2  # how often the child looks whether its status has changed
RESTART_S = 1.0  # how long the daemon waits before it starts a child that has died anew
GIVE_BACK_S = 1.0  # how long giving back the lease may take
SILENT_NS_MAX = 60 * SECOND_NS  # without an answer to a `renew`: another child can still renew the lease in time
END_S = 2.0  # how much longer than it was told the child may take to end


class Tenancy(msgspec.Struct, frozen=True):
    """The lease of one life."""

    claim: Claim
    epoch: int
    asked_at: int  # session time of when it was taken


class Task(msgspec.Struct, frozen=True):
    """What the child does. It goes over a pipe, because the address of a database may hold a password."""

    journal: str
    database_url: str
    drain_s: float
    tenancy: Tenancy | None = None  # none where nobody trades


class Report(msgspec.Struct, frozen=True):
    """How it is doing."""

    rows: RecorderStatus | None  # none before it has looked for the first time: it may be one that was started again
    lease: Word | None
    heard: int = 0  # the newest `renew` that it has read, so that each is answered


# --- The daemon's end --------------------------------------------------------------------------------------------


class Recording:
    """A recorder that runs beside us, and how it is doing."""

    def __init__(self, task: Task) -> None:
        self.status = RecorderStatus()
        self.word = Word(asked_at=task.tenancy.asked_at if task.tenancy is not None else 0)
        self._task = task
        self._unanswered_since: int | None = None  # session time of the oldest `renew` that it has not answered
        self._human_at: int | None = None  # session time at which somebody is called, if rows wait until then
        self._ending = threading.Event()
        self._changing = threading.Lock()  # no child is started any more once the last one was told to end
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - it is open for as long as there may be a child
        self._child = self._started()
        self._listener = threading.Thread(target=self._listen, name="recording", daemon=True)
        self._listener.start()

    def drain(self) -> bool:
        """Let it catch up and end; whether all that the journal holds is in the database now."""
        with self._changing:
            self._ending.set()
            child = self._child
        assert child.stdin is not None, "it is a pipe"
        with suppress(OSError, ValueError), child.stdin:  # a child that is gone is seen by its exit code
            child.stdin.write(DRAIN)
        try:
            code = child.wait(self._task.drain_s + END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        self._listener.join(END_S)
        self._stderr.close()
        return code == 0

    def give_up(self) -> None:
        """End it now, for whoever waits in `drain`; the next life brings the rest."""
        with self._changing:
            self._ending.set()
            self._child.kill()

    def renew(self, at: int) -> None:
        """Ask it to renew the lease; one that does not read any more is not waited for, and replaced after a while."""
        if self._unanswered_since is None:
            self._unanswered_since = at
        elif at - self._unanswered_since > SILENT_NS_MAX:
            self._unanswered_since = None
            self._child.kill()
        self._look_at_rows(at)
        stdin = self._child.stdin
        assert stdin is not None, "it is a pipe"
        with suppress(OSError, ValueError):  # a child that is gone is started anew, and asked again
            stdin.write(RENEW + b"%d\n" % at)

    def _started(self) -> "subprocess.Popen[bytes]":
        # Its own session, so that Ctrl-C at the terminal reaches the daemon alone.
        child = subprocess.Popen(
            [sys.executable, "-m", "replenisher.wiring.recording"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
            bufsize=0,
        )
        assert child.stdin is not None and child.stdout is not None, "they are pipes"
        with suppress(OSError):
            child.stdin.write(msgspec.json.encode(self._task) + b"\n")
        os.set_blocking(child.stdin.fileno(), False)
        return child

    def _listen(self) -> None:
        """Hear the child until it ends; start another one if it should not have ended."""
        while True:
            child = self._child
            assert child.stdout is not None, "it is a pipe"
            # Whole lines at a time: byte by byte, as an unbuffered pipe is read, each would take the interpreter away
            # from a quote that is on its way.
            with child.stdout, open(child.stdout.fileno(), "rb", closefd=False) as reports:
                for line in reports:
                    with suppress(msgspec.DecodeError):  # the last line of a child that was killed
                        report = msgspec.json.decode(line, type=Report)
                        self._unanswered_since = None
                        if report.rows is not None:
                            self._learn(report.rows)
                        self.word = report.lease or self.word
            code = child.wait()
            if self._ending.is_set():
                return
            assert child.stdin is not None, "it is a pipe"
            with suppress(OSError):  # what nobody has read of it
                child.stdin.close()
            self._stderr.seek(0)
            words = self._stderr.read().decode(errors="replace").strip().splitlines()
            error = f"the recorder ended with exit code {code}" + (f": {words[-1]}" if words else "")
            self.status = msgspec.structs.replace(self.status, error=error)
            logger().error("recorder_ended", error=error)
            while not self._starts_again():
                if self._ending.is_set():
                    return

    def _starts_again(self) -> bool:
        """A moment later; whether there is another child now."""
        self._ending.wait(RESTART_S)
        with self._changing:
            if self._ending.is_set():
                return False
            try:
                self._child = self._started()
            except OSError as failure:  # no memory, or no descriptors
                self.status = msgspec.structs.replace(self.status, error=f"no recorder: {failure.strerror}")
                return False
        return True

    def _look_at_rows(self, at: int) -> None:
        """Rows that have waited for as long as a lease lives need a human, who is told once."""
        assert self._task.tenancy is not None, "who asks has a lease"
        if not self.status.error:
            return
        if self._human_at is None:
            self._human_at = at + self._task.tenancy.claim.life_ns
        elif at >= self._human_at:
            self._human_at = NEVER_NS
            logger().error("rows_wait", error=self.status.error, behind_bytes=self.status.behind_bytes)

    def _learn(self, status: RecorderStatus) -> None:
        """Keep what the child says, and tell when rows begin to wait and when they do no more."""
        before, self.status = self.status, status
        if status.error and not before.error:
            logger().warning("rows_wait", error=status.error, behind_bytes=status.behind_bytes)
        elif before.error and not status.error:
            self._human_at = None
            logger().info("rows_go_on", behind_bytes=status.behind_bytes)


@contextmanager
def _alone(journal: Path) -> Iterator[None]:
    """Wait until no other recorder follows this journal: that of a life that was killed has a moment left."""
    with (journal.parent / "recorder.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- The child's end ---------------------------------------------------------------------------------------------


class Tenant:
    """Keeps a lease, in a thread of its own: only the newest question counts."""

    def __init__(self, tenancy: Tenancy, database_url: str) -> None:
        self.word: Word | None = None  # what came of the last question
        self._tenancy = tenancy
        self._database_url = database_url
        self._asked: SimpleQueue[int | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def renew(self, at: int) -> None:
        """The daemon lives, and asks."""
        self._asked.put(at)

    def give_back(self, timeout_s: float) -> None:
        """Let others trade at once."""
        self._asked.put(None)
        self._thread.join(timeout_s)

    def _keep(self) -> None:
        with closing(Database(self._database_url)) as database:
            while (at := self._newest()) is not None:
                self.word = self._renewed(database, at)
            with suppress(SQLAlchemyError, OSError):  # then it runs out
                claim, epoch = self._tenancy.claim, self._tenancy.epoch
                database.write(lambda connection: leases.give_back(connection, claim, epoch))

    def _newest(self) -> int | None:
        at = self._asked.get()
        while at is not None and not self._asked.empty():
            at = self._asked.get()
        return at

    def _renewed(self, database: Database, at: int) -> Word:
        claim, epoch = self._tenancy.claim, self._tenancy.epoch
        try:
            holder = database.write(lambda c: leases.renew(c, claim, epoch, database.now(c)))
        except (SQLAlchemyError, OSError, ReplenisherError) as error:
            last = self.word or Word(asked_at=self._tenancy.asked_at)
            return msgspec.structs.replace(last, error=said(error))
        return Word(asked_at=at, holder=holder)


def main() -> int:
    """Record until told to drain; the exit code says whether everything is in the database."""
    os.nice(NICE)
    stdout = sys.stdout.buffer
    task = msgspec.json.decode(_line(), type=Task)
    journal = Path(task.journal)
    tenant = Tenant(task.tenancy, task.database_url) if task.tenancy is not None else None
    with _alone(journal), closing(Database(task.database_url)) as database:
        recorder = Recorder(journal, database)
        unseen = recorder.status
        recorder.start()

        def rows() -> RecorderStatus | None:
            return None if recorder.status is unseen else recorder.status

        told: Report | None = None
        heard = 0
        while True:
            report = Report(rows(), tenant.word if tenant is not None else None, heard)
            if report != told:
                told = report
                stdout.write(msgspec.json.encode(told) + b"\n")
                stdout.flush()
            if select.select([STDIN], [], [], LOOK_S)[0]:
                line = _line()
                if not line.startswith(RENEW):
                    break
                if line.endswith(b"\n"):
                    heard = int(line.removeprefix(RENEW))
                    if tenant is not None:
                        tenant.renew(heard)
        is_recorded = line == DRAIN and recorder.drain(task.drain_s)
        with suppress(OSError):
            stdout.write(msgspec.json.encode(Report(rows(), None)) + b"\n")
            stdout.flush()
        if tenant is not None and line == DRAIN:
            tenant.give_back(GIVE_BACK_S)
    return 0 if is_recorded else 1


def _line() -> bytes:
    """One line of stdin, or what there is of it; unbuffered, so that what follows it can still be waited for."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(STDIN, 1)):
        line += byte
    return line


if __name__ == "__main__":
    gc.freeze()  # what was imported is no garbage: nobody looks for some in it, not even on the way out
    sys.exit(main())
