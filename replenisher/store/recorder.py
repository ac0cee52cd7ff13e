"""The recorder: turns journal files into rows, at its own pace and in a process of its own (`wiring/recording.py`).

It shares no object with the driver: it reads the files, and the cursor in the database says how far it has come. Rows
and cursor are committed together and every row has a key, so it may be killed anywhere and told anything twice. What a
loss of power could take from the files is no row yet. A database that is down, locked or slow delays rows and shows in
`status`; it loses nothing and holds up nobody.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, select
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential,
)

from replenisher.model.step import Step
from replenisher.store import tables
from replenisher.store.database import Database, said
from replenisher.store.insert import insert_new, upsert
from replenisher.store.of_orders import with_order, with_request
from replenisher.store.queries import AccountKey, refuse_other_exchange
from replenisher.store.rows import Instruments, Life, Rows, instrument_of, rows_of
from replenisher.store.safe_end import EVERYTHING, SafeEnd, safe_end
from replenisher.store.segments import JournalCorrupt, Segment, read_header, read_steps, segments

BATCH_BYTES = 2 * 1024 * 1024
POLL_S = 0.2
RETRY_S_MAX = 5.0

# Built once: that takes longer than to ask.
_LIVES = tables.lives.c
_CURSOR = select(tables.cursor).where(tables.cursor.c.journal_id == bindparam("journal"))
_LIFE = select(_LIVES.config_version, _LIVES.accounts).where(
    _LIVES.journal_id == bindparam("journal"), _LIVES.epoch == bindparam("of_epoch")
)
_INSTRUMENTS = select(tables.instruments).order_by(tables.instruments.c.at)


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal is recorded: everything before this place in its files is in the database."""

    journal_id: str
    segment: int = 0
    offset: int = 0
    epoch: int = 0
    step: int = 0
    at: int = 0


class RecorderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the recorder is doing, as one value that any thread may read."""

    segment: int = 0
    step: int = 0  # the last one recorded
    at: int = 0  # its session time
    behind_bytes: int = 0  # of the journal, not in the database yet; while rows do not wait, of what is safe of it
    error: str = ""  # why rows wait; empty while they do not


class Batch(msgspec.Struct, frozen=True):
    """The next steps of a journal, all of one life, and the cursor behind them."""

    steps: Sequence[Step]
    cursor: Cursor


class Head(NamedTuple):
    """What never changes of a segment: whose it is, and where its steps begin."""

    segment: int
    journal_id: str
    epoch: int
    start: int


class Recorder:
    """Follows one journal into one database."""

    def __init__(
        self,
        directory: Path,
        database: Database,
        *,
        wake: threading.Event | None = None,
        batch_bytes: int = BATCH_BYTES,
        retry_s_max: float = RETRY_S_MAX,
    ) -> None:
        self.status = RecorderStatus()
        self._directory = directory
        self._database = database
        self._batch_bytes = batch_bytes
        self._retry_s_max = retry_s_max
        self._cursor: Cursor | None = None  # None: only the database knows
        self._told = Cursor(journal_id="")  # from where the status counts: the last one known, not forgotten on failure
        self._life = Life("", 0)
        self._instruments = Instruments()
        self._head: Head | None = None  # of the segment that was read last
        self._thread: threading.Thread | None = None
        self._wake = wake or threading.Event()
        self._ending = threading.Event()
        self._given_up = threading.Event()

    # In a thread of its own

    def start(self) -> None:
        """Follow the journal until `drain`."""
        assert self._thread is None, "a recorder starts once"
        self._thread = threading.Thread(target=self._follow, name="recorder", daemon=True)
        self._thread.start()

    def drain(self, timeout_s: float) -> bool:
        """Catch up, end, and say whether all that the journal holds is in the database now."""
        assert self._thread is not None, "only a recorder that was started can drain"
        self._ending.set()
        self._wake.set()
        self._thread.join(timeout_s)
        self._given_up.set()
        self._thread.join(1.0)
        return not self._thread.is_alive() and not self.status.error and self._behind_bytes() == 0

    def _follow(self) -> None:
        retrying = Retrying(
            retry=retry_if_exception_type(Exception),  # a thread that ends would leave rows to wait without a word
            wait=wait_exponential(multiplier=0.05, max=self._retry_s_max),
            stop=stop_when_event_set(self._given_up),
            sleep=sleep_using_event(self._given_up),
            after=self._tell_error,
            retry_error_callback=lambda _state: 0,
        )
        is_last_turn = False
        while not is_last_turn:
            is_last_turn = self._ending.is_set()  # asked before the journal is read to its end
            retrying(self.finish if is_last_turn else self.record_all)
            if not is_last_turn:
                self._wake.wait(POLL_S)
                self._wake.clear()

    # In whichever thread calls

    def record_all(self) -> int:
        """Record all that the journal holds now, and say how many steps that was."""
        count = 0
        while (batch := self.record_batch()) is not None:
            count += len(batch.steps)
            if not self.status.behind_bytes:
                break
        return count

    def finish(self) -> int:
        """The same, so that no loss of power takes a row: it may be long before this journal is recorded again."""
        count = self.record_all()
        self._database.settle()
        return count

    def look(self) -> RecorderStatus:
        """How far the rows of the journal have come, without one more."""
        known = segments(self._directory)
        if known and (cursor := self._resume(known[0])) is not None:
            self._tell(cursor, EVERYTHING)
        return self.status

    def record_batch(self) -> Batch | None:
        """Record the next few steps in one transaction; None if there are none."""
        try:
            batch = self._next_batch()
            if batch is not None:
                rows = self._rows(batch)
                self._database.write(lambda connection: _write(connection, rows, batch.cursor))
                self._cursor = batch.cursor
        except BaseException:
            self._cursor = None  # what was learned of this batch is forgotten with it
            raise
        if cursor := self._cursor:
            self._tell(cursor, safe_end(self._directory))
        return batch

    def _next_batch(self) -> Batch | None:
        """The steps behind the cursor, from the first segment that has any."""
        known = segments(self._directory)  # listed first: only the last of these can still grow
        if not known:
            return None
        cursor = self._cursor or self._resume(known[0])
        if cursor is None:
            return None
        safe = safe_end(self._directory)
        for segment in known:
            if cursor.segment <= segment.number <= safe.segment:
                end = safe.offset if segment.number == safe.segment else None
                batch = self._batch_from(segment, cursor, end, is_last=segment is known[-1])
                if batch is not None:
                    return batch
        return None

    def _batch_from(self, segment: Segment, cursor: Cursor, end: int | None, *, is_last: bool) -> Batch | None:
        head = self._head_of(segment)
        if head is None:
            if is_last:
                return None  # being written
            raise JournalCorrupt(f"{segment.path}: offset 0: the header is damaged")
        _, journal_id, epoch, start = head
        # Power loss may take the name of a segment that was read already; another life then uses its number again.
        offset = cursor.offset if (segment.number, epoch) == (cursor.segment, cursor.epoch) else 0
        if epoch != self._life.epoch:
            self._life = self._database.read(lambda connection: _life(connection, journal_id, epoch))
        steps = read_steps(segment, max(offset, start), is_last=is_last, bytes_max=self._batch_bytes, safe_end=end)
        if not steps and offset > 0:
            return None
        last = steps[-1][0] if steps else None
        return Batch(
            steps=[step for step, _ in steps],
            cursor=Cursor(
                journal_id=journal_id,
                segment=segment.number,
                offset=steps[-1][1] if steps else start,
                epoch=epoch,
                step=last.number if last else cursor.step,
                at=last.at if last else cursor.at,
            ),
        )

    def _head_of(self, segment: Segment) -> Head | None:
        """The head of a segment, read once; None while it is not whole."""
        if self._head is None or self._head.segment != segment.number:
            found = read_header(segment)
            self._head = None if found is None else Head(segment.number, found[0].journal_id, found[0].epoch, found[1])
        return self._head

    def _resume(self, oldest: Segment) -> Cursor | None:
        """Read from the database how far this journal is recorded, and what its steps rely on."""
        found = read_header(oldest)
        if found is None:
            return None
        journal_id = found[0].journal_id
        past = self._database.read(lambda connection: _past(connection, journal_id))
        self._cursor, self._life, self._instruments = past
        return self._cursor

    def _rows(self, batch: Batch) -> Rows:
        """The rows of a whole batch."""
        rows: Rows = defaultdict(list)
        for step in batch.steps:
            for table, some in rows_of(step, self._life, self._instruments).items():
                rows[table].extend(some)
        return rows

    def _tell(self, cursor: Cursor, safe: SafeEnd) -> None:
        self._told = cursor
        self.status = RecorderStatus(
            segment=cursor.segment, step=cursor.step, at=cursor.at, behind_bytes=self._behind_bytes(safe)
        )

    def _behind_bytes(self, safe: SafeEnd = EVERYTHING) -> int:
        """How much of the journal up to there is not in the database, its torn or half-written end included."""
        cursor = self._told
        ahead = (each for each in segments(self._directory) if cursor.segment <= each.number <= safe.segment)
        sizes = {each.number: each.size for each in ahead}
        if safe.segment in sizes:
            sizes[safe.segment] = min(sizes[safe.segment], safe.offset)
        return sum(sizes.values()) - min(cursor.offset, sizes.get(cursor.segment, 0))

    def _tell_error(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.status = msgspec.structs.replace(
            self.status, behind_bytes=self._behind_bytes(), error=said(error) if error else ""
        )


# --- What is written ------------------------------------------------------------------------------------------------


def _write(connection: Connection, rows: Rows, cursor: Cursor) -> None:
    """A batch's rows and the cursor behind them, as one.

    A life is looked at once more: two that began at the same time on an empty database did not see each other.
    """
    for life in rows.get(tables.lives, []):
        for venue, account in life["accounts"].items():
            refuse_other_exchange(connection, AccountKey(venue, account))
    answers = with_request(connection, rows.get(tables.answers, []), rows.get(tables.requests, []))
    for table in (
        tables.lives,
        tables.endings,
        tables.mandates,
        tables.requests,
        tables.markouts,
        tables.marks,
        tables.sweeps,
        tables.cash_moves,
        tables.cash_looks,
        tables.balances,
        tables.positions,
        tables.halts,
        tables.decisions,
    ):
        insert_new(connection, table, rows.get(table, []))
    for table in (tables.instruments, tables.orders, tables.presence, tables.breaches, tables.signals):
        upsert(connection, table, rows.get(table, []))
    answers, fills = with_order(connection, answers, rows.get(tables.fills, []))
    insert_new(connection, tables.answers, answers)
    insert_new(connection, tables.fills, fills)
    upsert(connection, tables.cursor, [msgspec.to_builtins(cursor)])


# --- What is read back after a restart ------------------------------------------------------------------------------


def _past(connection: Connection, journal_id: str) -> tuple[Cursor, Life, Instruments]:
    """How far a journal is recorded, and what its next steps rely on."""
    cursor = _cursor(connection, journal_id)
    return cursor, _life(connection, journal_id, cursor.epoch), _instruments(connection)


def _cursor(connection: Connection, journal_id: str) -> Cursor:
    row = connection.execute(_CURSOR, {"journal": journal_id}).first()
    return Cursor(**row._asdict()) if row else Cursor(journal_id=journal_id)


def _life(connection: Connection, journal_id: str, epoch: int) -> Life:
    """What the database knows of a life; of one whose first step is not recorded yet, nothing."""
    row = connection.execute(_LIFE, {"journal": journal_id, "of_epoch": epoch}).first()
    return Life(journal_id, epoch, row.config_version, row.accounts) if row else Life(journal_id, epoch)


def _instruments(connection: Connection) -> Instruments:
    known = Instruments()
    for row in connection.execute(_INSTRUMENTS):
        known.define(instrument_of(row._asdict()))
    return known
