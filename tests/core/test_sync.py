"""Sync: before the first quote of every session our books are in line with the venue's."""

from decimal import Decimal

import msgspec
import pytest

from replenisher.core.comparison import READS
from replenisher.core.sync import RETRY_NS, Stage
from replenisher.core.topic import Topic
from replenisher.model.command import (
    AskBalance,
    AskOpenOrders,
    AskPosition,
    AskTrades,
    CancelOrder,
    PlaceOrder,
    Question,
)
from replenisher.model.event import (
    BalanceReported,
    InstrumentDefined,
    OpenOrdersReported,
    PositionReported,
    QuestionFailed,
    SessionLost,
    SessionOpened,
    Started,
    TradesReported,
)
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import Side
from tests.core.world import (
    KEY,
    LINEAR,
    MS,
    SECOND,
    VENUE,
    Resting,
    Wishes,
    World,
    filled,
    ladder,
    one_strategy,
    quoting,
    wishes_of,
)


def begun(instrument: Instrument = LINEAR) -> World:
    """A life that knows its instrument and book, before its session opens."""
    world = World(one_strategy(Wishes(ladder(1))), instrument)
    world.tell(Started(at=0, epoch=1, namespace="tst", config_version="1", accounts={VENUE: "a"}))
    world.tell(InstrumentDefined(at=0, instrument=instrument))
    world.tell(world.venue.snapshot(world.at))
    return world


def test_nothing_is_quoted_before_the_venue_has_answered_everything() -> None:
    world = begun()

    asked = [world.tell(SessionOpened(at=0, venue=VENUE))]
    for _ in range(2 + READS):
        assert not any(isinstance(command, PlaceOrder) for command in asked[-1])
        world.arrive()
        asked.append(world.hear())

    orders, holdings = [type(question) for question in asked[0]], [type(question) for question in asked[1]]
    assert orders == [AskOpenOrders, AskTrades]
    assert holdings == [AskTrades]
    assert [type(question) for question in asked[2]] == [AskPosition, AskBalance]
    assert [type(question) for question in asked[3]] == [AskPosition]  # it was never compared before
    assert [type(command) for command in asked[2 + READS]] == [PlaceOrder, PlaceOrder]


def test_what_rests_from_an_earlier_life_is_canceled_before_anything_is_shown() -> None:
    world = quoting(ladder(2))

    later = world.reborn()
    wishes = [*later.open(epoch=2), *later.wait(SECOND), *later.settle()]

    kinds = [type(wish) for wish in wishes if isinstance(wish, CancelOrder | PlaceOrder)]
    assert kinds == [CancelOrder] * 4 + [PlaceOrder] * 4
    assert later.shown() == set(ladder(2))
    assert all(order.order_id.startswith("tst000002") for order in later.live())


def test_an_order_with_our_name_that_the_journal_does_not_know_is_canceled_and_never_adopted() -> None:
    world = begun()
    world.venue.orders["V1"] = Resting("tst000009000001", "V1", Side.BUY, 99_900, 10)

    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()
    world.wait(2 * SECOND)
    world.settle()

    assert world.venue.orders["V1"].remaining == 0
    assert world.state.orders.get("tst000009000001") is None
    assert world.state.syncs[VENUE].stage is Stage.SYNCED
    assert world.shown() == set(ladder(1))


def test_a_stray_whose_cancel_is_lost_is_canceled_again_at_the_next_report() -> None:
    world = begun()
    world.venue.orders["V1"] = Resting("tst000009000001", "V1", Side.BUY, 99_900, 10)
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.arrive()
    world.hear()

    lost = [command for command in world.outgoing if isinstance(command, CancelOrder)]
    world.outgoing.clear()
    world.wait(2 * SECOND)
    world.settle()
    world.wait(2 * SECOND)
    world.settle()

    assert [command.venue_order_id for command in lost] == ["V1"]
    assert world.venue.orders["V1"].remaining == 0
    assert world.shown() == set(ladder(1))


def test_orders_of_others_in_the_account_are_left_alone() -> None:
    world = begun()
    world.venue.orders["V1"] = Resting("by-hand", "V1", Side.BUY, 99_900, 10)
    world.venue.orders["V2"] = Resting("", "V2", Side.SELL, 100_100, 10)

    world.tell(SessionOpened(at=0, venue=VENUE))
    wishes = world.settle()

    assert not any(isinstance(wish, CancelOrder) for wish in wishes)
    assert world.state.syncs[VENUE].stage is Stage.SYNCED
    assert {order.order_id for order in world.venue.resting()} >= {"by-hand", ""}


def test_of_a_spot_pair_no_position_is_asked_for_but_both_of_its_coins() -> None:
    world = begun(msgspec.structs.replace(LINEAR, kind=Kind.SPOT))

    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()

    asked = [command for step in world.steps for command in step.commands]

    assert not any(isinstance(command, AskPosition) for command in asked)
    coins = {command.currency for command in asked if isinstance(command, AskBalance)}
    assert coins == {LINEAR.base_currency, LINEAR.settlement_currency}
    assert world.state.syncs[VENUE].stage is Stage.SYNCED


