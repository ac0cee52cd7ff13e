"""Presence: what of the time counts as met, why the rest does not, and that no restart loses any of it."""

import random
from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.obligations import Obligations
from replenisher.core.presence import AWAY, OTHER, REASONS_MAX, passed
from replenisher.core.replay import fold
from replenisher.core.state import State
from replenisher.model.command import Breach, PresenceCounted
from replenisher.model.event import (
    InstrumentStateChanged,
    LoopLagged,
    PauseAsked,
    ResumeAsked,
    SessionLost,
    SessionOpened,
    StopAsked,
)
from replenisher.model.order import Side
from replenisher.model.step import Quote
from replenisher.model.units import DAY_NS, HOUR_NS, MINUTE_NS
from tests.core.world import INVERSE, KEY, SECOND, T0, VENUE, World, buy, ladder, limits, quoting, sell, want

# A lot is worth about 10 of the quote currency, a tick is a tenth of a basis point.
OWED = Obligations(max_spread_bps=10.0, min_depth_quote=Decimal(150), min_uptime_pct=95.0)
NEAR = ladder(2)  # 100 on each of four levels; 150 are complete 30 ticks from the centre, which is a spread of 6 bps


def obliged(quotes: Iterable[Quote] = NEAR, **other: object) -> World:
    return quoting(quotes, obligations=OWED, sync_every_ns=30 * DAY_NS, **other)


def begin(world: World, epoch: int) -> None:
    """A later life begins, and stands."""
    world.open(epoch)
    for _ in range(5):
        world.wait(SECOND)
        world.settle()


def record(world: World) -> PresenceCounted:
    """How the strategy stands by now."""
    return passed(world.state.presence["core"], world.state.epoch, world.at)[-1]


def records(world: World) -> list[PresenceCounted]:
    """All that was recorded of it, in order."""
    return [wish for step in world.steps for wish in step.commands if isinstance(wish, PresenceCounted)]


def whole_hours(*lives: World) -> list[int]:
    """What each hour has come to, over lives."""
    return list({wish.hour: wish.hour_ns for world in lives for wish in records(world)}.values())


def missing(world: World) -> str:
    return world.state.presence["core"].missing


def over(wishes: Iterable[PresenceCounted]) -> Breach:
    """The one breach that has ended."""
    (breach,) = {wish.breach.since: wish.breach for wish in wishes if wish.breach and wish.breach.until}.values()
    return breach


def test_time_counts_as_met_from_the_moment_at_which_the_venue_has_confirmed_both_sides() -> None:
    world = World(obliged().setup)
    world.open()
    confirmed_at, began_at = world.at, records(world)[0].at

    world.wait(10 * SECOND)

    assert missing(world) == ""
    assert record(world).hour_met_ns == world.at - confirmed_at
    assert record(world).hour_ns == world.at - began_at


def test_what_was_sent_and_not_confirmed_does_not_count() -> None:
    world = obliged(())
    want(world, NEAR)
    assert len(world.live()) == 4
    assert missing(world) == "no bid rests"

    world.settle()

    assert missing(world) == ""


@pytest.mark.parametrize(
    ("quotes", "lacking"),
    [
        ((), "no bid rests"),
        ((buy(0, 99_980, 16),), "no ask rests"),
        ((buy(0, 99_980, 16), sell(0, 100_020, 14)), "too little rests on the ask"),
        ((buy(0, 99_980, 16), sell(0, 100_020, 10), sell(1, 100_090, 5)), "the spread is too wide"),
        ((buy(0, 99_980, 16), sell(0, 100_020, 10), sell(1, 100_070, 5)), ""),
    ],
)
def test_the_spread_is_between_the_prices_that_complete_the_depth(quotes: tuple[Quote, ...], lacking: str) -> None:
    assert missing(obliged(quotes)) == lacking


