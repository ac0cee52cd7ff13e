"""What Prometheus is told is what `status` says: each unknown left out, and sums where there are many of a kind."""

import re
from decimal import Decimal

from replenisher.core.obligations import Obligations
from replenisher.core.slots import RefillPolicy
from replenisher.live.metrics import families
from replenisher.live.monitor import Monitor
from replenisher.model.event import FeedLost, SessionLost
from replenisher.model.order import Side
from tests.core.world import KEY, SECOND, VENUE, World
from tests.live.watched import answer_of, eat, opened

BUY, SELL = Side.BUY, Side.SELL
Read = dict[str, dict[tuple[str, ...], float]]


def read(world: World, monitor: Monitor, **besides: object) -> Read:
    """Samples by the values of their labels, of each name without its prefix."""
    told: Read = {}
    for metric in families(answer_of(world, monitor) | besides):
        samples = told.setdefault(metric.name.removeprefix("replenisher_"), {})
        for sample in metric.samples:
            samples[tuple(sample.labels.values())] = sample.value
    return told


def test_what_rests_is_summed_by_side_without_what_is_filled() -> None:
    world, monitor = opened()
    before = read(world, monitor)["resting_amount"]
    lot = world.state.instruments[KEY].amount(1)

    eat(world, BUY, lots=4)

    after = read(world, monitor)["resting_amount"]
    assert before.keys() == after.keys() == {("core", KEY, "buy"), ("core", KEY, "sell")}
    assert before["core", KEY, "buy"] - after["core", KEY, "buy"] == 4 * float(lot)
    assert before["core", KEY, "sell"] == after["core", KEY, "sell"]


def test_what_is_eaten_and_waits_is_counted_where_it_is_missing() -> None:
    world, monitor = opened(refill=RefillPolicy(delay_ns=60 * SECOND))
    assert read(world, monitor)["empty_slots"] == {}

    eat(world, SELL, 1)
    eat(world, SELL, 2)

    assert read(world, monitor)["empty_slots"] == {("core", KEY, "sell"): 2}


def test_what_is_not_known_has_no_sample() -> None:
    world, monitor = opened()
    eat(world, BUY)
    known = read(world, monitor)

    world.tell(FeedLost(at=0, instrument=KEY, reason="silent"))

    unknown = read(world, monitor)
    assert known["best_price"].keys() == {(KEY, "buy"), (KEY, "sell")}
    assert (known["book_trusted"], unknown["book_trusted"]) == ({(KEY,): 1}, {(KEY,): 0})
    assert known["quoting"] == {("core",): 1} and unknown["quoting"] == {("core",): 0}
    assert known["mark"] and known["pnl"] and known["position"] == unknown["position"] != {}
    assert unknown["best_price"] == unknown["refill_seconds"] == {}


def test_every_number_of_a_page_of_status_has_a_name_but_those_of_single_orders() -> None:
    owes = Obligations(max_spread_bps=20.0, min_depth_quote=Decimal(10), min_uptime_pct=95.0)
    world, monitor = opened(obligations=owes)
    held = monitor.status(world.state, world.at)["instruments"][KEY] | {"fees_elsewhere": {"BNB": "0.25"}}

    told = read(world, monitor, instruments={KEY: held}, refill_samples=12)

    assert told["fees_elsewhere"] == {(KEY, "BNB"): 0.25}
    assert told["refill_samples"] == {(): 12}
    assert told["obligation_owed_pct"] == {("core",): 95}


def test_a_help_says_what_its_own_name_is_for_it_is_read_alone() -> None:
    leaning = re.compile(r"\b(the same|they|them|of that)\b", re.IGNORECASE)

    told = list(families(answer_of(*opened())))

    assert len(told) > 40 and [metric.name for metric in told if leaning.search(metric.documentation)] == []


def test_a_breach_of_obligations_is_a_zero_and_a_strategy_that_has_none_says_nothing() -> None:
    owes = Obligations(max_spread_bps=20.0, min_depth_quote=Decimal(10), min_uptime_pct=95.0)
    world, monitor = opened(obligations=owes)
    world.wait(9 * SECOND)
    met = read(world, monitor)

    world.tell(SessionLost(at=0, venue=VENUE, reason="cut"))

    assert met["obligation_met"] == {("core",): 1} and 0 < met["obligation_hour_pct"][("core",)] <= 100
    assert met["synced"] == {(VENUE,): 1}
    breached = read(world, monitor)
    assert breached["obligation_met"] == {("core",): 0}
    assert breached["synced"] == {(VENUE,): 0}
    assert read(*opened())["obligation_met"] == {}


def test_a_day_that_somebody_lives_with_is_no_alarm() -> None:
    day = {"day": "2026-11-24", "outcome": "not_explained", "told": "0.5 BTC is missing", "accepted": ""}
    days = [day, day | {"accepted": "a gift"}, day | {"outcome": "explained"}]

    assert read(*opened(), statements=days)["statements_not_explained"] == {(): 1}


def test_rows_that_wait_and_a_lease_that_is_lost_are_seen() -> None:
    fine = read(*opened())
    bad = read(
        *opened(),
        rows={"behind_bytes": 512, "error": "the database is locked"},
        lease={"epoch": 1, "is_held": False, "left_s": 0.0, "why": "another has it"},
    )

    assert (fine["rows_wait"], fine["lease_held"], fine["lease_left_seconds"]) == ({(): 0}, {(): 1}, {(): 82.5})
    assert (bad["rows_wait"], bad["rows_behind_bytes"], bad["lease_held"]) == ({(): 1}, {(): 512}, {(): 0})
