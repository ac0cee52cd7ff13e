"""Halts: what ends a life, what only an operator's reason lifts, and what is no reason to halt."""

from decimal import Decimal

import pytest

from replenisher.core.absence import why_absent
from replenisher.core.replay import fold
from replenisher.core.risk import OnBreach
from replenisher.core.state import State
from replenisher.core.throttle import Throttle
from replenisher.model.command import CancelOrder, Command, Halt, HaltCause, Pause, PlaceOrder
from replenisher.model.event import (
    CancelAllAsked,
    ClockOffset,
    Event,
    HaltInherited,
    HaltsLifted,
    JournalBlocked,
    JournalFreed,
    LeaseHeld,
    LeaseLost,
    LoopLagged,
    OrderRejected,
    PauseAsked,
    RejectReason,
    RequestRejected,
    ResumeAsked,
    SessionLost,
    SessionOpened,
    TradesReported,
)
from replenisher.model.order import BUY, Request, Side
from tests.core.world import (
    KEY,
    LINEAR,
    SECOND,
    T0,
    VENUE,
    Wishes,
    World,
    filled,
    ladder,
    limits,
    one_strategy,
    policy,
    quoting,
    sell,
    want,
)


def halts(world: World) -> list[Halt]:
    """What was recorded of halts, in all steps."""
    return [wish for step in world.steps for wish in step.commands if isinstance(wish, Halt)]


def absence(world: World) -> str:
    return why_absent(world.state, world.setup.strategies[0], world.at)


def assert_halted(world: World, cause: HaltCause, reason: str) -> None:
    """Halted, once, for a reason that everybody is told; nothing rests, and nothing comes back."""
    world.wake()
    world.settle()
    assert [(halt.cause, halt.reason) for halt in halts(world)] == [(cause, reason)]
    assert absence(world) == f"halted: {reason}"
    assert world.venue.resting() == []
    replayed = State.load(world.setup, None)
    fold(replayed, world.steps)
    assert replayed.dump() == world.state.dump(), "a restart knows the same"
    number = next(step.number for step in world.steps if any(isinstance(wish, Halt) for wish in step.commands))
    want(world, ladder(2, centre=100_005))
    assert not [wish for step in world.steps[number - 1 :] for wish in step.commands if isinstance(wish, PlaceOrder)]


def runaway(world: World, moves: int) -> list[Command]:
    """A strategy that wants another ladder with every look at the market."""
    wishes: list[Command] = []
    for move in range(moves):
        wishes += want(world, ladder(2, centre=100_003 + move % 2 * 3))
        world.settle()
    return wishes


# --- The latch ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_breach", OnBreach)
def test_a_pause_of_the_operator_replaces_no_halt_and_a_plain_resume_lifts_none(on_breach: OnBreach) -> None:
    world = quoting(ladder(2), limits=limits(max_messages_per_minute=20, on_loss=on_breach, on_position=on_breach))
    runaway(world, 10)
    reason = f"max_messages_per_minute: more than 20 were sent about {KEY} in a minute"
    assert_halted(world, HaltCause.MESSAGE_RATE, reason)

    world.tell(PauseAsked(at=0, reason="lunch"))
    assert absence(world) == f"halted: {reason}"
    world.tell(ResumeAsked(at=0))
    assert absence(world) == f"halted: {reason}"
    assert world.state.pauses == {}

    world.wait(60 * SECOND)
    world.tell(ResumeAsked(at=0, reason="the strategy is mended"))
    assert absence(world) == ""


def test_a_halt_that_another_journal_found_is_one_of_ours_until_it_is_lifted_here_or_there() -> None:
    world = quoting(ladder(2))

    world.tell(HaltInherited(at=0, cause=HaltCause.LOSS, reason="too much was lost"))
    assert_halted(world, HaltCause.LOSS, "too much was lost")
    world.tell(PauseAsked(at=0, reason="lunch"))
    world.tell(HaltsLifted(at=0, reason="seen"))
    assert absence(world) == "paused: lunch", "who lifted a halt elsewhere knows of no pause here"

    world.tell(HaltInherited(at=0, cause=HaltCause.UNEXPLAINED_POSITION, reason="a position that nobody knows"))
    assert absence(world) == "halted: a position that nobody knows"
    world.tell(ResumeAsked(at=0, reason="seen"))
    world.settle()
    assert absence(world) == ""
    assert len(world.venue.resting()) == 4