def test_the_depth_of_an_inverse_contract_is_its_amount_whatever_the_price() -> None:
    assert missing(obliged((buy(0, 99_980, 15), sell(0, 100_020, 15)), instrument=INVERSE)) == ""
    short = obliged((buy(0, 99_980, 14), sell(0, 100_020, 15)), instrument=INVERSE)
    assert missing(short) == "too little rests on the bid"


def test_an_order_that_is_amended_counts_where_the_venue_last_had_it() -> None:
    world = obliged((buy(0, 99_980, 16), sell(0, 100_020, 16)))
    want(world, (buy(0, 99_980, 16), sell(0, 100_400, 16)))
    assert world.order(Side.SELL).pending is not None
    assert missing(world) == ""

    world.settle()

    assert missing(world) == "the spread is too wide"


def test_a_fill_begins_a_breach_and_its_refill_ends_it() -> None:
    world = obliged()
    world.wait(SECOND)
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.hear()
    eaten_at = world.at
    told = "too little rests on the bid: 99.97 of 150.00"
    assert record(world).breach == Breach(since=eaten_at, reason=told)

    world.settle()

    back_at, held_ns = world.at, {"too little rests on the bid": world.at - eaten_at}
    assert records(world)[-1].breach == Breach(since=eaten_at, reason=told, until=back_at, held_ns=held_ns)
    assert record(world).hour_ns - record(world).hour_met_ns >= back_at - eaten_at
    world.wait(2 * MINUTE_NS)
    assert (record(world).breach, missing(world)) == (None, "")


def test_a_breach_says_how_long_each_reason_held_in_the_order_in_which_they_came() -> None:
    world = obliged()
    world.tell(PauseAsked(at=0, reason="lunch"))
    world.settle()
    paused_at = world.at
    world.wait(3 * SECOND)
    want(world, (buy(0, 99_980, 16), sell(0, 100_400, 16)))
    world.tell(ResumeAsked(at=0))
    resumed_at = world.at
    world.settle()
    wide_at = world.at
    world.wait(2 * SECOND)
    want(world, NEAR)
    world.settle()

    breach = over(wish for wish in records(world) if wish.at >= paused_at)

    assert (breach.since, breach.until, breach.reason) == (paused_at, world.at, "paused: lunch")
    assert list(breach.held_ns) == ["paused: lunch", "no bid rests", "the spread is too wide"]
    assert breach.held_ns["paused: lunch"] == resumed_at - paused_at
    assert breach.held_ns["the spread is too wide"] == world.at - wide_at


def test_one_breach_of_many_reasons_names_a_bounded_number_of_them() -> None:
    world = obliged()
    for number in range(2 * REASONS_MAX):
        world.tell(PauseAsked(at=0, reason=f"lunch {number}"))
        world.settle()
        world.wait(SECOND)

    breach = record(world).breach

    assert breach is not None
    assert list(breach.held_ns)[REASONS_MAX:] == [OTHER]
    assert sum(breach.held_ns.values()) == world.at - breach.since


def test_why_it_shows_nothing_is_told_rather_than_that_nothing_rests() -> None:
    world = obliged()
    world.tell(PauseAsked(at=0, reason="lunch"))
    assert missing(world) == ""  # what rests is still there

    world.settle()
    assert missing(world) == "paused: lunch"

    world.tell(ResumeAsked(at=0))
    world.settle()
    assert missing(world) == ""


def test_what_a_limit_withholds_is_told_beside_what_is_missing() -> None:
    world = obliged(limits=limits(max_position_quote=Decimal(250)))
    for level in (0, 1):
        world.venue.fill(world.at_venue(world.order(Side.BUY, level)), 10, world.at)
    world.hear()
    world.settle()
    world.wait(MINUTE_NS)

    assert missing(world) == "no bid rests, and withheld is for max_position_quote"

    for level in (0, 1):
        world.venue.fill(world.at_venue(world.order(Side.SELL, level)), 10, world.at)
    world.hear()
    world.settle()
    assert missing(world) == ""


