"""An order's life: the table, what ends an order, and fills that arrive at any time."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise, product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.account import FILLS_REMEMBERED_MAX, FORGOTTEN_AT_ONCE, Account, fill_key
from replenisher.core.evidence import READ_LAG_NS
from replenisher.core.orders import ENDED_REMEMBERED_MAX, Orders
from replenisher.model.command import AmendOrder, AskOrder, AskTrades, CancelOrder, Intent, PlaceOrder
from replenisher.model.event import (
    ClockOffset,
    Event,
    FeedLost,
    InstrumentStateChanged,
    LinkAlive,
    NotSent,
    OrderCanceled,
    OrderExpired,
    OrderNotFound,
    OrderRejected,
    OrderReport,
    OrderReported,
    OrderWorking,
    OutcomeUnknown,
    PauseAsked,
    RejectReason,
    RequestRejected,
    SessionLost,
    SessionOpened,
)
from replenisher.model.order import EXTERNAL, LIFECYCLE, TERMINAL, Liquidity, Request, Side, Status, Transition
from tests.core.test_reconcile import order
from tests.core.world import (
    INVERSE,
    KEY,
    LINEAR,
    MS,
    SECOND,
    T0,
    TIMEOUT,
    VENUE,
    World,
    buy,
    filled,
    ladder,
    limits,
    quoting,
    sell,
    want,
)

# --- The table -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "transition"), list(product(Status, Transition)))
def test_the_table_knows_every_fact_in_every_state(status: Status, transition: Transition) -> None:
    after = LIFECYCLE[status][transition]

    if status in TERMINAL:
        late_but_all_of_it = transition is Transition.FULLY_FILLED
        assert after is (Status.FILLED if late_but_all_of_it else status)
    if transition is Transition.TIMED_OUT:
        assert not after.is_terminal or status.is_terminal, "silence ends nothing"


def test_an_order_that_has_ended_waits_for_nothing() -> None:
    world = quoting([buy(0, 99_980)])
    want(world, [buy(0, 99_970)])
    amended = world.order(Side.BUY)

    world.tell(OrderCanceled(at=0, order_id=amended.order_id, venue_time=world.at, reason="by hand"))

    assert amended.status is Status.CANCELED
    assert amended.pending is None
    assert amended.reason == "by hand"


def test_an_order_that_the_venue_ends_by_its_own_rule_is_replaced() -> None:
    world = quoting([buy(0, 99_980)])
    expired = world.order(Side.BUY)

    (place,) = world.tell(OrderExpired(at=0, order_id=expired.order_id, venue_time=world.at, reason="end of day"))

    assert expired.status is Status.EXPIRED
    assert isinstance(place, PlaceOrder)
    assert place.order_id != expired.order_id


# --- A place that is not answered ----------------------------------------------------------------------------------


def unanswered() -> World:
    """A place that never reached the venue, and whose deadline has passed."""
    world = quoting()
    want(world, [buy(0, 99_980)])
    world.outgoing.clear()
    world.wait(TIMEOUT)
    return world


def test_a_missed_place_is_unknown_counts_fully_blocks_its_slot_and_is_never_repeated() -> None:
    world = unanswered()
    unknown = world.order(Side.BUY)

    wishes = want(world, [buy(0, 99_950)])

    assert unknown.status is Status.UNKNOWN
    assert unknown.remaining_max == 10
    assert [(type(wish), wish.venue_order_id) for wish in wishes] == [(CancelOrder, "")], (
        "where it may rest, it is unwanted"
    )
    question, _ = world.outgoing
    assert isinstance(question, AskOrder)
    assert (question.order_id, question.placed_at) == (unknown.order_id, unknown.created_at)


def test_not_found_before_its_deadline_has_passed_at_the_venue_is_no_evidence() -> None:
    world = unanswered()
    unknown = world.order(Side.BUY)
    fence = unknown.valid_until + READ_LAG_NS

    world.outgoing.clear()
    world.tell(OrderNotFound(at=0, order_id=unknown.order_id, venue_time=fence))
    again = world.wait(2 * SECOND)

    assert unknown.status is Status.UNKNOWN
    assert [type(wish) for wish in again] == [AskOrder]


def test_a_clock_offset_moves_the_fence() -> None:
    world = unanswered()
    unknown = world.order(Side.BUY)
    fence = unknown.valid_until + READ_LAG_NS

    world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=5 * SECOND))
    world.tell(OrderNotFound(at=0, order_id=unknown.order_id, venue_time=fence + 5 * SECOND))

    assert unknown.status is Status.UNKNOWN


def test_an_unknown_order_that_turns_out_to_rest_is_quoted_on_from() -> None:
    world = unanswered()
    unknown = world.order(Side.BUY)
    working = OrderWorking(
        at=0, order_id=unknown.order_id, venue_order_id="V9", venue_time=world.at, price=99_980, quantity=10
    )

    world.tell(working)

    assert unknown.status is Status.WORKING
    assert want(world, [buy(0, 99_980)]) == ()


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_an_unknown_order_ends_by_the_venues_word(status: Status) -> None:
    world = unanswered()
    unknown = world.order(Side.BUY)
    world.venue.take(
        PlaceOrder(
            order_id=unknown.order_id,
            instrument=KEY,
            strategy="core",
            side=Side.BUY,
            level=0,
            price=99_980,
            quantity=10,
            intent=Intent.QUOTE,
            valid_until=world.at,
            deadline=0,
        ),
        world.at,
    )
    resting = world.at_venue(unknown)
    resting.status = status

    world.tell(OrderReported(at=0, venue_time=world.at, order=world.venue.report(resting, world.at)))

    assert unknown.status is status


def test_an_order_that_ended_with_fills_we_miss_counts_until_they_are_booked() -> None:
    world = unanswered()
    unknown = world.order(Side.BUY)
    report = OrderReport(
        order_id=unknown.order_id,
        venue_order_id="V9",
        instrument=KEY,
        side=Side.BUY,
        price=unknown.price,
        quantity=unknown.quantity,
        filled=INVERSE.amount(unknown.quantity),
        status=Status.FILLED,
        venue_time=world.at,
    )

    world.outgoing.clear()
    world.tell(OrderReported(at=0, venue_time=world.at, order=report))

    assert unknown.remaining_max == unknown.quantity
    assert not unknown.status.is_terminal
    assert any(isinstance(question, AskTrades) for question in world.outgoing)
    assert not any(isinstance(wish, PlaceOrder) for wish in world.outgoing), "its slot is not free"

    price, lots = unknown.price, unknown.quantity
    world.tell(filled(INVERSE, unknown.order_id, "7", Side.BUY, price, lots, venue_time=world.at))

    assert unknown.status is Status.FILLED


def test_an_order_that_we_believed_refused_and_that_rests_after_all_is_canceled() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])
    world.tell(OrderRejected(at=0, order_id=place.order_id, reason=RejectReason.FUNDS, message=""))
    world.arrive(place)

    (cancel,) = world.hear()
    world.arrive(cancel)
    world.hear()
    world.wait(2 * SECOND)
    world.settle()

    assert isinstance(cancel, CancelOrder)
    assert cancel.order_id == place.order_id
    assert all(resting.order_id != place.order_id for resting in world.venue.resting())
    assert world.state.strays == {}


def test_an_outcome_that_the_venue_does_not_know_is_unknown_at_once() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])

    wishes = world.tell(OutcomeUnknown(at=0, order_id=place.order_id, request=Request.PLACE, message="overload"))

    assert world.order(Side.BUY).status is Status.UNKNOWN
    assert [type(wish) for wish in wishes] == [AskOrder]


def test_an_outcome_of_a_request_that_is_settled_changes_nothing() -> None:
    world = quoting([buy(0, 99_980)])
    want(world, [])

    world.tell(OutcomeUnknown(at=0, order_id=world.order(Side.BUY).order_id, request=Request.PLACE, message="overload"))

    assert world.order(Side.BUY).is_canceling


def test_what_never_left_us_is_over_and_may_be_asked_again() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])
    world.outgoing.clear()

    (again,) = world.tell(NotSent(at=0, order_id=place.order_id, request=Request.PLACE))

    assert isinstance(again, PlaceOrder)
    assert again.order_id != place.order_id
    assert world.state.orders.by_id[place.order_id].status is Status.REJECTED


def test_an_amend_that_never_left_us_keeps_no_cancel_waiting() -> None:
    world = quoting([buy(0, 99_980)])
    (amend,) = want(world, [buy(0, 99_985)])
    world.outgoing.clear()

    not_sent = NotSent(at=0, order_id=amend.order_id, request=Request.AMEND)
    wishes = world.tell(not_sent, PauseAsked(at=0, reason="nothing is wanted"))

    assert [type(wish) for wish in wishes] == [CancelOrder]


# --- A cancel that is not answered ---------------------------------------------------------------------------------


def test_a_missed_cancel_leaves_the_order_live_and_is_repeated_with_backoff() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [])
    world.outgoing.clear()

    sent = []
    for _ in range(40):
        sent += [world.at for wish in world.wait(500 * MS) if isinstance(wish, CancelOrder)]

    pauses = [later - before for before, later in pairwise(sent)]
    assert not resting.status.is_terminal
    assert len(sent) >= 4
    assert pauses == sorted(pauses)
    assert min(pauses) >= TIMEOUT, "each has its own deadline first"


def test_a_refused_cancel_is_followed_by_a_question_and_the_venues_word_decides() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    world.at_venue(resting).status = Status.CANCELED  # Behind our back.
    (cancel,) = want(world, [])

    world.arrive(cancel)
    (question,) = world.hear()
    assert not resting.status.is_terminal, "not open may be filled, canceled or replaced"
    world.arrive(question)
    world.hear()

    assert isinstance(question, AskOrder)
    assert resting.status is Status.CANCELED


def test_where_nothing_trades_cancels_are_repeated_ever_less_and_at_once_when_it_does_again() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    refused = RequestRejected(
        at=0, order_id=resting.order_id, request=Request.CANCEL, reason=RejectReason.HALTED, message="11051"
    )

    said = list(world.tell(InstrumentStateChanged(at=0, instrument=KEY, is_open=False, reason="maintenance")))
    cancels = 0
    for _ in range(120):
        if any(isinstance(wish, CancelOrder) for wish in said):
            cancels += 1
            world.tell(refused)
        said = world.wait(SECOND)
    world.tell(PauseAsked(at=0, reason="nothing is wanted"))
    opened = world.tell(InstrumentStateChanged(at=0, instrument=KEY, is_open=True, reason="open"))

    assert not resting.status.is_terminal
    assert 5 <= cancels <= 9
    assert [type(wish) for wish in opened if isinstance(wish, CancelOrder)] == [CancelOrder]


@pytest.mark.parametrize(
    "bad_news",
    [[FeedLost(at=0, instrument=KEY, reason="the connection is lost")], []],
    ids=["the feed is lost", "the link falls silent"],
)
def test_whoever_would_not_hear_that_something_trades_again_goes_on_to_cancel(bad_news: list[Event]) -> None:
    world = quoting([buy(0, 99_980)], limits=limits(max_data_age_ns=2 * SECOND))
    refused = RequestRejected(
        at=0, order_id=world.order(Side.BUY).order_id, request=Request.CANCEL, reason=RejectReason.HALTED, message=""
    )

    def cancels_in(seconds: int, first: list[Event], each: list[Event]) -> list[float]:
        """After how many seconds it was tried to cancel it, always in vain."""
        tried, began = [], world.at
        news = first
        while world.at < began + seconds * SECOND:
            wishes = [*world.wait(SECOND // 10), *(world.tell(*news) if news else ())]
            if any(isinstance(wish, CancelOrder) for wish in wishes):
                tried.append((world.at - began) / SECOND)
                world.tell(refused)
            news = each
        return tried

    closed, alive = (
        InstrumentStateChanged(at=0, instrument=KEY, is_open=False, reason="halted"),
        [LinkAlive(at=0, venue=VENUE)],
    )
    told = cancels_in(60, [closed], alive)
    untold = cancels_in(30, bad_news, [])

    assert 5 <= len(told) <= 9
    assert untold[0] < 2.3
    assert max(after - before for before, after in pairwise(untold)) < 2.3


def test_a_cancel_that_never_left_us_is_tried_again_soon() -> None:
    world = quoting([buy(0, 99_980)])
    (cancel,) = want(world, [])
    world.outgoing.clear()

    at_once = world.tell(NotSent(at=0, order_id=cancel.order_id, request=Request.CANCEL))
    later = world.wait(SECOND)

    assert at_once == ()
    assert [type(wish) for wish in later] == [CancelOrder]


# --- An amend that is not answered ---------------------------------------------------------------------------------


def test_a_missed_amend_counts_the_worse_price_and_size_until_the_venue_has_said_which() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [buy(0, 99_985, 25)])
    world.outgoing.clear()
    world.wait(TIMEOUT)

    assert resting.status is Status.WORKING
    assert resting.remaining_max == 25
    assert resting.prices == (99_980, 99_985)
    (question,) = world.outgoing
    assert isinstance(question, AskOrder)

    world.arrive(question)
    too_early = world.hear()
    wishes = [*world.wait(2 * SECOND), *world.settle()]

    assert too_early == (), "what the venue shows at the deadline may be older than a request it just granted"
    assert any(isinstance(wish, AmendOrder) for wish in wishes), "it never arrived: asked for anew"


def test_an_amend_that_may_still_arrive_counts_until_the_venue_would_refuse_it() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    (amend,) = want(world, [buy(0, 99_985, 25)])
    (question,) = world.tell(OutcomeUnknown(at=0, order_id=resting.order_id, request=Request.AMEND, message="overload"))

    world.arrive(question)
    world.hear()
    assert resting.remaining_max == 25, "it rests as before, but the amend may be on its way"
    world.arrive(amend)
    world.hear()

    assert (resting.price, resting.quantity, resting.pending) == (99_985, 25, None)


def test_an_amend_that_never_arrived_is_over_when_the_venue_would_refuse_it() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [buy(0, 99_980, 25)])
    world.tell(OutcomeUnknown(at=0, order_id=resting.order_id, request=Request.AMEND, message="overload"))
    world.outgoing[:] = [command for command in world.outgoing if isinstance(command, AskOrder)]

    world.settle()
    assert resting.remaining_max == 25
    wishes = [*world.wait(TIMEOUT + 2 * SECOND), *world.settle()]

    assert any(isinstance(wish, AmendOrder) for wish in wishes), "asked for anew"
    assert world.shown() == {buy(0, 99_980, 25)}


@pytest.mark.parametrize("lots", [4, 25])
def test_an_amend_in_flight_counts_the_larger_of_two_sizes(lots: int) -> None:
    world = quoting([buy(0, 99_980)])

    want(world, [buy(0, 99_980, lots)])

    assert world.order(Side.BUY).remaining_max == max(10, lots)
    assert world.order(Side.BUY).prices == (99_980,)


def test_the_answer_to_the_place_does_not_undo_a_later_amend() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [buy(0, 99_970)])
    world.settle()

    world.tell(
        OrderWorking(
            at=0,
            order_id=resting.order_id,
            venue_order_id="V1",
            venue_time=world.at,
            price=99_980,
            quantity=10,
            answers=Request.PLACE,
        )
    )
    world.tell(OrderWorking(at=0, order_id=resting.order_id, venue_order_id="V1", venue_time=T0, price=1, quantity=1))

    assert resting.price == 99_970


@pytest.mark.parametrize("lots", [[16, 17], [5, 10, 5]], ids=["which asks for more", "which asks for the same"])
def test_a_late_answer_to_an_amend_before_says_nothing_of_the_one_under_way(lots: list[int]) -> None:
    """The stream was faster, so that the next amend had left by then: its size was taken back, and so its fill."""
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [buy(0, 99_980, lots[0])])
    (first,) = (wish for wish in world.outgoing if isinstance(wish, AmendOrder))
    for more in lots[1:]:
        world.settle()
        want(world, [buy(0, 99_980, more)])
    before = resting.quantity
    late = OrderWorking(
        at=0,
        order_id=resting.order_id,
        venue_order_id=resting.venue_order_id,
        venue_time=resting.venue_time - 1,
        price=99_980,
        quantity=lots[0],
        answers=Request.AMEND,
        valid_until=first.valid_until,
    )

    world.tell(late)

    assert resting.quantity == before
    assert resting.pending is not None and resting.pending.quantity == lots[-1]


def test_a_refused_amend_leaves_the_order_as_it_is_and_is_not_repeated_at_once() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [buy(0, 99_970)])
    world.outgoing.clear()

    wishes = world.tell(
        RequestRejected(
            at=0, order_id=resting.order_id, request=Request.AMEND, reason=RejectReason.PRICE, message="too low"
        )
    )

    assert resting.status is Status.WORKING
    assert resting.price == 99_980
    assert "too low" in resting.reason
    assert not any(isinstance(wish, AmendOrder) for wish in wishes)


def test_a_refusal_of_a_request_about_an_order_that_has_ended_is_no_news() -> None:
    world = quoting([buy(0, 99_980)])
    ended = world.order(Side.BUY)
    world.tell(OrderCanceled(at=0, order_id=ended.order_id, venue_time=world.at, reason="gone"))

    world.tell(
        RequestRejected(at=0, order_id=ended.order_id, request=Request.CANCEL, reason=RejectReason.NOT_OPEN, message="")
    )
    world.tell(OrderRejected(at=0, order_id=ended.order_id, reason=RejectReason.OTHER, message=""))
    world.tell(OrderReported(at=0, venue_time=world.at, order=world.venue.report(world.at_venue(ended), world.at)))
    world.tell(OrderNotFound(at=0, order_id=ended.order_id, venue_time=world.at))

    assert ended.status is Status.CANCELED
    assert ended.reason == "gone"


# --- The connection ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_executed", [True, False])
def test_a_place_under_way_when_the_session_is_lost_is_found_out_about_in_the_next_one(is_executed: bool) -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])
    if is_executed:
        world.arrive(place)
    world.outgoing.clear()
    world.venue.private.clear()

    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    assert world.order(Side.BUY).status is Status.UNKNOWN
    world.tell(SessionOpened(at=0, venue=VENUE))
    for _ in range(10):
        world.settle()
        world.wait(SECOND)
    world.settle()

    assert len(world.venue.resting()) == 1
    assert world.shown() == {buy(0, 99_980)}


# --- Fills ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
def test_a_fill_is_booked_in_every_state(status: Status) -> None:
    world = quoting([buy(0, 99_980), sell(0, 100_020)])
    resting = world.order(Side.BUY)
    resting.status = status
    world.state.orders.file(resting)

    world.tell(filled(LINEAR, resting.order_id, "T1", Side.BUY, 99_980, 4, venue_time=world.at))

    assert world.state.account.position(KEY).size == Decimal("0.004")
    assert world.state.account.inventory(KEY, "core") == Decimal("0.004")
    assert resting.filled == Decimal("0.004")
    assert resting.status is (status if status.is_terminal else Status.WORKING)


@pytest.mark.parametrize("status", [Status.CANCELED, Status.EXPIRED, Status.REJECTED])
def test_late_but_all_of_it_is_filled(status: Status) -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    resting.status = status
    world.state.orders.file(resting)

    world.tell(filled(LINEAR, resting.order_id, "T1", Side.BUY, 99_980, 10, venue_time=world.at))

    assert resting.status is Status.FILLED
    assert not world.state.slots.of(("core", KEY, Side.BUY, 0)).was_eaten, "its slot was given to another one long ago"


def test_a_fill_that_overtakes_the_acceptance_is_an_acceptance() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])

    world.tell(filled(LINEAR, place.order_id, "T1", Side.BUY, 99_980, 4, venue_time=world.at, venue_order_id="V7"))

    resting = world.order(Side.BUY)
    assert resting.status is Status.WORKING
    assert resting.pending is None
    assert resting.venue_order_id == "V7"
    assert resting.remaining == 6


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["tst000001000001", "tst000001000002", "", "by-hand"]),
            st.sampled_from(Side),
            st.integers(99_000, 101_000),
            st.integers(1, 30),
            st.integers(1, 3),
        ),
        max_size=12,
    ),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_a_fill_is_booked_exactly_once_however_often_it_is_told(
    fills: list[tuple[str, Side, int, int, int]], is_inverse: bool, shuffled: object
) -> None:
    instrument = INVERSE if is_inverse else LINEAR
    world = quoting(ladder(1), instrument)
    told = [
        (filled(instrument, order_id, f"T{n}", side, price, lots, venue_time=T0 + n), times)
        for n, (order_id, side, price, lots, times) in enumerate(fills)
    ]
    messages = [fill for fill, times in told for _ in range(times)]
    shuffled.shuffle(messages)

    for fill in messages:
        world.tell(fill)

    account = world.state.account
    total = sum((fill.amount * fill.side.sign for fill, _ in told), Decimal(0))
    foreign = {"", "by-hand"}
    ours = sum((fill.amount * fill.side.sign for fill, _ in told if fill.order_id not in foreign), Decimal(0))
    assert account.position(KEY).size == total
    assert account.inventory(KEY, "core") == ours
    assert account.inventory(KEY, EXTERNAL) == total - ours


def test_a_trade_id_counts_once_a_side() -> None:
    world = quoting()
    both = [filled(LINEAR, "", "T1", side, 100_000, 5, venue_time=T0) for side in Side]

    world.tell(*both)

    assert world.state.account.position(KEY).size == 0
    assert len(world.state.account.remembered) == 2


def test_fills_are_remembered_for_long_and_not_for_ever() -> None:
    account = Account()
    fills = [
        filled(LINEAR, "", f"T{n}", Side.BUY, 100_000, 1, venue_time=n) for n in range(2 * FILLS_REMEMBERED_MAX + 1)
    ]

    for fill in fills:
        account.book(fill, LINEAR, EXTERNAL)

        assert len(account.remembered) <= FILLS_REMEMBERED_MAX
    kept = FILLS_REMEMBERED_MAX - FORGOTTEN_AT_ONCE
    assert all(fill_key(fill) in account.remembered for fill in fills[-kept:])
    assert not any(fill_key(fill) in account.remembered for fill in fills[:FILLS_REMEMBERED_MAX])


def test_ended_orders_are_remembered_for_long_and_not_for_ever() -> None:
    orders = Orders()
    for n in range(ENDED_REMEMBERED_MAX + 1):
        ended = order(0, 100_000, order_id=f"order{n}", status=Status.CANCELED)
        orders.add(ended)

    assert orders.get("order0") is None
    assert orders.get("order1") is not None
    assert len(orders.changed()) == ENDED_REMEMBERED_MAX


def test_orders_that_are_read_back_are_forgotten_as_those_that_were_not() -> None:
    orders = Orders()
    older, newer = (order(level, 100_000, order_id=name) for level, name in enumerate(("older", "newer")))
    for each in (older, newer):
        orders.add(each)
    for each in (newer, older):
        each.move(Transition.CANCELED, 1)
        orders.file(each)

    read_back = Orders.load(orders.dump())

    assert list(read_back.ended) == list(orders.ended) == ["newer", "older"]


def test_a_fee_in_another_currency_is_paid_from_there() -> None:
    account = Account()
    account.set_balance(VENUE, "USDT", Decimal(100))
    account.set_balance(VENUE, "BNB", Decimal(1))
    fill = filled(LINEAR, "", "T1", Side.BUY, 100_000, 1, venue_time=0)
    in_bnb = msgspec.structs.replace(fill, fee=Decimal("0.01"), fee_currency="BNB", liquidity=Liquidity.TAKER)

    account.book(in_bnb, LINEAR, EXTERNAL)

    assert account.balance(VENUE, "BNB") == Decimal("0.99")
    assert account.balance(VENUE, "USDT") == Decimal(100)
    assert account.position(KEY).fees == 0


def test_an_order_of_a_strategy_that_is_configured_no_longer_is_taken_off() -> None:
    world = quoting([buy(0, 99_980)])
    old = replace(world.setup.strategies[0], id="renamed")

    later = world.reborn(replace(world.setup, strategies=(old,)))
    later.open(epoch=2)

    assert [order.strategy for order in later.live()] == ["renamed"]
    assert len(later.venue.resting()) == 1