def test_a_limit_that_shows_nothing_is_not_kept_back_by_one_that_reduces() -> None:
    most = {"max_position_quote": 2 * TEN_LOTS, "max_daily_loss_quote": Decimal(5)}
    world = quoting(ladder(1), limits=limits(**most, on_position=OnBreach.REDUCE, on_loss=OnBreach.PAUSE))
    world.tell(filled(LINEAR, "", "X1", Side.BUY, 99_990, 41, venue_time=world.at))
    assert world.state.pauses[""].reduces

    world.tell(filled(LINEAR, "", "X2", Side.SELL, 50_000, 2, venue_time=world.at))

    assert world.state.pauses[""].reason.startswith("max_daily_loss_quote: ")
    assert not world.state.pauses[""].reduces
    world.settle()
    assert world.venue.resting() == []


def test_nor_is_it_replaced_by_one_that_is_found_in_the_same_step() -> None:
    most = {"max_position_quote": Decimal(100), "price_collar_bps": 200.0, "max_fills_per_minute": 1}
    world = quoting(ladder(1), limits=limits(**most, on_position=OnBreach.REDUCE, on_fills=OnBreach.PAUSE))
    order_id = world.order(Side.BUY).order_id

    world.tell(*[filled(LINEAR, order_id, f"X{n}", Side.BUY, 99_980, 20, venue_time=world.at) for n in range(2)])

    assert world.state.pauses[""].reason.startswith("max_fills_per_minute: ")
    world.settle()
    assert world.live() == []


@pytest.mark.parametrize("word", [PauseAsked(at=0, reason="lunch"), CancelAllAsked(at=0)])
def test_nor_does_a_cool_off_end_a_pause_of_the_operator_that_came_first(word: Event) -> None:
    world = quoting(ladder(2), limits=limits(max_messages_per_minute=4, on_messages=OnBreach.PAUSE))
    want(world, ladder(2, centre=100_003))  # is more than may be sent, which the next step records

    world.tell(word)
    world.settle()
    world.wait(world.setup.limits.cooloff_ns)

    assert absence(world).startswith("paused: ")
    assert world.venue.resting() == []


# --- Message rate, and repeated execution --------------------------------------------------------------------------


def test_as_many_requests_as_may_be_in_a_minute_are_no_halt() -> None:
    world = quoting(ladder(2), limits=limits(max_messages_per_minute=44))

    runaway(world, 10)  # four a look, after the four of the start
    for _ in range(5):
        world.wait(60 * SECOND)
        runaway(world, 11)
    assert halts(world) == []

    runaway(world, 3)
    assert [halt.cause for halt in halts(world)] == [HaltCause.MESSAGE_RATE]


def test_a_burst_counts_for_a_minute_and_not_until_the_next_one_begins() -> None:
    throttle, state = Throttle(), State.load(one_strategy(Wishes(), limits=limits(max_messages_per_minute=30)), None)
    cancels = [CancelOrder(order_id="", venue_order_id="", instrument=KEY, deadline=0)] * 10

    for at_s in (0, 58, 59):
        throttle.sent(state, cancels, T0 + at_s * SECOND)
    throttle.sent(state, cancels, T0 + 60 * SECOND)
    assert not state.found, "the first ten were a minute ago"

    throttle.sent(state, cancels[:1], T0 + 61 * SECOND)
    assert [found.cause for found in state.found.values()] == [HaltCause.MESSAGE_RATE]


@pytest.mark.parametrize("on_breach", [OnBreach.PAUSE, OnBreach.REDUCE])
def test_too_many_requests_or_fills_are_a_pause_with_a_cool_off_if_that_is_wanted(on_breach: OnBreach) -> None:
    most = limits(max_messages_per_minute=20, max_fills_per_minute=5, on_messages=on_breach, on_fills=on_breach)
    talking, trading = (quoting(ladder(2, 100), limits=most) for _ in range(2))

    runaway(talking, 10)
    for fill in range(6):
        trading.venue.fill(trading.at_venue(trading.order(Side.BUY)), 1, trading.at + fill)
        trading.hear()

    for world in (talking, trading):
        world.settle()
        assert halts(world) == []
        assert world.state.pauses[""].reduces is (on_breach is OnBreach.REDUCE)
        if on_breach is OnBreach.PAUSE:
            assert world.venue.resting() == []
        world.wait(most.cooloff_ns)
        world.settle()
        assert world.state.pauses == {}
        assert len(world.venue.resting()) == 4, "and then everything is shown again"


