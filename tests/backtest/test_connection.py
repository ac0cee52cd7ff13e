"""The exchange ends a connection that asks too often, in a replay as elsewhere."""

from pathlib import Path

import pytest

from replenisher.backtest.connection import ROUND_TRIPS, Connection
from replenisher.backtest.hearing import Hearing
from replenisher.exchange import ledger
from replenisher.exchange.dialects.deribit.credits import Pool
from replenisher.exchange.dialects.deribit.settings import DeribitSettings
from replenisher.exchange.latency import Way
from replenisher.model.command import AskOrder, CancelOrder, PlaceOrder
from replenisher.model.event import (
    NotSent,
    OrderNotFound,
    OrderRejected,
    QuestionFailed,
    RejectReason,
    RequestRejected,
    SessionLost,
    SessionOpened,
)
from replenisher.model.order import Request
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.run import START
from replenisher.venues.session import Pace
from tests.backtest.given import EVEN, config_of, fills_of, lived, replayed


def falling(after_s: float, per_s: float, burst: int) -> dict[str, object]:
    """Credits that suffice, until they are fewer."""
    return {"per_s": 30, "burst": 100, "falls": {"after_s": after_s, "per_s": per_s, "burst": burst}}


TIGHT = falling(1, 3, 12)
WAY_NS = 40 * MS_NS


@pytest.mark.parametrize("order_reply_ms", [0, 4])
def test_a_rate_that_bites_bites_as_in_the_daemon_on_virtual_time(order_reply_ms: int, tmp_path: Path) -> None:
    latency = {"request_ms": 0, "response_ms": 0, "order_reply_ms": order_reply_ms}
    config = config_of("paper.yaml", seed=11, rate=TIGHT, latency=latency)
    steps: list[Step] = []

    replay, life = replayed(config, 30, steps), lived(config, 30, tmp_path)

    assert len([event for step in steps for event in step.events if isinstance(event, SessionLost)]) == 1
    assert fills_of(life) > 0
    assert replay == life


def test_a_rate_that_bites_is_told_as_the_venue_tells_it_and_costs_time() -> None:
    steps: list[Step] = []

    replayed(config_of("paper.yaml", seed=11, rate=TIGHT), 10, steps)

    events = [event for step in steps for event in step.events]
    lost = next(place for place, event in enumerate(events) if isinstance(event, SessionLost))
    refused = next(event for event in events if isinstance(event, OrderRejected | RequestRejected))
    again = next(event for event in events[lost:] if isinstance(event, SessionOpened))
    assert (refused.reason, refused.message, refused.at) == (
        RejectReason.RATE,
        "10028 too_many_requests",
        events[lost].at,
    )
    pace = Pace()
    assert again.at - events[lost].at == pace.overrun_ns + EVEN * pace.backoff_first_ns


def test_what_is_under_way_to_a_connection_that_has_ended_is_nobodys() -> None:
    steps: list[Step] = []

    rate, ways = falling(0.45, 3, 6), {"request_ms": 40, "response_ms": 40}
    records = replayed(config_of("paper.yaml", seed=11, rate=rate, latency=ways), 4, steps)

    events = [event for step in steps for event in step.events]
    lost_at = next(event.at for event in events if isinstance(event, SessionLost))
    opened_at = next(event.at for event in events if isinstance(event, SessionOpened) and event.at > lost_at)
    pace = Pace()
    assert opened_at - lost_at == pace.overrun_ns + EVEN * pace.backoff_first_ns + 2 * ROUND_TRIPS * WAY_NS
    under_way = [
        command.order_id
        for step in steps
        for command in step.commands
        if isinstance(command, PlaceOrder) and lost_at - 2 * WAY_NS <= step.at < lost_at
    ]
    taken = {record.label for record in records if isinstance(record, ledger.Order)}
    gone = {event.order_id for event in events if isinstance(event, OrderNotFound) and event.at > opened_at}
    assert len(under_way) == 10  # the whole ladder, of which six are taken and one is refused
    assert len(taken) == 6
    assert gone == set(under_way[7:])
    assert not any(lost_at - WAY_NS < record.at < opened_at for record in records if isinstance(record, ledger.Order))


def test_who_asks_a_connection_that_has_ended_is_told_so() -> None:
    way = Way(lambda: WAY_NS)
    hearing = Hearing("deribit", "main", way, way)
    limits = DeribitSettings(keys=(), credits_per_s=1, credits_burst=1)
    connection = Connection("deribit", hearing, limits, requests=way, replies=Way(lambda: WAY_NS), chance=lambda: EVEN)
    connection.begin(START)
    question = AskOrder(order_id="o-1", instrument="deribit/BTC-PERPETUAL", deadline=START + SECOND_NS)
    cancel = CancelOrder(order_id="o-2", venue_order_id="", instrument=question.instrument, deadline=question.deadline)
    connection.send(cancel, START)
    connection.send(question, START)
    there = START + WAY_NS

    for command in connection.arrived(there):
        assert command is cancel  # and what comes after it finds nobody
        assert [connection.pays(Pool.TRADING, there) for _ in range(2)] == [True, False]
        connection.end(there)
    connection.send(question, there)
    list(connection.arrived(there + WAY_NS))
    for each in (cancel, question):
        connection.send(each, there + WAY_NS)

    told = hearing.take(there + WAY_NS)
    assert [type(fact) for fact in told] == [SessionLost, QuestionFailed, QuestionFailed, NotSent, QuestionFailed]
    assert [fact.message for fact in told if isinstance(fact, QuestionFailed)] == [
        "1008 too_many_requests",
        "1008 too_many_requests",
        "no session",
    ]
    assert next(fact for fact in told if isinstance(fact, NotSent)).request is Request.CANCEL


def test_credits_that_suffice_change_nothing() -> None:
    assert replayed(config_of("paper.yaml", seed=3), 10) == replayed(
        config_of("paper.yaml", seed=3, rate={"per_s": 1000, "burst": 1000}), 10
    )
