"""What ends an order, what does not, and what happens when it turns out that it had not ended."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec
import pytest

from replenisher.core.evidence import NOT_FOUND_TIMES, READ_LAG_NS
from replenisher.core.orders import Order
from replenisher.model.command import AmendOrder, AskOrder, AskTrades, CancelOrder, Command, PlaceOrder
from replenisher.model.event import (
    Event,
    OpenOrdersReported,
    OrderCanceled,
    OrderExpired,
    OrderNotFound,
    OrderReported,
    OrderWorking,
    RejectReason,
    RequestRejected,
    SessionLost,
    SessionOpened,
)
from replenisher.model.order import Request, Side, Status
from replenisher.model.units import MINUTE_NS
from tests.core.world import FORGETS, KEY, LINEAR, MS, SECOND, TIMEOUT, VENUE, World, buy, filled, quoting, want


def not_found(world: World, order: Order, reason: str = "") -> tuple[Command, ...]:
    """Behind every fence."""
    return world.tell(OrderNotFound(at=0, order_id=order.order_id, venue_time=world.at + MS, reason=reason))


def forget(world: World, order: Order, reason: str = "") -> list[Command]:
    """The venue does not know the order, as often and for as long as ends it."""
    world.wait(TIMEOUT + READ_LAG_NS)
    wishes: list[Command] = []
    for _ in range(NOT_FOUND_TIMES):
        world.outgoing.clear()
        wishes += not_found(world, order, reason)
        wishes += world.wait(FORGETS // 2 + SECOND // 10)
    return wishes


def working(world: World, order: Order, **other: object) -> OrderWorking:
    """The venue's word that it rests as we know it, as of now."""
    told: dict[str, object] = {"price": order.price, "quantity": order.quantity, "venue_time": world.at}
    return OrderWorking(at=0, order_id=order.order_id, venue_order_id="V1", **(told | other))


def cancels(wishes: Sequence[Command]) -> list[tuple[str, str]]:
    return [(wish.order_id, wish.venue_order_id) for wish in wishes if isinstance(wish, CancelOrder)]


def places(wishes: Sequence[Command]) -> list[Command]:
    return [wish for wish in wishes if isinstance(wish, PlaceOrder | AmendOrder)]


# --- Not found -----------------------------------------------------------------------------------------------------


def test_an_order_that_the_venue_forgets_for_a_while_stays_and_is_asked_for_again() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    world.wait(MINUTE_NS)
    world.outgoing.clear()

    wishes = [*not_found(world, resting), *world.wait(FORGETS)]
    assert (resting.status, places(wishes)) == (Status.WORKING, [])
    assert [type(question) for question in world.outgoing] == [AskTrades, AskOrder]
    world.settle()
    for _ in range(NOT_FOUND_TIMES - 1):  # it was found, so this is counted anew
        not_found(world, resting)
        world.wait(FORGETS)

    assert resting.status is Status.WORKING
    assert len(world.venue.resting()) == 1


@pytest.mark.parametrize("has_rested", [True, False])
def test_an_order_that_stays_unknown_to_the_venue_is_over(has_rested: bool) -> None:
    world = quoting([buy(0, 99_980)]) if has_rested else quoting()
    want(world, [buy(0, 99_980)])
    order = world.order(Side.BUY)

    wishes = forget(world, order)

    assert order.status is (Status.CANCELED if has_rested else Status.REJECTED)
    assert any(isinstance(wish, AskTrades) for wish in wishes) is has_rested
    assert world.order(Side.BUY).status is Status.PENDING, "the slot is free again"


def test_of_one_that_may_have_been_there_all_the_same_the_trades_are_asked_for_and_the_reason_is_kept() -> None:
    world = quoting()
    want(world, [buy(0, 99_980)])
    order = world.order(Side.BUY)

    wishes = forget(world, order, "nobody can say")

    assert (order.status, order.reason) == (Status.REJECTED, "nobody can say")
    assert any(isinstance(wish, AskTrades) for wish in wishes)


def test_what_a_forgotten_order_traded_is_booked_before_it_ends() -> None:
    world, order = traded_unheard(4)
    world.wait(TIMEOUT + READ_LAG_NS)
    world.outgoing.clear()

    wishes = not_found(world, order)
    assert any(isinstance(wish, AskTrades) for wish in wishes)
    world.arrive(*(wish for wish in wishes if isinstance(wish, AskTrades)))
    world.hear()

    assert (order.status, order.filled_lots) == (Status.WORKING, 4)


def test_three_answers_at_once_are_no_more_than_one() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    world.wait(MINUTE_NS)

    for _ in range(5):
        not_found(world, resting)

    assert resting.status is Status.WORKING


# --- Ended, and not booked yet -------------------------------------------------------------------------------------