def test_the_position_is_compared_only_when_the_trades_before_it_are_read() -> None:
    world = quoting(ladder(1))
    resting = world.at_venue(world.order(Side.BUY))
    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    world.outgoing.clear()
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.arrive(*[command for command in world.outgoing if isinstance(command, Question)])
    world.hear()

    world.venue.fill(resting, 4, world.at)
    world.venue.private.clear()  # Nobody tells us of it before the cancel is confirmed.
    while world.state.syncs[VENUE].stage is not Stage.SYNCED:
        world.arrive()
        world.venue.private.reverse()  # The venue answers in any order.
        world.hear()

    assert world.state.pauses == {}
    assert world.state.account.position(KEY).size == Decimal("0.004")


def test_news_does_not_hide_older_trades_that_were_not_read_yet() -> None:
    world = quoting(ladder(1))
    bid, offer = world.at_venue(world.order(Side.BUY)), world.at_venue(world.order(Side.SELL))
    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    world.outgoing.clear()
    world.venue.fill(bid, 3, world.at)
    world.venue.private.clear()  # It happened while nobody listened.

    world.wait(10 * SECOND)
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.outgoing.clear()  # The questions get lost.
    world.venue.fill(offer, 5, world.at)
    world.hear()
    world.wait(10 * SECOND)
    world.settle()

    assert world.state.pauses == {}
    assert world.state.account.position(KEY).size == Decimal("-0.002")


def test_trades_are_read_page_by_page() -> None:
    world = begun()
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.outgoing.clear()
    page = [filled(LINEAR, "", f"X{n}", Side.BUY, 100_000, 1, venue_time=world.at + n * SECOND) for n in range(4)]

    first = world.tell(TradesReported(at=0, scope=KEY, fills=tuple(page[:2]), has_more=True))
    world.tell(TradesReported(at=0, scope=KEY, fills=tuple(page[1:]), has_more=False))

    (again,) = first
    assert isinstance(again, AskTrades)
    assert again.since == page[1].venue_time - SECOND
    assert world.state.account.position(KEY).size == Decimal("0.004")


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_question_without_an_answer_is_asked_again(is_refused: bool) -> None:
    world = begun()
    first = world.tell(SessionOpened(at=0, venue=VENUE))
    world.outgoing.clear()

    if is_refused:
        for question in ("AskOpenOrders", "AskTrades"):
            world.tell(QuestionFailed(at=0, venue=VENUE, question=question, subject=KEY, message="busy"))
        again = world.wait(RETRY_NS)
    else:
        again = world.wait(2 * SECOND + RETRY_NS)

    assert [type(question) for question in again] == [type(question) for question in first]


def test_an_answer_to_a_question_nobody_has_asked_changes_no_stage() -> None:
    world = quoting()

    world.tell(QuestionFailed(at=0, venue=VENUE, question="AskPosition", subject=KEY, message="busy"))
    wishes = world.tell(BalanceReported(at=0, venue=VENUE, currency="USDT", balance=Decimal(7)))

    assert wishes == ()
    assert world.state.syncs[VENUE].stage is Stage.SYNCED


def test_every_session_begins_in_sync_anew() -> None:
    world = quoting(ladder(1))

    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    quiet = world.wait(5 * SECOND)
    opened = world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()

    assert quiet == [], "nobody can be asked while the session is down"
    assert [type(wish) for wish in opened if isinstance(wish, Question)] == [AskOpenOrders, AskTrades]
    assert world.shown() == set(ladder(1))
    assert len(world.venue.resting()) == 2


def test_a_live_order_the_venue_does_not_show_is_asked_for_by_its_own_id() -> None:
    world = quoting(ladder(1))
    order = world.order(Side.BUY)

    wishes = world.tell(OpenOrdersReported(at=0, scope=KEY, asked_at=world.at + MS, orders=()))

    assert {wish.order_id for wish in wishes} == {order.order_id, world.order(Side.SELL).order_id}
    world.settle()
    assert world.shown() == set(ladder(1))


def test_answers_that_are_late_by_two_questions_prove_nothing_of_what_was_placed_since() -> None:
    world = quoting()
    late = []
    for _ in range(2):
        world.state.sync(VENUE).ask(Topic.OPEN_ORDERS, KEY, world.at)
        (question,) = world.wake()
        assert isinstance(question, AskOpenOrders)
        late.append(OpenOrdersReported(at=0, scope=KEY, asked_at=question.asked_at, orders=()))
    world.outgoing.clear()  # both are under way for long
    wishes_of(world).quotes = tuple(ladder(1))
    world.tell(world.venue.snapshot(world.at))
    world.settle()
    world.tell(late[0])
    world.state.sync(VENUE).ask(Topic.OPEN_ORDERS, KEY, world.at)
    world.wake()

    wishes = world.tell(late[1])

    assert wishes == ()


def test_an_equal_position_is_no_news() -> None:
    world = quoting(ladder(1))

    world.tell(PositionReported(at=0, instrument=KEY, amount=Decimal(0), average_price=Decimal(0)))

    assert world.state.pauses == {}