def test_requests_are_counted_instrument_by_instrument() -> None:
    throttle, state = Throttle(), State.load(one_strategy(Wishes(), limits=limits(max_messages_per_minute=20)), None)
    cancels = [
        CancelOrder(order_id="", venue_order_id="", instrument=f"toy/{number}", deadline=0) for number in range(9)
    ]

    for _ in range(20):
        throttle.sent(state, cancels, T0)
    before = dict(state.found)
    throttle.sent(state, [cancels[7]], T0)

    reason = "max_messages_per_minute: more than 20 were sent about toy/7 in a minute"
    assert before == {}
    assert [found.reason for found in state.found.values()] == [reason]


def test_a_strategy_that_is_filled_again_and_again_is_a_halt() -> None:
    world = quoting(ladder(1, 100), limits=limits(max_fills_per_minute=5))

    for fill in range(6):
        world.venue.fill(world.at_venue(world.order(Side.BUY)), 1, world.at + fill)
        world.hear()

    reason = "max_fills_per_minute: strategy core was filled more than 5 times in a minute"
    assert_halted(world, HaltCause.REPEATED_EXECUTION, reason)


@pytest.mark.parametrize(("apart_s", "is_halted"), [(15, False), (1, True)])
def test_fills_that_are_told_at_once_count_as_of_when_they_happened(apart_s: int, is_halted: bool) -> None:
    world = quoting(ladder(1, 100), limits=limits(max_fills_per_minute=5))
    order_id = world.order(Side.BUY).order_id
    missed = tuple(
        filled(LINEAR, order_id, f"M{n}", Side.BUY, 99_990, 1, venue_time=world.at + n * apart_s * SECOND)
        for n in range(20)
    )

    world.tell(TradesReported(at=0, scope=KEY, fills=missed, has_more=False))

    assert bool(halts(world)) is is_halted


def test_fills_that_no_order_of_ours_explains_are_nobodys_repetition() -> None:
    world = quoting(ladder(1), limits=limits(max_fills_per_minute=2))

    for n in range(5):
        world.tell(filled(LINEAR, "", f"X{n}", Side.BUY, 99_990, 1, venue_time=world.at))

    assert halts(world) == []


# --- Position ----------------------------------------------------------------------------------------------------

TEN_LOTS = Decimal(100)  # ten lots at about 10,000


def over_the_limit(on_position: OnBreach) -> tuple[World, tuple[Command, ...]]:
    """Somebody else trades on the account, and brings its position far over the limit."""
    world = quoting(ladder(1), limits=limits(max_position_quote=2 * TEN_LOTS, on_position=on_position))
    assert len(world.live()) == 2
    return world, world.tell(filled(LINEAR, "", "X1", Side.BUY, 99_990, 50, venue_time=world.at))


def test_a_fill_far_beyond_the_position_limit_halts_where_it_should() -> None:
    world, _ = over_the_limit(OnBreach.HALT)

    reason = f"max_position_quote: filled up to 0.050 in {KEY}, and 0.02 is the limit"
    assert_halted(world, HaltCause.POSITION, reason)


@pytest.mark.parametrize("on_breach", [OnBreach.PAUSE, OnBreach.REDUCE])
def test_or_lasts_for_the_cool_off(on_breach: OnBreach) -> None:
    world, wishes = over_the_limit(on_breach)

    (pause,) = (wish for wish in wishes if isinstance(wish, Pause))
    assert pause.until == world.at + world.setup.limits.cooloff_ns
    assert pause.reduces is (on_breach is OnBreach.REDUCE)
    world.settle()
    assert {order.side for order in world.live()} == ({Side.SELL} if pause.reduces else set())


