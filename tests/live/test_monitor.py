"""The monitor counts what happened once, however often it is told, and times every refill."""

import json
from decimal import Decimal

import msgspec
import pytest

from replenisher.core.guards import Guards
from replenisher.core.obligations import Obligations
from replenisher.core.slots import RefillPolicy
from replenisher.live.monitor import FILLS_SHOWN_MAX, Monitor
from replenisher.model.event import (
    BookChanged,
    CoverLost,
    FeedLost,
    NotSent,
    PauseAsked,
    SessionLost,
    SessionOpened,
    StopAsked,
    SweepEnded,
    TradePrinted,
    TradesReported,
)
from replenisher.model.order import Request, Side
from replenisher.model.step import Step
from replenisher.report.resampling import resampled
from tests.core.world import KEY, MS, SECOND, VENUE, buy, limits, want, wishes_of
from tests.live.watched import Steps, eat, opened, world_with

BUY, SELL = Side.BUY, Side.SELL


def test_a_ladder_is_counted_order_by_order() -> None:
    world, monitor = opened()

    summary = monitor.summary(world.state, world.at)

    assert (summary["orders"], summary["live_orders"], summary["fills"]) == (6, 6, 0)
    assert summary["sync"] == {VENUE: "synced"}
    assert summary["dead_man_switch"] == {VENUE: "none"}
    assert summary["not_quoting"] == {"core": ""}
    assert summary["stop"] is None


def test_the_numbers_of_the_last_decision_are_shown() -> None:
    world, monitor = opened()
    (*_, step) = (step for step in world.steps if step.decisions)
    decisions = [msgspec.structs.replace(step.decisions[-1], terms={"half_spread": half}) for half in (1.5, 2.5)]

    for decision in decisions:
        monitor.observe(msgspec.structs.replace(step, decisions=(decision,)))

    assert monitor.summary(world.state, world.at)["terms"] == {"core": {"half_spread": 2.5}}


def test_a_book_that_is_swept_is_watched_until_it_is_back_and_ours_is_told_from_the_others() -> None:
    world, monitor = opened()
    ask = world.venue.best(SELL)

    def publish(price: int, quantity: int) -> None:
        world.tell(
            BookChanged(at=0, instrument=KEY, venue_time=world.at, bids=(), asks=((price, quantity),)),
            at=world.at + SECOND,
        )

    before = 10_000
    for _ in range(20):
        publish(ask, before)
    world.tell(
        TradePrinted(at=0, instrument=KEY, venue_time=world.at, trade_id="sweep", price=ask, quantity=before, taker=BUY)
    )
    publish(ask, 0)
    publish(ask, before)
    for _ in range(65):
        publish(ask, before)

    seen = monitor.summary(world.state, world.at)["resilience"][KEY]
    assert list(seen) == ["touch", "5 bps", "10 bps", "25 bps"]
    for band in seen.values():
        assert (band["sweeps"], band["seen"]["back 5s"]) == (1, 1)
        assert (band["back"], band["t90_by"], band["t90_s"]) == ({}, {}, None), "one sweep tells nothing"
    assert resampled(monitor.status(world.state, world.at))["resilience"] == {KEY: seen}

    learned = [fact for fact in monitor.learned() if isinstance(fact, SweepEnded)]
    assert all(fact.t90_ns == pytest.approx(2 * SECOND, abs=1.1 * SECOND) for fact in learned)
    assert [(fact.band_bps, fact.side, fact.back["5s"]) for fact in learned] == [
        (band_bps, SELL, 1) for band_bps in (0.0, 5.0, 10.0, 25.0)
    ]
    assert monitor.learned() == []


def test_status_says_how_each_strategy_stands_to_its_obligations() -> None:
    owed = Obligations(max_spread_bps=20.0, min_depth_quote=Decimal(10), min_uptime_pct=95.0)
    world, monitor = opened(obligations=owed)
    began_at = world.state.presence["core"].at - world.state.presence["core"].hour_ns
    met_at = world.at
    world.wait(9 * SECOND)
    seen = monitor.summary(world.state, world.at)["obligations"]["core"]
    assert (seen["is_met"], seen["missing"], seen["since"]) == (True, "", None)
    assert seen["hour_pct"] == seen["today_pct"] == pytest.approx(100 * (world.at - met_at) / (world.at - began_at))

    world.tell(SessionLost(at=0, venue=VENUE, reason="cut"))

    seen = monitor.summary(world.state, world.at + SECOND)["obligations"]["core"]
    assert (seen["is_met"], seen["missing"], seen["since"]) == (False, f"not in sync with {VENUE}: closed", world.at)