def traded_unheard(lots: int) -> tuple[World, Order]:
    """An order has ended at the venue after it traded so much, and the stream told nothing of it."""
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    at_venue = world.at_venue(resting)
    world.venue.fill(at_venue, lots, world.at)
    if at_venue.remaining:
        at_venue.status = Status.CANCELED
    world.venue.private.clear()
    return world, resting


@pytest.mark.parametrize(("lots", "status"), [(10, Status.FILLED), (4, Status.CANCELED)])
def test_an_order_that_has_ended_counts_until_what_it_traded_is_booked(lots: int, status: Status) -> None:
    world, order = traded_unheard(lots)

    wishes = world.tell(told_when_asked(world, order))

    assert world.state.orders.load_on(KEY).buy_lots == 10, "its fills do not count yet, so it does"
    assert places(wishes) == []
    assert any(isinstance(wish, AskTrades) for wish in wishes)
    wishes = world.settle()
    assert world.state.account.inventory(KEY, "core") == LINEAR.amount(lots)

    wishes += world.wait(2 * SECOND)
    wishes += world.settle()

    assert (order.status, order.filled_lots) == (status, lots)
    assert [type(wish) for wish in places(wishes)] == [PlaceOrder], "its slot is free again"
    assert world.state.orders.load_on(KEY).buy_lots == 10, "its successor"


def canceled_after(world: World, order: Order, filled: Decimal | None) -> Event:
    return OrderCanceled(at=0, order_id=order.order_id, venue_time=world.at, reason="", filled=filled)


def expired_after(world: World, order: Order, filled: Decimal | None) -> Event:
    return OrderExpired(at=0, order_id=order.order_id, venue_time=world.at, reason="", filled=filled)


@pytest.mark.parametrize("tells", [canceled_after, expired_after])
def test_an_end_after_more_than_is_booked_is_asked_about_first(
    tells: Callable[[World, Order, Decimal | None], Event],
) -> None:
    world, order = traded_unheard(4)

    wishes = world.tell(tells(world, order, LINEAR.amount(4)))

    assert world.state.orders.load_on(KEY).buy_lots == 10, "it counts on"
    assert (order.status, places(wishes)) == (Status.WORKING, [])
    for _ in range(3):
        world.settle()
        world.wait(SECOND)
    assert (order.status, order.filled_lots) == (Status.CANCELED, 4)


@pytest.mark.parametrize("tells", [canceled_after, expired_after])
def test_an_end_after_what_is_booked_is_an_end(tells: Callable[[World, Order, Decimal | None], Event]) -> None:
    world = quoting([buy(0, 99_980)])
    order = world.order(Side.BUY)
    world.venue.fill(world.at_venue(order), 4, world.at)
    world.hear()

    world.tell(tells(world, order, LINEAR.amount(4)))

    assert order.status.is_terminal


def test_an_order_that_nobody_heard_of_is_asked_about_when_its_cancel_does_not_say_what_it_traded() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])
    world.arrive(place)
    unknown = world.order(Side.BUY)
    at_venue = world.at_venue(unknown)
    world.venue.fill(at_venue, 4, world.at)
    world.venue.private.clear()  # nobody hears of it
    world.wait(TIMEOUT)
    world.outgoing.clear()
    at_venue.status = Status.CANCELED

    wishes = world.tell(canceled_after(world, unknown, None))

    assert world.state.orders.load_on(KEY).buy_lots == 10, "it may have traded"
    assert places(wishes) == []
    for _ in range(3):
        world.settle()
        world.wait(SECOND)
    assert (unknown.status, unknown.filled_lots) == (Status.CANCELED, 4)


def test_an_order_whose_trades_the_venue_never_shows_ends_after_they_were_read() -> None:
    world, order = traded_unheard(10)
    world.venue.fills.clear()
    world.tell(told_when_asked(world, order))

    world.wait(2 * FORGETS)  # while no question is answered
    assert order.status is Status.WORKING

    for _ in range(10):
        world.settle()
        world.wait(SECOND)
    assert order.status is Status.FILLED


# --- It had not ended ----------------------------------------------------------------------------------------------


def told_by_stream(world: World, order: Order) -> Event:
    return working(world, order)


def told_by_list(world: World, order: Order) -> Event:
    report = world.venue.report(world.at_venue(order), world.at)
    return OpenOrdersReported(at=0, scope=KEY, asked_at=world.at + MS, orders=(report,))


def told_when_asked(world: World, order: Order) -> Event:
    report = world.venue.report(world.at_venue(order), world.at)
    return OrderReported(at=0, venue_time=world.at, order=report)


