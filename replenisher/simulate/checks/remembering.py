"""S19: what was journaled is enough: read back it gives the same memory, and recorded anew it gives the same rows.

The first is looked at now and then, whenever a step has just been written; the second once, in the end. Rows that were
recorded of steps which power loss has taken from the journal afterwards stand for nothing that could be read back, so
that the rows are only compared where power was not lost, or where every step is safe before anything follows from it.
Nor are they where a second daemon has traded, because a fill that both have heard of is the row of whoever was first.
"""

import sqlite3
import tempfile
import zlib
from pathlib import Path

import msgspec

from replenisher.core.replay import fold
from replenisher.core.state import State
from replenisher.model.step import Step
from replenisher.simulate.court import Books, Check, Daemon, Objection, Oracle
from replenisher.simulate.rows import database_in
from replenisher.store import tables
from replenisher.store.recorder import Recorder
from replenisher.store.segments import Header, records

ONE_IN = 64  # of all that is written
RECORDED = [table for table in tables.metadata.sorted_tables if table is not tables.leases]
HEADERS, STEPS = msgspec.msgpack.Decoder(Header), msgspec.msgpack.Decoder(Step)


class JournalIsEnough(Check):
    """Folds what is written into a state of its own, from the last snapshot on."""

    name = "S19"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._state: State | None = None  # as of all that is folded
        self._from = 0  # the last step of the snapshot that it began with
        self._unfolded: list[bytes] = []

    def wrote(self, daemon: Daemon, data: bytes) -> Objection:
        """A snapshot, or steps; the daemon has just taken the last of them, if this is not written later."""
        self._unfolded.append(data)
        if not data or zlib.crc32(data) % ONE_IN:
            return None
        last = self._fold()
        if self._state is None or not last:
            return None  # a life that begins has taken no step yet
        number, memory = daemon.memory()
        if last != number or memory == (told := self._state.dump()):
            return None
        return f"the journal does not tell what is remembered after step {number}: {_difference(memory, told)}"

    def _fold(self) -> int:
        """The number of the last step."""
        steps: list[Step] = []
        for data in self._unfolded:
            for payload, _ in records(data):
                try:
                    steps.append(STEPS.decode(payload))
                except msgspec.ValidationError:
                    header = HEADERS.decode(payload)
                    self._state, self._from = State.load(self.oracle.setup, header.snapshot), header.step
                    steps.clear()
        self._unfolded.clear()
        last = steps[-1].number if steps else 0
        steps = [step for step in steps if step.number > self._from]
        if self._state is not None:
            fold(self._state, sorted(steps, key=lambda step: step.number))
        return last

    def closed(self, books: Books) -> Objection:
        """What is recorded anew is what was recorded."""
        with tempfile.TemporaryDirectory(prefix="replenisher-") as folder, database_in(Path(folder)) as anew:
            Recorder(books.journal, anew).record_all()
            anew.beside.execute("ATTACH ? AS ours", (books.database.url.removeprefix("sqlite:///"),))
            (journals,) = anew.beside.execute("SELECT COUNT(*) FROM ours.cursor").fetchone()
            if journals > 1:
                return None
            return next(filter(None, (_differs(anew.beside, table.name) for table in RECORDED)), None)


def _differs(connection: sqlite3.Connection, table: str) -> Objection:
    for where, other, how in (("ours", "main", "is not in the journal"), ("main", "ours", "was not recorded")):
        query = f"SELECT * FROM {where}.{table} EXCEPT SELECT * FROM {other}.{table} LIMIT 1"  # noqa: S608 - our own tables
        if row := connection.execute(query).fetchone():
            return f"a row of {table} {how}: {row}"
    return None


def _difference(ours: bytes, theirs: bytes) -> str:
    """Where two memories differ first."""
    return _first(msgspec.msgpack.decode(ours), msgspec.msgpack.decode(theirs), "")


def _first(ours: object, theirs: object, where: str) -> str:
    """Where two memories differ first, and how."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        pairs = [(key, ours[key], theirs[key]) for key in ours]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = [(place, *both) for place, both in enumerate(zip(ours, theirs, strict=True))]
    else:
        return f"{where.lstrip('.')}: {ours} and {theirs}"
    return next((_first(left, right, f"{where}.{key}") for key, left, right in pairs if left != right), "their order")
