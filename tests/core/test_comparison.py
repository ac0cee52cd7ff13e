"""The comparison: what the venue shows of us is read again and again, and judged only once it is sure."""

from decimal import Decimal

import msgspec
import pytest

from replenisher.core.absence import why_absent
from replenisher.core.comparison import AGAIN_NS, READS, begin_rounds
from replenisher.core.sync import Stage
from replenisher.model.command import (
    AskBalance,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
    CancelOrder,
    Command,
    Halt,
    HaltCause,
    PlaceOrder,
    Question,
    TakenOver,
)
from replenisher.model.event import (
    InstrumentDefined,
    OrderWorking,
    PositionReported,
    ResumeAsked,
    SessionLost,
    SessionOpened,
    Started,
)
from replenisher.model.order import EXTERNAL, Side
from tests.core.world import KEY, LINEAR, MS, SECOND, VENUE, Resting, Wishes, World, filled, ladder, one_strategy

EVERY = 15 * SECOND


def begun(**other: object) -> World:
    """A life that knows its instrument and book, before its session opens."""
    world = World(one_strategy(Wishes(ladder(1)), sync_every_ns=EVERY, **other))
    world.tell(Started(at=0, epoch=1, namespace="tst", config_version="1", accounts={VENUE: "a"}))
    world.tell(InstrumentDefined(at=0, instrument=LINEAR))
    world.tell(world.venue.snapshot(world.at))
    return world


def quoting(**other: object) -> World:
    """The same, in sync."""
    world = begun(**other)
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()
    return world


def go_on(world: World, duration_ns: int) -> list[Command]:
    """Time passes, and the venue answers whatever it is asked; what was wished meanwhile."""
    until, wishes = world.at + duration_ns, list[Command]()
    while (deadline := world.engine.next_deadline) is not None and deadline <= until:
        wishes += world.wake(at=max(deadline, world.at))
        wishes += world.settle()
    wishes += world.wake(at=max(until, world.at))
    return wishes + world.settle()


def trade_by_hand(world: World, lots: int, *, is_told: bool = True) -> None:
    """Somebody else trades on our account."""
    fill = filled(LINEAR, "", f"H{len(world.venue.fills)}", Side.BUY, 100_000, lots, venue_time=world.at)
    world.venue.position += fill.amount
    if is_told:
        world.venue.fills.append(fill)


def halts(wishes: list[Command]) -> list[tuple[HaltCause, str]]:
    return [(wish.cause, wish.instrument) for wish in wishes if isinstance(wish, Halt)]


def taken_over(world: World) -> list[tuple[Decimal, Decimal]]:
    return [(w.amount, w.price) for step in world.steps for w in step.commands if isinstance(w, TakenOver)]


def absence(world: World) -> str:
    return why_absent(world.state, world.setup.strategies[0], world.at)


# --- Round after round ---------------------------------------------------------------------------------------------


def test_everything_is_read_again_each_round_and_nothing_else_follows_while_it_agrees() -> None:
    world = quoting()

    wishes = go_on(world, 4 * EVERY + SECOND)

    assert {type(wish) for wish in wishes} == {AskOpenOrders, AskTrades, AskPosition, AskBalance}
    assert len(wishes) == 4 * 4
    assert world.shown() == set(ladder(1))


def test_the_rounds_begin_anew_with_every_session() -> None:
    world = quoting()
    go_on(world, EVERY)

    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    quiet = world.wait(3 * EVERY)
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()
    wishes = go_on(world, EVERY + SECOND)

    assert quiet == []
    assert {type(wish) for wish in wishes} == {AskOpenOrders, AskTrades, AskPosition, AskBalance}


