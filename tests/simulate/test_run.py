"""A run: a quiet one ends flat with agreeing books, faults hit, and each planted bug is found by its own invariant."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from replenisher.config import load
from replenisher.core.book import BookSide
from replenisher.core.state import State
from replenisher.live.chronicle import Chronicle
from replenisher.live.driver import Driver
from replenisher.model.order import LIFECYCLE, Status, Transition
from replenisher.report.audit import audit
from replenisher.report.ledger import read_ledger
from replenisher.simulate.checks import ALL
from replenisher.simulate.faults import NAMES
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START, live, run
from replenisher.simulate.swarm import SHORT_SEGMENT_BYTES, Cue, Plan
from replenisher.simulate.world import World
from replenisher.store import recorder, tables
from replenisher.store.growing import GrowingFile
from replenisher.store.queries import AccountKey
from replenisher.venues.deribit.link import Link
from replenisher.venues.deribit.venue import DeribitVenue
from replenisher.venues.limiter import Bucket
from replenisher.venues.session import Session
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.kit import outcome_of, script, swarm

KILLED = Cue(fault="killed", after_s=20)
CUT = (Cue(fault="cut", after_s=20, connection="trading"),)
REFUSED = (Cue(fault="key refused", after_s=15), *CUT)
STALLED = tuple(Cue(fault="stalled", after_s=after_s) for after_s in (15, 25, 35))
AWAY = (Cue(fault="exchange restarted", after_s=20),)
UNHEARD = (Cue(fault="answer lost"), Cue(fault="word lost"))  # the first place is taken, and nobody hears of it


def test_a_quiet_run_ends_flat_and_both_books_agree(tmp_path: Path) -> None:
    with database_in(tmp_path) as database:
        world = World(
            scene_of(load(SHIPPED)), seed=1, at=START, directory=tmp_path / "journal", database=database, checks=ALL
        )
        live(world, 120)
        (tmp_path / "ledger").write_bytes(world.ledger_bytes())
        key = AccountKey("deribit", f"main@{world.exchange.exchange_id}")
        found = database.read(lambda connection: audit(connection, key, read_ledger(tmp_path / "ledger", "main")))

    assert world.court.violations == []
    assert world.ends == ["exit 0"]
    assert world.exchange.views.open_orders("main") == []
    assert found.differences == ()
    assert found.fills > 10 < found.orders


def test_a_desk_that_is_halted_again_and_again_holds_every_invariant(tmp_path: Path) -> None:
    config = SHIPPED.read_text().replace("on_breach: pause", "on_breach: halt")
    (tmp_path / "strict.yaml").write_text(re.sub("max_daily_loss_quote: .*", "max_daily_loss_quote: 0.01", config))
    with database_in(tmp_path) as database:
        scene = scene_of(load(tmp_path / "strict.yaml"))
        world = World(scene, seed=2, at=START, directory=tmp_path / "journal", database=database, checks=ALL)
        live(world, 120)
        halts = database.read(lambda connection: connection.execute(select(tables.halts.c.kind)).scalars().all())

    assert world.court.violations == []
    assert halts.count("halted") >= 1 <= halts.count("resumed")


def test_two_instruments_on_a_bad_day_hold_every_invariant(tmp_path: Path) -> None:
    config = SHIPPED.read_text()
    desk = (
        config[config.index("  - id: core") :].replace("id: core", "id: other").replace("BTC-PERPETUAL", "BTC-25DEC26")
    )
    config = config.replace("exchange:", "exchange:\n  instruments: {BTC-PERPETUAL: null, BTC-25DEC26: null}")
    config = re.sub("max_open_orders: .*", "max_open_orders: 14", config)
    config = re.sub("(rate_limit_burst|burst): [0-9]+", r"\1: 40", config)
    (tmp_path / "two.yaml").write_text(config + desk)
    scene = scene_of(load(tmp_path / "two.yaml"))

    found = [run(scene, seed=seed, minutes=1, plan=swarm(seed, NAMES), checks=ALL) for seed in (1, 5, 10)]

    assert [each.violation for each in found] == [None] * 3
    assert min(each.messages for each in found) > 1000


@pytest.mark.parametrize("fault", NAMES)
def test_each_fault_can_be_cued_and_hits(fault: str) -> None:
    # An order is only asked for, and so forgotten, where nobody heard of it.
    before = [Cue(fault="request lost", after_s=15)] if fault == "forgotten" else []
    cut = Cue(fault="cut", after_s=20, connection="market")

    found = outcome_of(5, plan=script(Cue(fault=fault, after_s=15), *before, cut))

    assert found.befell[fault] == (2 if fault == "cut" else 1)
    assert found.violation is None


def test_a_place_that_was_one_request_too_many_is_over_for_the_checks_too() -> None:
    places = [Cue(fault="too many requests", after_s=15, nth=nth) for nth in range(1, 6)]

    found = [outcome_of(5, minutes=0.5, plan=script(place)) for place in places]

    assert [each.violation for each in found] == [None] * len(places)


def test_a_daemon_that_died_lives_again_on_the_same_files() -> None:
    found = outcome_of(5, minutes=3, plan=script(KILLED, Cue(fault="power lost", after_s=150)))

    assert found.tally["restarts"] == 2
    assert found.violation is None


def test_a_connection_that_was_slow_twice_at_once_is_fast_again_after_both() -> None:
    often = Plan(rates={"slow": 600})

    assert outcome_of(5, minutes=3, plan=often).violation is None


def test_every_seed_is_another_kind_of_bad_day() -> None:
    plans = [swarm(seed, NAMES).rates for seed in range(300)]
    quiet = [plan for plan in plans if len(plan) <= len(NAMES) / 3]

    assert 0.2 < len(quiet) / len(plans) < 0.5
    assert len({tuple(plan.items()) for plan in plans}) > 280
    assert {name for plan in plans for name in plan} == set(NAMES)
    assert set(swarm(1, ["cut"]).rates) <= {"cut"}


def test_the_first_seeds_lose_power_with_and_without_a_journal_that_is_always_safe() -> None:
    plans = [swarm(seed, NAMES) for seed in range(1, 25)]

    met = {(plan.syncs_always, "power lost" in plan.rates) for plan in plans}

    assert met == {(always, loses) for always in (True, False) for loses in (True, False)}
    assert {plan.segment_bytes for plan in plans} == {None, SHORT_SEGMENT_BYTES}
    assert {plan.adopts for plan in plans} == {True, False}


# --- Planted bugs --------------------------------------------------------------------------------------------------


def forget_a_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = recorder.rows_of
    forgotten: set[str] = set()  # the first trade, however often it is told

    def forgetful(*args: Any) -> Any:
        rows = genuine(*args)
        if fills := rows.get(tables.fills):
            forgotten.update(fill["trade_id"] for fill in fills[:1] if not forgotten)
            fills[:] = [fill for fill in fills if fill["trade_id"] not in forgotten]
        return rows

    monkeypatch.setattr(recorder, "rows_of", forgetful)


def take_silence_for_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIFECYCLE[Status.PENDING], Transition.TIMED_OUT, Status.REJECTED)


def send_places_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Link.send_all

    def twice(self: Link, frames: Sequence[str]) -> None:
        genuine(self, [frame for frame in frames for _ in range(2 if "private/buy" in frame else 1)])

    monkeypatch.setattr(Link, "send_all", twice)


def keep_levels_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = BookSide.change

    def change(self: BookSide, levels: Any, *more: Any) -> Any:
        return genuine(self, [(price, quantity or 1) for price, quantity in levels], *more)

    monkeypatch.setattr(BookSide, "change", change)


def never_dial_again(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Session.closed

    def closed(self: Session[Any], at: int) -> None:
        genuine(self, at)
        self._dial_at = at + 10**18

    monkeypatch.setattr(Session, "closed", closed)


def dial_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Session.closed

    def closed(self: Session[Any], at: int) -> None:
        genuine(self, at)
        self._dial_at = at

    monkeypatch.setattr(Session, "closed", closed)
    monkeypatch.setattr(Bucket, "take", lambda self, cost, at: True)


def keep_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = DeribitVenue.received

    def received(self: DeribitVenue, connection: str, frame: str, at: int) -> None:
        vars(self).setdefault("_frames", []).append(frame)
        genuine(self, connection, frame, at)

    monkeypatch.setattr(DeribitVenue, "received", received)


def keep_halts_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chronicle, "_halted", lambda self: [])


def go_on_as_if_no_time_had_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Driver, "_catch_up", lambda self: setattr(self, "_lag_ns", 0))


def forget_the_first_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = recorder.rows_of
    forgotten: list[object] = []

    def forgetful(*args: Any) -> Any:
        rows = genuine(*args)
        if not forgotten and rows.get(tables.decisions):
            forgotten.extend(rows[tables.decisions])
            rows[tables.decisions].clear()
        return rows

    monkeypatch.setattr(recorder, "rows_of", forgetful)


@pytest.mark.parametrize(
    ("plant", "cues", "invariant"),
    [
        (forget_a_fill, CUT, "S2"),
        (take_silence_for_a_no, UNHEARD, "S5"),
        (send_places_twice, CUT, "S6"),
        (keep_levels_that_are_gone, CUT, "S12"),
        (never_dial_again, CUT, "L1"),
        (dial_at_once, AWAY, "L5"),
        (keep_halts_to_itself, REFUSED, "L7"),
        (go_on_as_if_no_time_had_passed, STALLED, "S7"),
        (forget_the_first_decisions, (), "S19"),
        (keep_every_frame, CUT, "S22"),
    ],
)
def test_a_planted_bug_is_found_by_its_invariant(
    plant: Callable[[pytest.MonkeyPatch], None], cues: Sequence[Cue], invariant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcome_of(5, plan=script(*cues)).violation is None
    plant(monkeypatch)

    found = outcome_of(5, plan=script(*cues))

    assert found.violation is not None
    assert found.violation.invariant == invariant


def test_an_order_that_leaves_before_its_record_is_on_the_disk_is_found_only_where_that_was_promised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans = [Plan(script=(Cue(fault="power lost", after_s=20),), syncs_always=always) for always in (True, False)]
    assert [outcome_of(5, plan=plan).violation for plan in plans] == [None, None]
    monkeypatch.setattr(GrowingFile, "sync", lambda self, at: None)

    always, now_and_then = (outcome_of(5, plan=plan).violation for plan in plans)

    assert always is not None
    assert (always.invariant, "left before its record was safe" in always.sentence) == ("S10", True)
    assert now_and_then is None or now_and_then.invariant != "S10"


def test_a_segment_that_begins_without_its_session_is_found_where_segments_end_in_the_middle_of_a_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans = [Plan(segment_bytes=short) for short in (SHORT_SEGMENT_BYTES, None)]
    assert outcome_of(5, minutes=2, plan=plans[0]).violation is None
    monkeypatch.setattr(State, "snapshot", State.dump)

    short, long = (outcome_of(5, minutes=2, plan=plan).violation for plan in plans)

    assert short is not None
    assert (short.invariant, "what is remembered" in short.sentence) == ("S19", True)
    assert long is None
