"""Requote latency: an answer finds its request, whatever else happens in between, and none is counted twice."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from replenisher.model.command import AmendOrder, Command, Intent
from replenisher.model.event import Event, NotSent, OrderWorking, RejectReason, RequestRejected
from replenisher.model.order import Request, Status
from replenisher.model.step import Step
from replenisher.model.units import MS_NS
from replenisher.report.latency import Latency, latencies
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.history import Sent
from replenisher.store.period import ALWAYS
from replenisher.store.queries import AccountKey
from replenisher.store.recorder import Recorder
from replenisher.store.round_trips import RoundTrips, round_trips
from tests.store.given import ACCOUNT, KEY, T0, defined, order, place, started, write_journal

ACCOUNT_KEY = AccountKey("deribit", ACCOUNT)


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


def amend(order_id: str, intent: Intent = Intent.QUOTE) -> AmendOrder:
    what = {"order_id": order_id, "venue_order_id": "v", "instrument": KEY, "price": 100_000, "quantity": 1}
    return AmendOrder(**what, intent=intent, valid_until=T0, deadline=T0)


def works(order_id: str, at_ms: int, answers: Request | None) -> OrderWorking:
    what = {"order_id": order_id, "venue_order_id": "v", "venue_time": 1, "price": 100_000, "quantity": 1}
    return OrderWorking(at=T0 + at_ms * MS_NS, **what, answers=answers)


def refused(order_id: str, at_ms: int) -> RequestRejected:
    what = {"order_id": order_id, "request": Request.AMEND, "reason": RejectReason.NOT_OPEN, "message": ""}
    return RequestRejected(at=T0 + at_ms * MS_NS, **what)


def step(number: int, at_ms: int, events: list[Event], commands: list[Command]) -> Step:
    orders = tuple(order(order_id, Status.WORKING) for order_id in ("a", "b"))
    at = T0 + at_ms * MS_NS
    return Step(number=number, at=at, events=tuple(events), commands=tuple(commands), orders=orders)


@pytest.mark.parametrize("batch_bytes", [1, 1 << 20])
def test_each_answer_ends_the_request_that_it_answers(database: Database, tmp_path: Path, batch_bytes: int) -> None:
    steps = [
        step(1, 0, [started(), defined()], []),
        step(2, 0, [], [place("a"), place("b", intent=Intent.REFILL)]),
        step(3, 3, [works("b", 3, Request.PLACE)], [amend("b")]),  # a request follows an answer of its own order
        step(4, 7, [works("a", 7, Request.PLACE), works("b", 7, None)], []),  # and one told nothing that was asked
        step(5, 9, [works("b", 8, Request.AMEND)], [amend("a"), amend("b", Intent.REFILL)]),
        step(6, 20, [refused("a", 11), NotSent(at=T0 + 20 * MS_NS, order_id="b", request=Request.AMEND)], []),
        step(7, 30, [works("b", 30, Request.AMEND)], [amend("a")]),  # nobody asked any more
    ]
    write_journal(tmp_path / "journal", steps)
    recorder = Recorder(tmp_path / "journal", database, batch_bytes=batch_bytes)
    recorder.record_all()

    found = database.read(lambda connection: list(round_trips(connection, ACCOUNT_KEY, ALWAYS)))

    assert {each.config_version for each in found} == {"c1"} and {each.strategy for each in found} == {"core"}
    assert {(each.request, each.intent): (each.answered, each.took_ns.tolist()) for each in found} == {
        ("amend", "quote"): (2, [5 * MS_NS]),  # one was not open any more
        ("amend", "refill"): (1, []),  # not sent
        ("place", "quote"): (1, [7 * MS_NS]),
        ("place", "refill"): (1, [3 * MS_NS]),
    }


def test_quantiles_are_times_that_did_occur() -> None:
    took = RoundTrips("c1", "core", "amend", "quote", 200, np.arange(200, 0, -1) * MS_NS)
    others = [
        RoundTrips("c1", "core", "amend", "quote", 1, np.array([], dtype=np.int64)),
        RoundTrips("c0", "core", "place", "refill", 1, np.array([], dtype=np.int64)),
    ]

    asked = [Sent("any", "core", "c0", "c1", "place", "refill", 1), Sent("any", "core", "c1", "c1", "cancel", "", 9)]
    asked += [Sent(name, "core", "c1", "c1", "amend", "quote", count) for name, count in (("one", 200), ("two", 4))]

    first, second = latencies([took, *others], asked)

    whose = {"strategy": "core", "request": "amend", "intent": "quote"}
    times = {"p50_ms": 100.0, "p95_ms": 190.0, "p99_ms": 198.0, "max_ms": 200.0}
    assert second == Latency(config_version="c1", **whose, working=200, refused=1, unanswered=3, **times)
    assert (first.config_version, first.working, first.refused, first.p50_ms) == ("c0", 0, 1, None)
    assert first.unanswered == 0


def test_what_nobody_answered_is_counted_by_what_was_asked(database: Database, tmp_path: Path) -> None:
    steps = [
        step(1, 0, [started(), defined()], []),
        step(2, 0, [], [place("a"), place("b", intent=Intent.REFILL)]),
        step(3, 3, [works("a", 3, Request.PLACE)], [amend("a"), amend("b", Intent.REFILL)]),
        step(4, 7, [works("a", 7, Request.AMEND)], [amend("a")]),
    ]
    write_journal(tmp_path / "journal", steps)
    Recorder(tmp_path / "journal", database).record_all()

    def read(connection: Connection) -> tuple[Latency, ...]:
        return latencies(round_trips(connection, ACCOUNT_KEY, ALWAYS), history.sent(connection, ACCOUNT_KEY, ALWAYS))

    found = {(each.request, each.intent): (each.working, each.unanswered) for each in database.read(read)}
    assert found == {
        ("place", "quote"): (1, 0),
        ("place", "refill"): (0, 1),
        ("amend", "quote"): (1, 1),
        ("amend", "refill"): (0, 1),
    }