@pytest.mark.parametrize("tells", [told_by_stream, told_by_list, told_when_asked])
def test_a_word_that_an_ended_order_rests_is_never_ignored(tells: Callable[[World, Order], Event]) -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [])
    world.outgoing.clear()
    forget(world, resting)
    assert (resting.status, world.state.orders.open) == (Status.CANCELED, 0)

    wishes = [*world.tell(tells(world, resting)), *want(world, [buy(0, 99_980)])]

    assert cancels(wishes) == [(resting.order_id, "V1")]
    assert places(wishes) == [], "it holds its slot"
    assert world.state.orders.load_on(KEY).buy_lots == 10, "it counts"
    assert resting.status is Status.CANCELED

    world.settle()
    world.wait(2 * SECOND)
    world.settle()

    (successor,) = world.venue.resting()
    assert successor.order_id != resting.order_id
    assert world.state.orders.load_on(KEY).buy_lots == 10, "it alone"
    assert not world.state.orders.back


@pytest.mark.parametrize("left_out", ["price", "quantity"])
def test_what_an_answer_leaves_out_of_a_resting_order_is_as_it_was(left_out: str) -> None:
    # As ccxt tells of no price of what rests at Kraken Futures.
    world = quoting([buy(0, 99_980)])
    order = world.order(Side.BUY)
    world.tell(filled(LINEAR, order.order_id, "T1", Side.BUY, 99_980, 4, venue_time=world.at, venue_order_id="V1"))
    report = msgspec.structs.replace(world.venue.report(world.at_venue(order), world.at), **{left_out: 0})

    wishes = world.tell(OpenOrdersReported(at=0, scope=KEY, asked_at=world.at, orders=(report,)))

    assert (order.status, order.price, order.quantity) == (Status.WORKING, 99_980, 10)
    assert not wishes


def test_what_is_told_late_of_an_order_that_has_ended_is_no_news() -> None:
    world = quoting([buy(0, 99_980)])
    ended = world.order(Side.BUY)
    before = world.at
    want(world, [])
    world.settle()
    assert ended.status is Status.CANCELED

    late = [
        working(world, ended, venue_time=before, answers=Request.PLACE),
        OrderReported(
            at=0,
            venue_time=world.at,
            order=msgspec.structs.replace(
                world.venue.report(world.at_venue(ended), before), status=Status.WORKING, venue_time=before
            ),
        ),
    ]

    assert [wish for fact in late for wish in world.tell(fact)] == []
    assert not world.state.orders.back


def test_the_answer_to_a_place_that_comes_after_its_fill_is_no_news() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])
    order = world.order(Side.BUY)
    world.tell(filled(LINEAR, place.order_id, "T1", Side.BUY, 99_980, 10, venue_time=world.at, venue_order_id="V1"))

    world.tell(working(world, order, venue_time=world.at + SECOND, answers=Request.PLACE))

    assert order.status is Status.FILLED
    assert not world.state.orders.back


@pytest.mark.parametrize("later", [31 * SECOND, 10 * MINUTE_NS, 25 * 60 * MINUTE_NS])
def test_a_fill_told_long_after_the_end_is_booked_and_one_that_happened_after_it_ends_in_a_cancel(later: int) -> None:
    world = quoting([buy(0, 99_980)])
    ended = world.order(Side.BUY)
    want(world, [])
    world.settle()
    over = ended.ended_at
    world.wait(later)

    told_late = world.tell(filled(LINEAR, ended.order_id, "T1", Side.BUY, 99_980, 3, venue_time=over))
    assert cancels(told_late) == []
    happened_late = world.tell(
        filled(LINEAR, ended.order_id, "T2", Side.BUY, 99_980, 3, venue_time=world.at, venue_order_id="V1")
    )

    assert cancels(happened_late) == [(ended.order_id, "V1")]
    assert ended.filled_lots == 6
    assert world.state.account.inventory(KEY, "core") == LINEAR.amount(6)


def test_a_life_that_begins_finds_out_anew_what_rests() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [])
    forget(world, resting)
    world.tell(working(world, resting))
    assert world.state.orders.back

    later = world.reborn()
    later.open(epoch=2)
    later.wait(2 * SECOND)
    later.settle()

    assert later.venue.resting() == []
    assert not later.state.orders.back
    assert later.state.sync(VENUE).is_synced


# --- In doubt and not wanted ---------------------------------------------------------------------------------------


def test_a_place_without_an_answer_is_canceled_by_our_own_id_once_it_is_not_wanted() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])
    world.arrive(place)
    world.venue.private.clear()  # nobody hears of it
    unknown = world.order(Side.BUY)

    world.wait(TIMEOUT)
    assert unknown.status is Status.UNKNOWN
    world.outgoing.clear()  # and no question is answered

    wishes = want(world, [])
    world.settle()

    assert cancels(wishes) == [(unknown.order_id, "")]
    assert unknown.status is Status.CANCELED
    assert world.venue.resting() == []