def test_status_names_the_numbers_of_what_is_too_wide() -> None:
    owed = Obligations(max_spread_bps=1.0, min_depth_quote=Decimal(10), min_uptime_pct=95.0)
    world, monitor = opened(obligations=owed)

    seen = monitor.summary(world.state, world.at)["obligations"]["core"]

    assert seen["missing"] == "the spread is too wide: 4.00 bps, and 1 are owed"


def test_the_dead_man_switch_is_armed_as_long_as_there_is_a_session() -> None:
    world, monitor = opened(cancels_orphans=True)
    assert monitor.summary(world.state, world.at)["dead_man_switch"] == {VENUE: "armed"}

    world.tell(SessionLost(at=0, venue=VENUE, reason="cut"))

    assert monitor.summary(world.state, world.at)["dead_man_switch"] == {VENUE: "not armed"}


def test_a_fill_told_three_times_is_one_fill() -> None:
    world, monitor = opened()
    eat(world, BUY, lots=4)
    fill = world.venue.fills[-1]

    world.tell(fill)
    world.tell(TradesReported(at=0, scope=KEY, fills=(fill,), has_more=False))

    assert monitor.summary(world.state, world.at)["fills"] == 1


def test_a_fill_of_an_earlier_life_is_not_one_of_this_life_but_one_missed_in_between_is() -> None:
    world, _ = opened()
    eat(world, BUY, lots=4)
    told = world.venue.fills[-1]
    missed = world.venue.fill(world.at_venue(world.order(SELL)), 3, world.at)
    next_life = world.reborn()
    monitor = Monitor(next_life.state)
    next_life.steps = Steps(monitor.observe)

    next_life.open(epoch=2)

    assert [told, missed] == next_life.venue.fills
    assert monitor.counts.fills == 1


def test_a_refill_is_timed_from_the_fill_to_the_word_of_the_venue() -> None:
    world, monitor = opened()

    eat(world, BUY, level=1)
    at_fill = world.at
    world.arrive()
    sent = monitor.summary(world.state, world.at)
    world.tell(*world.venue.private, at=at_fill + 7 * MS)
    world.venue.private.clear()

    summary = monitor.summary(world.state, world.at)
    assert (sent["refills"], sent["slots_refilled"]) == (1, 0)
    assert (summary["fills"], summary["refills"], summary["slots_refilled"], summary["refill_samples"]) == (1, 1, 1, 1)
    assert (summary["refill_p50_ms"], summary["refill_p95_ms"], summary["refill_p99_ms"]) == (7.0, 7.0, 7.0)
    assert summary["refilled_5s_share"] == 1.0
    (fill,) = monitor.look(world.state, world.at).fills
    assert (fill.level, fill.emptied, fill.refilled_after_ns) == (1, True, 7 * MS)