def test_orders_whose_session_is_lost_are_not_confirmed_any_more() -> None:
    world = obliged()
    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    assert missing(world) == f"not in sync with {VENUE}: closed"

    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()

    assert missing(world) == ""


def test_no_time_counts_while_the_instrument_does_not_trade() -> None:
    world = obliged(())
    world.wait(30 * SECOND)
    world.tell(InstrumentStateChanged(at=0, instrument=KEY, is_open=False, reason="settlement"))
    before, breach = record(world).hour_ns, records(world)[-1].breach
    assert breach is not None
    assert breach.until == world.at

    world.wait(20 * MINUTE_NS)
    assert (record(world).hour_ns, record(world).breach) == (before, None)

    world.tell(InstrumentStateChanged(at=0, instrument=KEY, is_open=True, reason=""))
    world.wait(SECOND)
    assert record(world).hour_ns == before + SECOND
    assert record(world).breach is not None


def test_each_hour_is_recorded_whole_and_a_day_begins_anew() -> None:
    world = obliged()
    world.wait(4 * HOUR_NS)

    last = {wish.hour: wish for wish in records(world)}
    first, *whole, _ = last.values()
    assert [wish.hour for wish in last.values()] == list(range(T0 // HOUR_NS, T0 // HOUR_NS + 5))
    assert {(wish.hour_ns, wish.hour_met_ns) for wish in whole} == {(HOUR_NS, HOUR_NS)}
    midnight = (T0 // DAY_NS + 1) * DAY_NS
    assert last[midnight // HOUR_NS - 1].day_ns == midnight - records(world)[0].at
    assert last[midnight // HOUR_NS].day_ns == HOUR_NS
    assert first.hour_ns == (first.hour + 1) * HOUR_NS - records(world)[0].at


def test_the_time_between_two_lives_counts_as_not_met() -> None:
    world = obliged()
    world.wait(30 * SECOND)
    recorded_at = world.state.presence["core"].at
    heir = world.reborn()
    heir.at = world.at + 3 * HOUR_NS

    begin(heir, epoch=2)

    told = records(heir)
    assert [wish.hour - told[0].hour for wish in told[:4]] == [0, 1, 2, 3]
    assert (told[1].hour_ns, told[1].hour_met_ns) == (HOUR_NS, 0)
    breach = over(told)
    assert (breach.since, breach.reason) == (recorded_at, AWAY.what)
    assert breach.held_ns[AWAY.what] == pytest.approx(3 * HOUR_NS + world.at - recorded_at, abs=SECOND)
    assert sum(hour_ns for hour_ns in whole_hours(world, heir)) == heir.state.presence["core"].at - records(world)[0].at


def test_who_stopped_is_in_breach_until_the_next_life_stands() -> None:
    world = obliged()
    world.tell(StopAsked(at=0, reason="the operator"))
    world.settle()
    stopped = records(world)[-1]
    assert stopped.missing == "stopping: the operator"

    heir = world.reborn()
    begin(heir, epoch=2)

    assert stopped.breach is not None
    breach = over(records(heir))
    assert (breach.since, breach.reason) == (stopped.breach.since, stopped.missing)


def test_a_life_whose_clock_was_set_back_takes_nothing_away() -> None:
    world = obliged()
    world.wait(30 * SECOND)
    before = world.state.presence["core"]
    heir = world.reborn()
    heir.at = world.at - 10 * SECOND

    heir.open(epoch=2)
    heir.wait(MINUTE_NS)

    assert record(heir).hour_ns >= before.hour_ns
    assert min(wish.at for wish in records(heir)) >= before.at


def test_a_process_that_stood_still_claims_nothing_of_that_time() -> None:
    world = obliged()
    stood_at = world.state.presence["core"].at
    world.wake(at=world.at + 10 * MINUTE_NS)

    (wish,) = records(world)[-1:]

    held_ns = {AWAY.what: world.at - stood_at}
    assert wish.breach == Breach(since=stood_at, reason=AWAY.what, until=world.at, held_ns=held_ns)
    assert wish.hour_ns - wish.hour_met_ns >= 10 * MINUTE_NS


def test_even_a_short_time_in_which_nobody_looked_is_not_claimed() -> None:
    world = obliged()
    world.wait(3 * SECOND)
    met_ns = record(world).hour_met_ns
    world.tell(LoopLagged(at=0, lag_ns=20 * SECOND), at=world.at + 22 * SECOND)

    assert record(world).hour_met_ns == met_ns + 2 * SECOND
    assert over(wish for wish in records(world) if wish.at == world.at).held_ns == {AWAY.what: 20 * SECOND}


def test_who_is_not_obliged_has_no_record_and_no_alarm() -> None:
    world = quoting(NEAR)
    world.wait(2 * HOUR_NS)

    assert (records(world), world.state.presence) == ([], {})
    assert b"presence" not in world.state.dump()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_parts_are_the_whole_whatever_happens_and_memory_is_what_was_recorded(seed: int) -> None:
    chance = random.Random(seed)
    world = obliged(amends_price=chance.random() < 0.5)
    began_at, closed_ns, told, lives = records(world)[0].at, 0, records(world), 1
    for _ in range(30):
        snapshot, steps = world.state.snapshot(), len(world.steps)
        match chance.choice(["move", "fill", "wait", "wait", "lose", "close", "settle", "die"]):
            case "move":
                want(world, ladder(chance.randrange(4), chance.choice([5, 10]), chance.choice([10, 60])))
            case "fill" if world.venue.resting():
                world.venue.fill(chance.choice(world.venue.resting()), chance.randint(1, 12), world.at)
                world.hear()
            case "wait":
                world.settle()
                world.wait(chance.choice([SECOND, MINUTE_NS, HOUR_NS // 2]) + chance.randrange(SECOND))
            case "lose":
                world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
                world.outgoing.clear()
                world.venue.private.clear()
                world.tell(SessionOpened(at=0, venue=VENUE))
            case "close":
                world.tell(InstrumentStateChanged(at=0, instrument=KEY, is_open=False, reason="halted"))
                shut_at = world.at
                world.settle()
                world.wait(chance.choice([SECOND, HOUR_NS]))
                world.tell(InstrumentStateChanged(at=0, instrument=KEY, is_open=True, reason=""))
                closed_ns += world.at - shut_at
            case "settle":
                world.settle()
            case "die":
                lives += 1
                world = world.reborn()
                world.at += chance.choice([0, MINUTE_NS, 5 * HOUR_NS])
                world.open(epoch=lives)
                told += records(world)
                continue
            case _:
                pass
        told += [wish for step in world.steps[steps:] for wish in step.commands if isinstance(wish, PresenceCounted)]
        refolded = State.load(world.setup, snapshot)
        fold(refolded, world.steps[steps:])
        assert refolded.presence == world.state.presence

    world.tell(StopAsked(at=0, reason="enough"))
    told += records(world)[-1:]
    world.wait(2 * MINUTE_NS)
    told += records(world)
    hours = {wish.hour: (wish.hour_ns, wish.hour_met_ns) for wish in sorted(told, key=lambda wish: wish.at)}
    breaches = {wish.breach.since: wish.breach for wish in told if wish.breach is not None}
    last = told[-1]
    traded_ns, met_ns = (sum(of_hour) for of_hour in zip(*hours.values(), strict=True))
    assert traded_ns == last.at - began_at - closed_ns
    assert traded_ns - met_ns == sum((breach.until or last.at) - breach.since for breach in breaches.values())
    assert traded_ns - met_ns == sum(sum(breach.held_ns.values()) for breach in breaches.values())
    assert list(hours) == list(range(told[0].hour, last.hour + 1))