def test_reducing_shows_no_more_than_the_position_and_ends_when_there_is_none() -> None:
    world = quoting(ladder(1, 100), limits=limits(max_daily_loss_quote=Decimal(5), on_loss=OnBreach.REDUCE))
    order_id = world.order(Side.BUY).order_id
    world.tell(filled(LINEAR, order_id, "L1", Side.BUY, 104_000, 50, venue_time=world.at))
    assert world.state.pauses[""].reduces
    world.settle()
    want(world, ladder(3, 20))
    world.settle()

    assert world.shown() == {sell(0, 100_020, 20), sell(1, 100_030, 20), sell(2, 100_040, 10)}

    for _ in range(2):
        world.venue.fill(world.at_venue(world.order(Side.SELL)), 20, world.at)
        world.hear()
        world.settle()
    assert sum(quote.quantity for quote in world.shown()) == 10
    assert {quote.side for quote in world.shown()} == {Side.SELL}

    world.venue.fill(world.at_venue(world.live()[0]), 10, world.at)
    world.hear()
    world.settle()
    assert world.shown() == set()

    world.wait(world.setup.limits.cooloff_ns)
    world.settle()
    assert world.shown() == set(), "what was lost today is lost"
    world.tell(ResumeAsked(at=0))
    world.settle()
    assert {quote.side for quote in world.shown()} == {Side.BUY, Side.SELL}


@pytest.mark.parametrize("tolerance", [0.0, 0.05, 1.0])
def test_reducing_tolerates_no_lot_that_would_turn_the_position_round(tolerance: float) -> None:
    reducing = limits(max_daily_loss_quote=Decimal(5), on_loss=OnBreach.REDUCE)
    world = quoting(ladder(1, 100), limits=reducing, policy=policy(amount_tolerance=tolerance))
    order_id = world.order(Side.BUY).order_id

    world.tell(filled(LINEAR, order_id, "L1", Side.BUY, 102_000, 97, venue_time=world.at))
    world.settle()

    assert world.shown() == {sell(0, 100_020, 97)}


def test_what_makes_a_position_smaller_is_no_breach_however_large_it_is() -> None:
    world, _ = over_the_limit(OnBreach.PAUSE)
    world.tell(ResumeAsked(at=0))
    assert world.state.pauses == {}

    world.tell(filled(LINEAR, "", "X2", Side.SELL, 100_010, 1, venue_time=world.at))

    assert world.state.pauses == {}


def test_a_position_that_the_market_alone_makes_worth_more_is_no_breach() -> None:
    world = quoting(ladder(1), limits=limits(max_position_quote=2 * TEN_LOTS, price_collar_bps=5_000.0))
    world.tell(filled(LINEAR, "", "X1", Side.BUY, 99_990, 20, venue_time=world.at))

    world.venue.set_others(Side.SELL, 100_010, 0, world.at)
    world.venue.set_others(Side.SELL, 120_000, 5, world.at)
    world.venue.set_others(Side.BUY, 119_000, 5, world.at)
    world.hear()

    assert world.state.pauses == {}


# --- Late looks, and clocks ----------------------------------------------------------------------------------------


def lagging(world: World, lag_s: float) -> tuple[Command, ...]:
    return world.tell(LoopLagged(at=0, lag_ns=int(lag_s * SECOND)))


def test_after_a_late_look_quotes_are_canceled_first_and_come_back_with_the_next_word_of_the_market() -> None:
    world = quoting(ladder(2), limits=limits(max_loop_lag_ns=SECOND))

    lagging(world, 0.9)
    assert len(world.live()) == 4

    lagging(world, 1.1)
    assert absence(world) == "book: too old"
    world.arrive()
    assert world.venue.resting() == []
    world.venue.publish(Side.BUY, 99_990, world.at)
    world.settle()
    assert len(world.venue.resting()) == 4
    assert halts(world) == []


def test_late_looks_again_and_again_are_a_halt() -> None:
    world = quoting(ladder(2), limits=limits(max_loop_lag_ns=SECOND))

    for _ in range(10):
        world.wait(2 * SECOND)
        lagging(world, 1.5)

    reason = "max_loop_lag_ms: exceeded 10 times in a minute, lastly by 1.5 s"
    assert_halted(world, HaltCause.LOOP_LAG, reason)


def test_late_looks_now_and_then_are_none() -> None:
    world = quoting(ladder(2), limits=limits(max_loop_lag_ns=SECOND))

    for _ in range(30):
        world.wait(10 * SECOND)
        lagging(world, 1.5)

    assert halts(world) == []


def test_a_clock_that_is_too_far_from_ours_takes_everything_down_until_it_is_near_again() -> None:
    world = quoting(ladder(2), limits=limits(max_clock_offset_ns=SECOND))

    world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=-2 * SECOND))
    assert absence(world) == f"the clock of {VENUE} is too far from ours"
    world.settle()
    assert world.venue.resting() == []
    world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=-SECOND))
    world.settle()
    assert len(world.venue.resting()) == 4