def test_a_slot_that_stays_empty_for_more_than_five_seconds_is_missing_in_the_share_of_those_that_do_not() -> None:
    world, monitor = opened(refill=RefillPolicy(delay_ns=6 * SECOND))
    assert monitor.summary(world.state, world.at)["refilled_5s_share"] is None
    eat(world, BUY, level=1)

    world.wait(4 * SECOND)
    undecided = monitor.summary(world.state, world.at)["refilled_5s_share"]
    world.wait(SECOND + SECOND // 2)
    overdue = monitor.summary(world.state, world.at)["refilled_5s_share"]

    assert (undecided, overdue) == (None, 0.0)


def test_a_refill_that_is_eaten_before_it_is_confirmed_was_there() -> None:
    world, monitor = opened()
    eat(world, BUY)
    world.arrive()
    refill = world.order(BUY)
    world.venue.fill(world.at_venue(refill), 10, world.at)
    fill = world.venue.private[-1]

    world.tell(fill)

    assert monitor.counts.fills == 2
    assert monitor.summary(world.state, world.at)["refill_samples"] == 1


def test_a_refill_of_unknown_fate_is_back_once_the_venue_says_so_when_asked() -> None:
    world, monitor = opened()
    eat(world, BUY)
    world.arrive()
    world.venue.private.clear()  # the answer is lost

    world.wait(3 * SECOND)
    world.settle()

    (seen,) = monitor.look(world.state, world.at).fills
    assert monitor.counts.unknown == 1
    assert seen.refilled_after_ns is not None
    assert seen.refilled_after_ns > 2 * SECOND


def test_a_refill_that_never_left_is_timed_until_the_next_one_rests() -> None:
    world, monitor = opened()
    eat(world, BUY)
    (fill,) = world.venue.fills
    lost = world.outgoing.pop()

    world.at += SECOND
    world.tell(NotSent(at=0, order_id=lost.order_id, request=Request.PLACE))
    waiting = monitor.summary(world.state, world.at)
    world.settle()

    assert (waiting["rejected"], waiting["refill_samples"]) == (1, 0)
    (seen,) = monitor.look(world.state, world.at).fills
    assert seen.trade_id == fill.trade_id
    assert seen.refilled_after_ns == pytest.approx(SECOND, abs=10 * MS)


def test_time_in_which_no_refill_was_wanted_is_none_of_its_latency() -> None:
    world, monitor = opened()
    wishes = wishes_of(world).quotes
    wishes_of(world).quotes = tuple(quote for quote in wishes if quote.side is SELL)  # as of the next time it is asked
    eat(world, BUY)
    world.settle()

    world.wait(18 * SECOND)
    want(world, wishes)
    world.settle()

    (seen,) = monitor.look(world.state, world.at).fills
    assert seen.refilled_after_ns is not None
    assert 0 < seen.refilled_after_ns < SECOND


def test_a_delayed_refill_leaves_a_slot_that_says_so() -> None:
    world, monitor = opened(refill=RefillPolicy(delay_ns=2 * SECOND))

    eat(world, SELL, level=2)
    world.at += SECOND
    before = monitor.look(world.state, world.at)
    world.wait(SECOND)
    world.settle()
    after = monitor.look(world.state, world.at)

    assert [(slot.side, slot.level, slot.age_ns) for slot in before.empty_slots] == [(SELL, 2, SECOND)]
    assert after.empty_slots == ()
    assert after.summary.refill_p50_ms == pytest.approx(2_000, abs=10)


def test_orders_that_end_are_counted_by_how_they_ended() -> None:
    world, monitor = opened()

    want(world, [buy(0, 99_980)])
    world.settle()

    assert monitor.counts.canceled == 5
    assert monitor.summary(world.state, world.at)["live_orders"] == 1


def test_a_request_without_an_answer_shows_as_such() -> None:
    world, monitor = opened()
    eat(world, BUY)

    world.outgoing.clear()  # the place is lost on its way
    world.wait(3 * SECOND)

    summary = monitor.summary(world.state, world.at)
    assert (summary["unknown"], summary["unanswered"]) == (1, 1)


def test_orders_that_the_dead_man_switch_does_not_cover_are_counted_until_they_are_replaced() -> None:
    world, monitor = opened()

    world.tell(CoverLost(at=0, venue=VENUE))
    at_first = monitor.summary(world.state, world.at)["uncovered"]
    want(world, [buy(0, 99_980)])  # one of them, which stays
    world.settle()
    in_between = monitor.summary(world.state, world.at)["uncovered"]
    want(world, [buy(0, 99_940)])
    world.settle()

    assert (at_first, in_between) == (6, 1)
    assert monitor.summary(world.state, world.at)["uncovered"] == 0
    assert len(world.shown()) == 1


def test_the_summary_says_what_is_held_and_what_it_is_worth() -> None:
    world, monitor = opened()
    eat(world, BUY)  # 100 USD at 49,990
    world.settle()

    held = monitor.summary(world.state, world.at)["instruments"][KEY]

    unrealized = Decimal(repr(100 / 49_990 - 100 / 50_000)).quantize(Decimal("1e-8"))
    assert (held["position"], held["inventory"]) == ("100", {"core": "100"})
    assert (held["mark"], held["mark_source"]) == ("50000.0", "mid")
    assert abs(Decimal(held["unrealized"]) - unrealized) <= Decimal("2e-8")
    assert held["pnl"] == held["unrealized"]
    assert Decimal(held["pnl_quote"]) == pytest.approx(Decimal(held["pnl"]) * 50_000, rel=Decimal("0.01"))


def test_without_a_trusted_book_the_last_trade_is_the_mark_or_there_is_none() -> None:
    world, monitor = opened()
    eat(world, BUY)

    world.tell(FeedLost(at=0, instrument=KEY, reason="a gap"))

    summary = monitor.summary(world.state, world.at)
    held = summary["instruments"][KEY]
    assert (held["mark"], held["unrealized"], held["pnl_quote"]) == (None, None, None)
    assert summary["not_quoting"] == {"core": "book: a gap"}


def test_a_pause_and_a_stop_are_said_with_their_reason() -> None:
    world, monitor = opened()

    world.tell(PauseAsked(at=0, reason="lunch"))
    paused = monitor.summary(world.state, world.at)
    world.tell(StopAsked(at=0, reason="the day is over"))
    world.settle()
    stopped = monitor.summary(world.state, world.at)

    assert paused["not_quoting"] == {"core": "paused: lunch"}
    assert paused["pauses"][0]["reason"] == "lunch"
    assert stopped["stop"] == {"reason": "the day is over", "verdict": "flat", "left": []}


def test_why_less_is_shown_than_wanted_is_the_present_reason() -> None:
    world, monitor = opened(quotes=(buy(0, 90_000),), limits=limits(price_collar_bps=50.0))
    assert monitor.summary(world.state, world.at)["withheld"] == {"core": "price_collar_bps"}

    want(world, [buy(0, 99_980)])

    assert monitor.summary(world.state, world.at)["withheld"] == {"core": ""}


def test_a_session_that_is_not_in_sync_yet_is_told_as_such() -> None:
    world = world_with()
    monitor = Monitor(world.state)

    before = monitor.summary(world.state, world.at)
    world.tell(SessionOpened(at=0, venue=VENUE))
    during = monitor.summary(world.state, world.at)

    assert before["not_quoting"] == {"core": "not in sync with toy: connecting"}
    assert during["not_quoting"] == {"core": f"not in sync with {VENUE}: orders"}


def test_why_a_session_was_lost_is_told_until_it_is_in_sync_again() -> None:
    world, monitor = opened()
    assert monitor.status(world.state, world.at)["lost"] == {}

    world.tell(SessionLost(at=0, venue=VENUE, reason="10028 too_many_requests"))
    assert monitor.status(world.state, world.at)["lost"] == {VENUE: "10028 too_many_requests"}

    world.tell(SessionOpened(at=0, venue=VENUE))
    during = monitor.status(world.state, world.at)
    assert (during["sync"], during["lost"]) == ({VENUE: "orders"}, {VENUE: "10028 too_many_requests"})

    world.settle()
    assert monitor.status(world.state, world.at)["lost"] == {}


def test_the_status_is_json_with_the_ladder_and_the_book() -> None:
    world, monitor = opened()

    status = json.loads(json.dumps(monitor.status(world.state, world.at)))

    assert len(status["ladder"]) == 6
    best = status["book"][KEY]["bids"][0]
    assert best == {"price": "49995.0", "amount": "1000", "own": "0"}
    ours = next(level for level in status["book"][KEY]["bids"] if level["price"] == "49990.0")
    assert ours["own"] == "100"


def test_looking_changes_nothing() -> None:
    world, monitor = opened()
    eat(world, BUY, lots=3)
    before = (world.state.dump(), repr(world.state.own_sizes[KEY]._levels), dict(world.state.budgets))

    world.at += 10 * SECOND
    monitor.status(world.state, world.at)
    monitor.look(world.state, world.at)

    assert (world.state.dump(), repr(world.state.own_sizes[KEY]._levels), dict(world.state.budgets)) == before


def test_memory_is_bounded() -> None:
    world, monitor = opened()

    for _ in range(FILLS_SHOWN_MAX + 10):
        eat(world, BUY)
        world.settle()

    picture = monitor.look(world.state, world.at)
    assert picture.summary.fills == picture.summary.refills == FILLS_SHOWN_MAX + 10
    assert len(picture.fills) == FILLS_SHOWN_MAX
    assert picture.summary.fills_per_minute == FILLS_SHOWN_MAX + 10


def test_a_step_of_market_data_counts_nothing() -> None:
    world, monitor = opened()
    counts = str(monitor.counts)

    world.venue.set_others(BUY, 99_900, 7, world.at)
    world.hear()

    step: Step = world.steps[-1]
    assert (step.commands, step.orders) == ((), ())
    assert str(monitor.counts) == counts


def test_a_level_that_another_order_moved_into_is_not_timed_when_it_is_placed_again() -> None:
    world, monitor = opened()
    wishes_of(world).quotes = (buy(1, 99_980), buy(2, 99_960))
    eat(world, BUY, level=1)  # in the same step the order of level 0 comes to serve level 1
    world.settle()
    assert (world.order(BUY, 1).price, monitor.counts.orders) == (99_980, 6)

    want(world, [buy(2, 99_960)])
    world.settle()
    world.at += 60 * SECOND
    want(world, [buy(1, 99_970), buy(2, 99_960)])
    world.settle()

    assert monitor.counts.orders == 7
    assert monitor.summary(world.state, world.at)["refill_samples"] == 0


def test_what_guards_say_now_is_in_the_status_although_nothing_was_decided() -> None:
    world, monitor = opened(guards=Guards(max_daily_buy_quote=Decimal(1_000)))

    eat(world, BUY)

    (line,) = monitor.status(world.state, world.at)["guards"]["core"]
    assert line.startswith("max_daily_buy_quote: ") and line.endswith(" of 1000 today")
    assert not line.startswith("max_daily_buy_quote: 0.00")
