"""SIGKILL wherever it can fall: at the n-th record or byte, in the middle of one, before and after a COMMIT.

One data directory lives through all deaths of a run, and the exchange, a process of its own, lives on. In the end
somebody stops verified flat, and two books kept by two parties agree. The places are drawn from a seed, which is
printed; what happens on the way to one is up to the machine.
"""

import os
import random
import secrets
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic

import msgspec
import pytest
from sqlalchemy import select

from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.store.segments import records, segments
from tests.stories.desk import DATABASE, Desk, Process, Record, fills, resting
from tests.stories.mortal import Place
from tests.stories.wire import Wire
from tests.waiting import until

SEED = "REPLENISHER_KILLS_SEED"
KILLS = 30
RECORDS, BYTES, COMMITS = 60, 20_000, 8  # of a life of about two seconds
UPGRADES = {"sqlite": 2, "postgresql": 3}  # COMMITs of the first start; the last of them makes the tables
SILENT = 8  # of ten deaths
UNDER_WAY_S = 0.2  # until the last request that was sent has surely arrived
PATIENCE_S = 5.0  # an order may rest where the market does not come
LIVELY_AND_FAR_AWAY = {
    "REPLENISHER_EXCHANGE__MARKET__TIME_SCALE": "600",
    "REPLENISHER_EXCHANGE__LATENCY__REQUEST_MS": "20",
    "REPLENISHER_EXCHANGE__LATENCY__RESPONSE_MS": "20",
}
ASKS = {"PlaceOrder": "place", "AmendOrder": "amend", "CancelOrder": "cancel"}
ANSWERS = {"OrderWorking", "OrderRejected", "RequestRejected", "OrderCanceled", "OrderExpired"}
METHODS = {"private/buy": "place", "private/sell": "place", "private/edit": "amend", "private/cancel": "cancel"}


@dataclass(frozen=True, slots=True)
class Kill:
    """A death, as it is drawn."""

    place: Place
    is_silent: bool  # the exchange hears of it only when the next life is in sync


@dataclass(frozen=True, slots=True)
class Hit:
    """What a death met."""

    kill: Kill
    unanswered: Counter[str]  # requests about orders that the life's journal has no answer to, by kind
    taken: int  # of those, by the exchange's ledger
    filled: int  # fills while the daemon was dead, by the exchange's ledger

    def __str__(self) -> str:
        asked = ", ".join(f"{number} {kind}" for kind, number in self.unanswered.items())
        told = "in silence" if self.kill.is_silent else ""
        unanswered = f"{asked}, {self.taken} of them taken" if asked else "nothing"
        return f"{self.kill.place!s:<20} {told:<11} unanswered: {unanswered:<38} filled while dead: {self.filled}"


def kills(seed: int, upgrades: int) -> Iterator[Kill]:
    """Where to die, and whether in silence; the first time while the tables are made."""
    chance = random.Random(seed)
    yield Kill(Place("upgrade", chance.randint(1, upgrades), chance.choice((0.0, 1.0))), is_silent=False)
    while True:
        shares = (0.0, chance.random(), 1.0, 1.0)
        places = [Place("record", *drawn) for drawn in zip(_spread(chance, RECORDS, 4), shares, strict=True)]
        places += [Place("byte", number) for number in _spread(chance, BYTES, 4)]
        places += [Place("commit", *drawn) for drawn in zip(_spread(chance, COMMITS, 2), (0.0, 1.0), strict=True)]
        chance.shuffle(places)
        silent = chance.sample(places, SILENT)
        yield from (Kill(place, place in silent) for place in places)