def test_a_place_that_arrives_after_its_cancel_is_canceled_again() -> None:
    world = quoting()
    (place,) = want(world, [buy(0, 99_980)])
    world.wait(TIMEOUT - 2 * MS)
    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    world.tell(SessionOpened(at=0, venue=VENUE))
    want(world, [])
    world.outgoing.remove(place)
    world.settle()
    world.outgoing.append(place)
    world.arrive(place)
    world.venue.private.clear()

    for _ in range(10):
        world.settle()
        world.wait(SECOND)
    world.settle()

    assert world.venue.resting() == []
    assert world.live() == []


def test_an_amend_without_an_answer_counts_on_while_the_order_is_canceled() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [buy(0, 99_985, 25)])
    world.outgoing.clear()
    world.wait(TIMEOUT)
    world.outgoing.clear()

    wishes = want(world, [])
    assert cancels(wishes) == [(resting.order_id, "V1")]
    assert (resting.prices, resting.remaining_max) == ((99_980, 99_985), 25)
    assert world.state.orders.load_on(KEY).buy_lots == 25

    world.outgoing.clear()
    world.tell(
        RequestRejected(at=0, order_id=resting.order_id, request=Request.CANCEL, reason=RejectReason.RATE, message="")
    )
    assert (resting.prices, resting.remaining_max) == ((99_980, 99_985), 25), "still nobody knows"

    for _ in range(5):
        world.settle()
        world.wait(SECOND)
    assert resting.status is Status.CANCELED


# --- Amends that race ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_granted", [True, False])
def test_an_order_that_has_traded_its_old_size_is_not_full_while_a_larger_one_may_be_granted(is_granted: bool) -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [buy(0, 99_980, 15)])

    wishes = world.tell(filled(LINEAR, resting.order_id, "T1", Side.BUY, 99_980, 10, venue_time=world.at))
    assert (resting.status, resting.remaining_max, places(wishes)) == (Status.WORKING, 5, [])

    if is_granted:
        world.tell(working(world, resting, quantity=15, answers=Request.AMEND))
        assert (resting.status, resting.remaining) == (Status.WORKING, 5)
    else:
        refusal = RequestRejected(
            at=0, order_id=resting.order_id, request=Request.AMEND, reason=RejectReason.NOT_OPEN, message=""
        )
        wishes = world.tell(refusal)
        assert resting.status is Status.FILLED
        assert len(places(wishes)) == 1, "its slot was eaten, and is refilled"


def test_more_than_an_order_had_can_only_be_filled_by_an_amend_that_nobody_heard_of() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    want(world, [buy(0, 99_985, 25)])

    world.tell(filled(LINEAR, resting.order_id, "T1", Side.BUY, 99_985, 15, venue_time=world.at))

    assert (resting.price, resting.quantity, resting.remaining) == (99_985, 25, 10)
    assert resting.status is Status.WORKING


def test_an_old_word_that_says_what_an_amend_asks_for_is_not_its_grant() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    first_word = resting.venue_time
    want(world, [buy(0, 99_970)])
    world.settle()
    want(world, [buy(0, 99_980)])

    world.tell(working(world, resting, price=99_980, venue_time=first_word))

    assert resting.pending is not None, "the same frame as at first, once more"
    assert resting.prices == (99_970, 99_980)


def test_the_answer_to_an_amend_counts_although_the_venues_clock_has_stepped_back() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    newest = resting.venue_time
    want(world, [buy(0, 99_970)])

    world.tell(working(world, resting, price=99_970, venue_time=newest - 5 * MS, answers=Request.AMEND))

    assert (resting.price, resting.pending, resting.venue_time) == (99_970, None, newest)


def test_a_read_never_overwrites_a_newer_event() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    read = world.venue.report(world.at_venue(resting), resting.venue_time)
    want(world, [buy(0, 99_970)])
    world.settle()

    world.tell(OrderReported(at=0, venue_time=world.at, order=read))

    assert resting.price == 99_970


def test_an_end_does_not_depend_on_the_order_in_which_it_is_told() -> None:
    world = quoting([buy(0, 99_980)])
    resting = world.order(Side.BUY)
    over = world.at + SECOND
    facts = [
        OrderCanceled(at=0, order_id=resting.order_id, venue_time=over, reason=""),
        working(world, resting, quantity=8, venue_time=over - MS),
        filled(LINEAR, resting.order_id, "T1", Side.BUY, 99_980, 4, venue_time=over - MS),
    ]

    for fact in facts:
        world.tell(fact)

    assert (resting.status, resting.filled_lots) == (Status.CANCELED, 4)
    assert not world.state.orders.back