def test_a_clock_that_stays_too_far_from_ours_is_a_halt() -> None:
    world = quoting(ladder(2), limits=limits(max_clock_offset_ns=SECOND))

    for _ in range(3):
        world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=61 * SECOND))

    assert_halted(world, HaltCause.CLOCK_SKEW, f"max_clock_offset_ms: the clock of {VENUE} is +61.0 s from ours")


# --- What the venue takes back -----------------------------------------------------------------------------------


def refused(world: World, reason: RejectReason) -> None:
    """The venue refuses all places that are under way."""
    for wish in list(world.outgoing):
        world.outgoing.remove(wish)
        if isinstance(wish, PlaceOrder):
            world.tell(OrderRejected(at=0, order_id=wish.order_id, reason=reason, message="said the venue"))


def test_a_key_that_is_revoked_in_the_middle_of_a_session_is_a_halt() -> None:
    world = quoting(ladder(1))

    world.tell(SessionLost(at=0, venue=VENUE, reason="refused the login: invalid_credentials", is_refusal=True))

    assert [(halt.cause, halt.reason) for halt in halts(world)] == [
        (HaltCause.KEY, "toy refused the login: invalid_credentials")
    ]
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()
    assert world.venue.resting() == []


@pytest.mark.parametrize("is_refusal", [False, True])
def test_no_other_end_of_a_session_is(is_refusal: bool) -> None:
    world = World(one_strategy(Wishes())) if is_refusal else quoting(ladder(1))

    world.tell(SessionLost(at=0, venue=VENUE, reason="closed", is_refusal=is_refusal))

    assert halts(world) == []


def test_orders_that_are_refused_because_we_may_not_trade_are_a_halt() -> None:
    world = quoting()

    want(world, ladder(3))
    refused(world, RejectReason.PERMISSION)

    assert_halted(world, HaltCause.KEY, "toy takes no order of ours any more: said the venue")


@pytest.mark.parametrize("asked", [Request.AMEND, Request.CANCEL])
def test_so_are_amends_and_cancels_that_are(asked: Request) -> None:
    """Where nothing is filled nothing is placed, and what rests could be neither moved nor taken off for ever."""
    world = quoting(ladder(1))
    refusal = RequestRejected(
        at=0, order_id=world.order(BUY).order_id, request=asked, reason=RejectReason.PERMISSION, message="forbidden"
    )

    for _ in range(4):
        world.tell(refusal)
    assert halts(world) == []
    world.tell(refusal)
    world.wait(SECOND)  # a cancel that was refused is not repeated at once

    assert_halted(world, HaltCause.KEY, "toy takes no order of ours any more: forbidden")


def test_those_that_are_refused_because_our_login_has_lapsed_are_none() -> None:
    world = quoting()

    want(world, ladder(5))
    refused(world, RejectReason.LOGIN)

    assert halts(world) == []


def test_what_the_venue_has_frozen_waits_for_the_operator() -> None:
    world = quoting()

    want(world, ladder(1))
    refused(world, RejectReason.FROZEN)

    assert absence(world).startswith("paused: toy has frozen our quotes: ")
    world.wait(600 * SECOND)
    assert not [wish for wish in world.outgoing if isinstance(wish, PlaceOrder)]
    world.tell(ResumeAsked(at=0))
    world.settle()
    assert len(world.live()) == 2
    assert halts(world) == []


# --- The journal -------------------------------------------------------------------------------------------------


def test_without_the_lease_of_the_account_nothing_is_shown_and_then_everything_again() -> None:
    world = quoting(ladder(2))

    world.tell(LeaseLost(at=0, reason="the lease of the account has run out: timed out"))
    assert absence(world) == "the lease of the account has run out: timed out"
    world.settle()
    assert world.venue.resting() == []
    assert halts(world) == []

    world.tell(LeaseHeld(at=0))
    world.settle()
    assert len(world.venue.resting()) == 4


def test_while_the_journal_cannot_be_written_nothing_is_shown_and_then_everything_again() -> None:
    world = quoting(ladder(2))

    world.tell(JournalBlocked(at=0, reason="the journal in j cannot be written: No space left on device"))
    assert absence(world) == "the journal in j cannot be written: No space left on device"
    world.settle()
    assert world.venue.resting() == []
    assert halts(world) == []

    world.tell(JournalFreed(at=0))
    world.settle()
    assert len(world.venue.resting()) == 4