def test_several_instruments_are_asked_about_one_after_the_other() -> None:
    keys = [f"toy/{name}" for name in ("A", "B", "C")]
    world = World(one_strategy(Wishes()))
    sync = world.state.sync(VENUE)
    sync.stage = Stage.SYNCED
    world.setup.__dict__["_instruments"] = {VENUE: keys}

    begin_rounds(world.state, VENUE, [], 0)

    every = world.setup.venue(VENUE).sync_every_ns
    assert sorted(set(sync.open_questions.values())) == [every // 3, every * 2 // 3, every]


# --- Fills and orders that nobody has told -------------------------------------------------------------------------


def test_a_fill_that_no_stream_has_told_is_booked_in_the_next_round_although_a_later_one_was() -> None:
    world = quoting()
    bid, offer = world.at_venue(world.order(Side.BUY)), world.at_venue(world.order(Side.SELL))
    world.venue.fill(bid, 3, world.at)
    world.venue.private.clear()
    world.wait(5 * SECOND)
    world.settle()
    world.venue.fill(offer, 5, world.at)
    world.settle()

    assert world.state.account.position(KEY).size == Decimal("-0.005")
    wishes = go_on(world, EVERY + SECOND)

    assert world.state.account.position(KEY).size == Decimal("-0.002")
    assert world.order(Side.BUY).filled == Decimal("0.003")
    assert not halts(wishes)


def test_an_order_that_rests_no_more_without_a_word_is_asked_for_and_its_slot_filled_again() -> None:
    world = quoting()
    lost = world.order(Side.BUY)
    world.venue.end(world.at_venue(lost), world.venue.orders["V1"].status.CANCELED, world.at)
    world.venue.private.clear()

    wishes = go_on(world, EVERY + SECOND)

    assert [wish.order_id for wish in wishes if isinstance(wish, AskOrder)] == [lost.order_id]
    assert lost.status.is_terminal
    assert world.shown() == set(ladder(1))


def test_an_order_that_came_to_rest_after_the_question_is_no_difference() -> None:
    world = quoting()
    world.wait(EVERY)
    (asked,) = [wish for wish in world.outgoing if isinstance(wish, AskOpenOrders)]
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.arrive(asked)  # the venue shows one order less
    shown = world.venue.private.pop()
    world.settle()  # and the next one rests before we hear of that

    wishes = world.tell(shown)

    assert wishes == ()
    assert world.shown() == set(ladder(1))


def test_an_order_that_ended_after_the_question_is_no_stray() -> None:
    world = quoting()
    world.wait(EVERY)
    (asked,) = [wish for wish in world.outgoing if isinstance(wish, AskOpenOrders)]
    world.arrive(asked)
    shown = world.venue.private.pop()
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.settle()

    wishes = world.tell(shown)

    assert wishes == ()
    assert world.state.strays == {}


def test_an_order_of_ours_that_the_journal_does_not_know_is_canceled_and_one_of_others_left() -> None:
    world = quoting()
    world.venue.orders["V8"] = Resting("tst000009000001", "V8", Side.BUY, 99_900, 10)
    world.venue.orders["V9"] = Resting("by-hand", "V9", Side.BUY, 99_900, 10)

    wishes = go_on(world, EVERY + 2 * SECOND)

    assert [wish.venue_order_id for wish in wishes if isinstance(wish, CancelOrder)] == ["V8"]
    assert world.venue.orders["V9"].remaining == 10


def test_a_trade_by_hand_is_nobodys_and_disturbs_nobody() -> None:
    world = quoting()

    trade_by_hand(world, 7)
    wishes = go_on(world, EVERY + SECOND)

    assert not [wish for wish in wishes if not isinstance(wish, Question)]
    assert world.state.account.inventories[KEY] == {EXTERNAL: Decimal("0.007")}


# --- A position that nobody explains -------------------------------------------------------------------------------


def test_one_wrong_answer_is_asked_about_again_and_no_quote_goes_for_it() -> None:
    world = quoting()

    first = world.tell(PositionReported(at=0, instrument=KEY, amount=Decimal("0.5")))
    second = go_on(world, AGAIN_NS + SECOND)

    assert first == ()
    assert [type(wish) for wish in second] == [AskTrades, AskPosition]
    assert world.state.syncs[VENUE].doubts == {}
    assert world.shown() == set(ladder(1))
    assert absence(world) == ""


def test_a_fill_between_the_answer_and_its_telling_is_no_difference() -> None:
    world = quoting()
    world.wait(EVERY)
    world.settle()
    for _ in range(10):
        world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
        late = PositionReported(at=0, instrument=KEY, amount=world.venue.position)
        world.tell(late)  # it is told before the fill
        world.settle()
        wishes = go_on(world, EVERY)
        assert not [wish for wish in wishes if isinstance(wish, CancelOrder | Halt)]

    assert world.state.halts == {}


def test_a_position_that_our_fills_do_not_explain_pulls_the_quotes_and_halts() -> None:
    world = quoting()
    trade_by_hand(world, 500, is_told=False)

    wishes = go_on(world, EVERY + 12 * SECOND)

    kinds = [type(wish) for wish in wishes if isinstance(wish, CancelOrder | Halt | PlaceOrder | TakenOver)]
    assert kinds == [CancelOrder, CancelOrder, Halt]
    assert halts(wishes) == [(HaltCause.UNEXPLAINED_POSITION, KEY)]
    assert absence(world) == f"halted: the venue's position in {KEY} is 0.500, the sum of our fills is 0"
    assert world.state.account.position(KEY).size == 0, "no fill is invented"
    positions = [wish for wish in wishes if isinstance(wish, AskPosition)]
    assert len(positions) == 2 * READS


@pytest.mark.parametrize("is_reborn", [False, True])
@pytest.mark.parametrize("position", ["0.510", "-0.2", "0"])
def test_what_the_operator_accepts_is_taken_over_as_nobodys(position: str, is_reborn: bool) -> None:
    world = quoting()
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.settle()
    world.venue.position = Decimal(position)
    go_on(world, EVERY + 12 * SECOND)

    world.tell(ResumeAsked(at=0, reason="I have bought them by hand"))
    if is_reborn:
        world = world.reborn()
        world.open(epoch=2)
    go_on(world, 12 * SECOND)

    rest = Decimal(position) - Decimal("0.010")
    assert taken_over(world) == [(rest, Decimal(10_000))]
    assert world.state.account.inventories[KEY] == {"core": Decimal("0.010"), EXTERNAL: rest}
    assert absence(world) == ""
    assert world.shown() == set(ladder(1))


@pytest.mark.parametrize("is_reborn", [False, True])
@pytest.mark.parametrize("is_held", [False, True])
def test_what_is_held_of_a_contract_that_is_worth_something_else_now_is_no_gain_but_a_halt(
    is_held: bool, is_reborn: bool
) -> None:
    world = quoting()
    if is_held:
        world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
        world.settle()
    tenfold = msgspec.structs.replace(LINEAR, contract_value=Decimal(10), version=2)

    if is_reborn:
        world = world.reborn()
        world.venue.instrument = tenfold
        world.open(epoch=2)
    else:
        world.tell(InstrumentDefined(at=0, instrument=tenfold), world.venue.snapshot(world.at))
        world.settle()

    worth = f"halted: an amount of {KEY} is worth something else than when what is held was traded"
    assert absence(world) == (worth if is_held else "")
    assert len(world.venue.resting()) == (0 if is_held else 2)

    world.tell(ResumeAsked(at=0, reason="the venue has told so, and what is held is right"))
    go_on(world, 12 * SECOND)
    assert absence(world) == ""


def test_a_halt_for_a_position_outlives_the_process_and_a_plain_resume() -> None:
    world = quoting()
    trade_by_hand(world, 500, is_told=False)
    go_on(world, EVERY + 12 * SECOND)

    world.tell(ResumeAsked(at=0))
    later = world.reborn()
    later.open(epoch=2)
    go_on(later, 60 * SECOND)

    assert absence(later).startswith("halted: the venue's position")
    assert taken_over(later) == []


def test_a_trade_that_the_venue_takes_back_halts_and_is_made_good_by_an_entry_against_it() -> None:
    world = quoting()
    fill = world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.settle()
    world.venue.fills.remove(fill)
    world.venue.position -= fill.amount

    wishes = go_on(world, EVERY + 12 * SECOND)
    world.tell(ResumeAsked(at=0, reason="the venue has busted it"))
    go_on(world, 12 * SECOND)

    account = world.state.account
    assert halts(wishes) == [(HaltCause.UNEXPLAINED_POSITION, KEY)]
    assert account.inventories[KEY] == {"core": Decimal("0.010"), EXTERNAL: Decimal("-0.010")}
    assert account.position(KEY).size == world.venue.position == 0


def test_answers_that_disagree_with_each_other_halt_nothing_and_show_nothing() -> None:
    world = quoting()
    for lots in range(1, 40):
        trade_by_hand(world, lots, is_told=False)
        go_on(world, AGAIN_NS)

    assert world.state.halts == {}
    assert absence(world) == f"not in sync with {VENUE}: holdings"
    world.venue.position = Decimal(0)
    go_on(world, 2 * AGAIN_NS)
    assert absence(world) == ""


def test_an_empty_answer_at_the_start_latches_nothing() -> None:
    world = quoting()
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.settle()
    held, world.venue.position = world.venue.position, Decimal(0)
    world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()
    assert absence(world) == f"not in sync with {VENUE}: holdings"

    world.venue.position = held
    go_on(world, AGAIN_NS)

    assert world.state.halts == world.state.pauses == {}
    assert absence(world) == ""


# --- What stood there before us ------------------------------------------------------------------------------------


def test_a_position_from_before_our_first_fill_is_taken_over_and_said_aloud() -> None:
    world = begun()
    world.venue.position, world.venue.average_price = Decimal("-0.25"), Decimal(9_000)

    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()
    go_on(world, 6 * SECOND)

    account = world.state.account
    assert taken_over(world) == [(Decimal("-0.25"), Decimal(9_000))]
    assert account.position(KEY).entry_value == Decimal(2_250)
    assert account.inventories[KEY] == {EXTERNAL: Decimal("-0.25")}
    assert world.shown() == set(ladder(1))


@pytest.mark.parametrize("empty", range(READS))
def test_one_answer_that_tells_nothing_is_not_believed_by_whoever_has_no_books_yet(empty: int) -> None:
    world, answers = begun(), 0
    world.venue.average_price = Decimal(9_000)
    world.tell(SessionOpened(at=0, venue=VENUE))

    while not world.state.sync(VENUE).is_synced:
        if not world.outgoing:
            world.wake(at=world.engine.next_deadline or world.at)
        asked = sum(isinstance(command, AskPosition) for command in world.outgoing)
        world.venue.position = Decimal(0) if asked and answers == empty else Decimal("-0.25")
        answers += asked
        world.arrive()
        world.hear()

    assert taken_over(world) == [(Decimal("-0.25"), Decimal(9_000))]
    assert world.state.halts == {}


def test_it_is_taken_over_once_in_the_first_life_and_never_again() -> None:
    world = quoting()
    later = world.reborn()
    later.venue.position, later.venue.average_price = Decimal("-0.25"), Decimal(9_000)

    later.open(epoch=2)
    wishes = go_on(later, 6 * SECOND)

    assert halts(wishes) == [(HaltCause.UNEXPLAINED_POSITION, KEY)]
    assert taken_over(later) == []


def test_what_stood_there_is_told_apart_from_what_is_traded_meanwhile() -> None:
    world = begun()
    world.venue.position, world.venue.average_price = Decimal("0.25"), Decimal(9_000)
    trade_by_hand(world, 50)

    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()
    go_on(world, 6 * SECOND)

    assert taken_over(world) == [(Decimal("0.25"), Decimal(10_000))]
    assert world.state.account.position(KEY).size == Decimal("0.300")


def test_a_position_that_nobody_can_price_is_waited_with() -> None:
    world = World(one_strategy(Wishes(ladder(1)), sync_every_ns=EVERY))
    world.tell(Started(at=0, epoch=1, namespace="tst", config_version="1", accounts={VENUE: "a"}))
    world.tell(InstrumentDefined(at=0, instrument=LINEAR))
    world.venue.position = Decimal("0.25")  # and no word what it cost
    world.tell(SessionOpened(at=0, venue=VENUE))
    go_on(world, 20 * SECOND)
    assert taken_over(world) == []

    world.tell(world.venue.snapshot(world.at))
    go_on(world, 2 * AGAIN_NS)

    assert taken_over(world) == [(Decimal("0.25"), Decimal(10_000))]


# --- Cash ----------------------------------------------------------------------------------------------------------


def test_cash_that_differs_is_read_several_times_before_the_venues_word_counts() -> None:
    world = quoting()
    before = world.state.account.balance(VENUE, "USDT")
    world.venue.balance += 7

    go_on(world, EVERY + SECOND)
    early = world.state.account.balance(VENUE, "USDT")
    go_on(world, 2 * AGAIN_NS)

    assert before is not None
    assert (early, world.state.account.balance(VENUE, "USDT")) == (before, before + 7)


def test_a_word_about_an_order_while_it_is_compared_changes_nothing_else() -> None:
    world = quoting()
    order = world.order(Side.BUY)
    world.wait(EVERY)
    word = OrderWorking(
        at=0,
        order_id=order.order_id,
        venue_order_id=order.venue_order_id,
        venue_time=world.at + MS,
        price=order.price,
        quantity=order.quantity,
    )

    wishes = world.tell(word)

    assert wishes == ()
    assert not [wish for wish in world.settle() if not isinstance(wish, Question)]