def _spread(chance: random.Random, top: int, count: int) -> list[int]:
    """Numbers from 1 to `top`, one from each of so many equal parts, in any order."""
    numbers = [chance.randint(top * part // count + 1, top * (part + 1) // count) for part in range(count)]
    chance.shuffle(numbers)
    return numbers


class Ledger:
    """The exchange's book, read as it grows."""

    def __init__(self, file: Path) -> None:
        self._file, self._offset = file, 0
        self._records: list[Record] = []

    def since(self, number: int = 0) -> list[Record]:
        """What came after the first records."""
        with self._file.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        if whole:
            self._offset += len(whole) + 1
            self._records += map(msgspec.json.decode, whole.splitlines())
        return self._records[number:]

    def __len__(self) -> int:
        return len(self.since())


class Asked:
    """What a life asked for by its journal: how often, and what has no answer there."""

    def __init__(self, segment: bytes) -> None:
        self.count: Counter[tuple[str, str]] = Counter()  # (order, kind)
        self.unanswered: dict[str, str] = {}  # order -> kind
        header, *steps = [msgspec.msgpack.decode(payload) for payload, _ in records(segment)] or [{"epoch": 0}]
        self.epoch: int = header["epoch"]  # 0: it died with its first record, or before
        for step in steps:
            for event in step["events"]:
                if event["type"] in ANSWERS:
                    self.unanswered.pop(event["order_id"], None)
            for command in step["commands"]:
                if (kind := ASKS.get(command["type"])) is not None:
                    self.count[command["order_id"], kind] += 1
                    self.unanswered[command["order_id"]] = kind

    def taken(self, ledger: list[Record]) -> int:
        """How many of the unanswered requests have reached the exchange."""
        requests = [record for record in ledger if record["type"] == "request"]
        there = Counter((request["label"], METHODS.get(request["method"])) for request in requests)
        return sum(there[request] >= self.count[request] for request in self.unanswered.items())


class Mortals:
    """All the lives and deaths on one desk."""

    def __init__(self, desk: Desk, wire: Wire) -> None:
        self.desk, self.wire = desk, wire
        self.ledger = Ledger(desk.ledger_file)
        self._epoch = 0  # of the last life that has left a record

    def live_and_die(self, kill: Kill) -> Hit:
        """One life to its death, and until the exchange has hit or canceled what that has left."""
        born = len(self.ledger)
        self.wire.keeps_silent = kill.is_silent
        with self._living(dies=str(kill.place)) as daemon:
            ended = daemon.wait()
        assert ended.code == -signal.SIGKILL, f"it did not come to {kill.place}: {ended}"

        died = len(self.ledger)
        self._wait_for_a_fill(died)
        asked = self._asked()
        return Hit(
            kill=kill,
            unanswered=Counter(asked.unanswered.values()),
            taken=asked.taken(self.ledger.since(born)),
            filled=len(fills(self.ledger.since(died))),
        )

    def _wait_for_a_fill(self, died: int) -> None:
        """Wait until something is filled that the dead have left, as far as they have left something."""
        began = monotonic()

        def is_over() -> bool:
            waited_s = monotonic() - began
            is_at_rest = waited_s > UNDER_WAY_S and not resting(self.ledger.since())
            return bool(fills(self.ledger.since(died))) or is_at_rest or waited_s > PATIENCE_S

        until(is_over)

    def _asked(self) -> Asked:
        """What the life asked for that has just ended: nothing, if its journal is still that of an earlier one."""
        newest = segments(self.desk.data / "journal")[-1:]
        asked = Asked(newest[0].path.read_bytes() if newest else b"")
        if asked.epoch <= self._epoch:
            return Asked(b"")
        self._epoch = asked.epoch
        return asked

    def live_and_stop(self) -> None:
        """One life that trades and stops verified flat, as if nothing had ever been."""
        born = len(self.ledger)
        with self._living() as daemon:
            daemon.until("it is filled", lambda: fills(self.ledger.since(born)))
            ended = daemon.stop()
        assert (ended.code, ended.stderr) == (0, "")
        assert ended.summary["stop"] == {"reason": "SIGTERM", "verdict": "flat", "left": []}

    @contextmanager
    def _living(self, dies: str = "") -> Iterator[Process]:
        """A life; once it is in sync, or over, the exchange hears of those that died before it."""
        with self.desk.running("run", self.desk.config, dies=dies) as daemon:
            until(lambda: daemon.is_over or any('"synced"' in line for line in daemon.lines()), "in sync")
            self.wire.tell()
            yield daemon

    def assert_nothing_is_lost(self) -> None:
        """Both books agree; every fill is one of an order that our journal knew, and no order's name was used twice."""
        self.desk.assert_books_agree()
        with closing(Database(self.desk.database_url)) as database:
            query = select(tables.fills.c.strategy).distinct()
            assert database.read(lambda connection: connection.execute(query).scalars().all()) == ["core"]
        labels = [record["label"] for record in self.ledger.since() if record["type"] == "order"]
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_desk_that_is_killed_anywhere_loses_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, finding: Callable[[str], None]
) -> None:
    desk = Desk(tmp_path, **LIVELY_AND_FAR_AWAY)
    if kind == "postgresql":
        desk.variables[DATABASE] = request.getfixturevalue("postgres_url")
    finding(die_often(desk, kind, KILLS, request.node.nodeid))


def die_often(desk: Desk, kind: str, number_of_deaths: int, test: str) -> str:
    """So many deaths on one desk, or up to half as many again until a third has met something; then one stops flat."""
    seed = int(os.environ.get(SEED) or secrets.randbelow(1_000_000))
    print(f"seed {seed}; again: {SEED}={seed} {sys.executable} -m pytest -s '{test}'")
    with desk.exchange() as (_, url), Wire(url).laid() as wire:
        desk.connect(wire.url)
        mortals = Mortals(desk, wire)
        hits: list[Hit] = []
        for kill in islice(kills(seed, UPGRADES[kind]), number_of_deaths * 3 // 2):
            hits.append(mortals.live_and_die(kill))
            print(f"{len(hits):>2} {hits[-1]}", flush=True)
            if len(hits) >= number_of_deaths and is_exercised(hits, number_of_deaths):
                break
        mortals.live_and_stop()
        mortals.assert_nothing_is_lost()

    unanswered = sum(bool(hit.unanswered) for hit in hits)
    taken = sum(bool(hit.taken) for hit in hits)
    filled = sum(bool(hit.filled) for hit in hits)
    summary = (
        f"{len(hits)} kills on {kind}: {unanswered} with a request unanswered, {taken} with one that the exchange had "
        f"taken, {filled} with fills while dead; the books agree (seed {seed})"
    )
    assert is_exercised(hits, number_of_deaths), f"not exercised: {summary}"
    return summary


def is_exercised(hits: list[Hit], number_of_deaths: int) -> bool:
    """Whether enough deaths fell while a request was under way, and before fills that nobody was there for."""
    counts = (sum(bool(hit.taken) for hit in hits), sum(bool(hit.filled) for hit in hits))
    return min(counts) >= number_of_deaths // 3
