"""Each check of what comes when, and of what is believed, is shown a small story until its own rule is broken."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from replenisher.core.setup import OnStart
from replenisher.core.slots import Slot, Slots
from replenisher.exchange.words import InstrumentState
from replenisher.model.command import Halt, HaltCause
from replenisher.model.event import (
    BookChanged,
    OrderFilled,
    ResumeAsked,
    SessionLost,
    SessionOpened,
    TradesReported,
    Woke,
)
from replenisher.model.order import BUY, Status
from replenisher.model.step import Step
from replenisher.simulate.checks.booking import FillsAreBookedSoon
from replenisher.simulate.checks.books import EVERY, TrustedBookIsTheirs
from replenisher.simulate.checks.bounds import MOST, NothingGrowsWithoutEnd
from replenisher.simulate.checks.catching_up import RowsCatchUp
from replenisher.simulate.checks.dialing import DialsAreFew
from replenisher.simulate.checks.foresight import NoForesight
from replenisher.simulate.checks.quoting import QuotesAgain
from replenisher.simulate.checks.staleness import NoQuoteOnAStaleBook
from replenisher.simulate.checks.stopping import StopsInTime
from replenisher.simulate.checks.telling import OperatorIsTold
from replenisher.simulate.checks.unknowns import UnknownsAreResolved
from replenisher.simulate.checks.unwanted import UnwantedOrdersGo
from replenisher.simulate.court import FillRow
from replenisher.simulate.times import QUOTES_AGAIN, STOPS, UNWANTED_GO
from tests.simulate.story import KEY, MARKET, NAME, Story, order_state, record

LOOP_LAG = Halt(cause=HaltCause.LOOP_LAG, reason="too slow")


def book_frame(story: Story, change_id: int, previous: int | None = None, *, late_s: float = 0) -> dict[str, Any]:
    data: dict[str, Any] = {
        "instrument_name": NAME,
        "timestamp": int(story.at / 1e6 - late_s * 1e3),
        "change_id": change_id,
    }
    if previous is not None:
        data["prev_change_id"] = previous
    return {"method": "subscription", "params": {"channel": f"book.{NAME}.raw", "data": data}}


def fill(story: Story, trade_id: str) -> OrderFilled:
    return OrderFilled(
        at=story.at,
        instrument=KEY,
        order_id=story.label(),
        venue_order_id="",
        venue_time=story.at,
        trade_id=trade_id,
        side=BUY,
        price=Decimal(1),
        amount=Decimal(1),
        fee=Decimal(0),
        fee_currency="BTC",
        liquidity="maker",
    )


def page_of(story: Story, trade_id: str) -> TradesReported:
    return TradesReported(at=story.at, scope=KEY, fills=(fill(story, trade_id),), has_more=False)


# --- S7, S11, S12, S22 ----------------------------------------------------------------------------------------------


def trusted() -> Story:
    """A desk in session whose book is whole, with an order that rests and of which it knows."""
    story = Story(NoQuoteOnAStaleBook)
    story.steps(SessionOpened(at=story.at, venue="deribit"))
    story.arrives(book_frame(story, 1), MARKET)
    story.takes(story.label(1))
    story.arrives({"label": story.label(1)})
    return story


@pytest.mark.parametrize("reason", ["has a gap", "is silent", "is late"])
def test_s7_nothing_leaves_on_a_book_that_cannot_be_trusted(reason: str) -> None:
    story = trusted()
    story.passes(1.9)
    story.asks_for(story.label(2))
    assert story.found == []

    story.passes(0.2)
    if reason == "has a gap":
        story.arrives(book_frame(story, 5, 4), MARKET)
    elif reason == "is late":
        story.arrives(book_frame(story, 2, 1, late_s=2.1), MARKET)
    story.asks_for(story.label(3))

    assert f"an order or amend left on a book that {reason}" in story.found[0]
    story.arrives(book_frame(story, 9, late_s=60), MARKET)  # a snapshot tells when the book last moved
    story.asks_for(story.label(4))
    assert len(story.found) == 1
    story.court.dialed(story.daemon, MARKET)
    story.arrives({"result": "what was heard before is void"}, MARKET)
    story.asks_for(story.label(5))
    assert len(story.found) == 2


@pytest.mark.parametrize("answers", [True, False])
def test_s7_what_rests_on_such_a_book_is_canceled_at_once(answers: bool) -> None:
    story = trusted()
    story.arrives(book_frame(story, 5, 4), MARKET)
    story.speaks()
    story.passes(0.9)
    story.speaks()
    assert story.found == []
    if answers:
        story.sends("cancel_by_label", label=story.label(1))

    story.passes(0.2)
    story.speaks()

    assert story.found == (
        [] if answers else [f"order {story.label(1)} has no cancel though for 1.1 s the book has a gap"]
    )


def test_s7_whoever_stood_still_cancels_before_anything_else() -> None:
    story = trusted()
    story.daemon.stands_until = story.at + 2 * 10**9
    story.arrives(book_frame(story, 2, 1), MARKET)
    story.passes(2)
    story.arrives(book_frame(story, 3, 2), MARKET)

    story.asks_for(story.label(2))
    story.sends("cancel_by_label", label=story.label(1))
    story.asks_for(story.label(3))

    (found,) = story.found
    assert found.startswith(f"after a standstill this left before {story.label(1)} was canceled")
    assert story.label(2) in found


def test_s7_what_a_halt_keeps_from_being_canceled_holds_up_nothing_else() -> None:
    story = trusted()
    story.daemon.stands_until = story.at + 2 * 10**9
    story.arrives(book_frame(story, 2, 1), MARKET)
    story.passes(2)
    story.arrives(book_frame(story, 3, 2), MARKET)
    story.exchange.interrupt(NAME, InstrumentState.HALTED, story.at)
    while story.exchange.views.instruments()[0].state is InstrumentState.OPEN:
        story.passes(0)  # its market catches up

    story.asks_for(story.label(2))

    assert story.found == []


@pytest.mark.parametrize("is_answered", [True, False])
@pytest.mark.parametrize("verb", ["edit", "cancel"])
def test_s7_what_was_asked_before_it_stood_still_is_learned_first(verb: str, is_answered: bool) -> None:
    story = trusted()
    (order,) = story.evidence.ours()
    story.sends(verb, order_id=order.order_id, **({"amount": 1000, "price": story.mark(-30)} if verb == "edit" else {}))
    if is_answered:
        story.arrives({"label": order.label})
    story.daemon.stands_until = story.at + 2 * 10**9
    story.arrives(book_frame(story, 2, 1), MARKET)
    story.passes(2)
    story.arrives({"label": order.label})
    story.arrives(book_frame(story, 3, 2), MARKET)

    story.asks_for(story.label(2))

    assert len(story.found) == (1 if is_answered else 0)


@pytest.mark.parametrize("runs_between", [True, False])
def test_s7_a_disk_that_is_slow_at_every_write_is_no_standstill(runs_between: bool) -> None:
    story = trusted()
    for change in range(2, 12):
        story.daemon.stands_until = story.at + 9 * 10**8
        if runs_between:
            story.court.wrote(story.daemon, b"a record")
        story.arrives(book_frame(story, change, change - 1), MARKET)
        story.passes(0.9)

    story.asks_for(story.label(2))

    assert len(story.found) == (0 if runs_between else 1)


@pytest.mark.parametrize("is_whole", [True, False])
def test_s7_whoever_runs_again_knows_what_has_arrived_before_its_step_is_watched(is_whole: bool) -> None:
    story = trusted()
    story.court.dialed(story.daemon, MARKET)
    story.daemon.stands_until = story.at + 10**8
    story.arrives(book_frame(story, 7), MARKET)
    story.arrives(book_frame(story, 8, 7 if is_whole else 6), MARKET)
    story.passes(0.1)

    story.asks_for(story.label(2))

    assert len(story.found) == (0 if is_whole else 1)


@pytest.mark.parametrize("came_before", [True, False])
def test_s7_what_has_come_while_a_step_was_written_that_was_decided_before_is_no_reason(came_before: bool) -> None:
    story = trusted()
    story.passes(0.9)
    story.daemon.stands_until = story.at + 9 * 10**8
    story.arrives(book_frame(story, 2, 1), MARKET)
    if came_before:
        story.arrives(book_frame(story, 4, 3), MARKET)
    story.passes(0.9)
    story.daemon.stands_until = story.at + 9 * 10**8
    story.court.wrote(story.daemon, b"a record")
    story.passes(0.1)
    if not came_before:
        story.arrives(book_frame(story, 4, 3), MARKET)
    story.passes(0.8)

    story.asks_for(story.label(2))

    assert len(story.found) == (1 if came_before else 0)


def test_s11_nobody_knows_what_has_not_happened_and_what_nobody_has_told() -> None:
    story = Story(NoForesight)
    story.arrives({"result": {"trades": [{"trade_id": "t1"}]}})
    story.steps(fill(story, "t1"))
    story.steps(page_of(story, "t1"))
    assert story.found == []

    story.steps(fill(story, "t2"))
    story.steps(BookChanged(at=story.at, instrument=KEY, venue_time=story.at + 1, bids=(), asks=()))
    story.steps(Woke(at=story.at + 1))
    story.step += 1
    story.steps(Woke(at=story.at))
    story.at -= 1
    story.steps(Woke(at=story.at))

    assert [words in each for words, each in zip(WORDS_OF_S11, story.found, strict=True)] == [True] * 5


WORDS_OF_S11 = (
    "knows of trade t2, which nobody has told it",
    "knows of a change of the book that has not happened",
    "what is told at",
    "was followed by step",
    "after one of",
)


@pytest.mark.parametrize("wrong", ["", "a level more"])
def test_s12_a_trusted_book_is_the_exchanges_as_of_the_same_change(wrong: str) -> None:
    story = Story(TrustedBookIsTheirs)
    book, view = story.daemon.own_book, story.exchange.views.book(NAME)
    (instrument,) = (each.instrument for each in story.exchange.views.instruments() if each.instrument.name == NAME)
    levels = [
        [(int(price / instrument.tick), instrument.lots(amount)) for price, amount in side]
        for side in (view.bids, view.asks)
    ]
    book.replace(*levels, venue_time=story.at, at=story.at)
    story.daemon.trusted = view.change_id
    if wrong == "a level more":
        book.change([(1, 1)], [], story.at, story.at)
    for _ in range(EVERY):
        story.speaks('{"channel":"book.')

    story.steps(Woke(at=story.at))

    assert story.found == [] if not wrong else "differ from the exchange's" in story.found[0]


def test_s12_a_snapshot_is_always_looked_at_and_a_book_that_is_not_trusted_never() -> None:
    story = Story(TrustedBookIsTheirs)
    story.speaks('{"channel":"book.X","type":"snapshot"}')
    story.steps(Woke(at=story.at))
    assert story.found == []

    story.daemon.trusted = story.exchange.views.book(NAME).change_id
    story.steps(Woke(at=story.at))

    assert "differ from the exchange's" in story.found[0]


def test_s22_nothing_grows_without_end() -> None:
    story = Story(NothingGrowsWithoutEnd)
    slots = Slots((("core", KEY, BUY, level), Slot()) for level in range(MOST))
    story.daemon.things = [slots]
    story.court.ended(story.daemon, "exit 0")
    assert story.found == []

    slots.of(("core", KEY, BUY, MOST))
    story.court.ended(story.daemon, "exit 0")

    assert story.found == [f"Slots.by_key has {MOST + 1} elements, and {MOST} may"]


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, deque, dict.fromkeys])
def test_s22_whatever_it_is_kept_in_counts(kind: Callable[[range], object]) -> None:
    story = Story(NothingGrowsWithoutEnd)
    story.daemon.things = [kind(range(MOST))]
    story.court.ended(story.daemon, "exit 0")
    assert story.found == []

    story.daemon.things = [kind(range(MOST + 1))]
    story.court.ended(story.daemon, "exit 0")

    assert story.found == [f"daemon[] has {MOST + 1} elements, and {MOST} may"]


# --- L1 to L8 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "excuse",
    ["it quotes", "it is halted", "it is paused", "it is closed", "none", "it was resumed", "a stranger", "it trades"],
)
def test_l1_it_quotes_again_or_says_why_not(excuse: str) -> None:
    story = Story(QuotesAgain)
    story.court.calmed()
    story.passes(28)
    if excuse in ("it is halted", "it was resumed"):
        story.court.reported(story.daemon, "halted", {"cause": "loss", "reason": "too much"})
    if excuse == "it was resumed":
        story.court.reported(story.daemon, "resumed", {"halt": "loss", "reason": "mended"})
    if excuse == "it is paused":
        story.court.reported(story.daemon, "paused", {"strategy": "core", "reason": "too much"})
    if excuse in ("it is closed", "it trades"):
        story.court.reported(story.daemon, "instrument_closed", {"instrument": KEY, "reason": "halted"})
    if excuse == "it is closed":
        story.exchange.interrupt(NAME, InstrumentState.HALTED, story.at)
        while story.exchange.views.instruments()[0].state is InstrumentState.OPEN:
            story.passes(0)  # its market catches up
    if excuse in ("it quotes", "a stranger"):
        story.takes(story.label() if excuse == "it quotes" else "by hand")
    story.steps(Woke(at=story.at))

    story.court.stopping()

    assert story.times == ([(QUOTES_AGAIN, 28.0)] if excuse == "it quotes" else [])
    is_fine = excuse in ("it quotes", "it is halted", "it is paused", "it is closed")
    assert story.found == ([] if is_fine else ["it does not quote 30 s after the last fault, and nobody was told why"])


def test_l2_no_order_stays_unknown_once_the_exchange_answers() -> None:
    story = Story(UnknownsAreResolved)
    label = story.label()
    story.steps(orders=(order_state(label, Status.UNKNOWN),))
    story.passes(60)
    story.court.calmed()
    story.passes(2)
    story.arrives({"id": 1, "usIn": 1, "result": []})
    story.passes(9.9)
    story.steps(Woke(at=story.at))
    assert story.found == []

    story.passes(0.2)
    story.steps(Woke(at=story.at))

    assert story.found == [f"order {label} is UNKNOWN for more than 10 s, though the exchange answers"]


def test_l2_what_a_daemon_wrote_before_it_died_is_known() -> None:
    story = Story(UnknownsAreResolved)
    label = story.label()
    story.steps(orders=(order_state(label, Status.UNKNOWN),))
    story.court.calmed()
    story.passes(2)
    story.arrives({"id": 1, "usIn": 1, "result": []})

    end = Step(number=9, at=story.at, events=(), commands=(), orders=(order_state(label, Status.REJECTED),))
    story.court.wrote(story.daemon, record(end))
    story.passes(60)
    story.steps(Woke(at=story.at))

    assert story.found == []


@pytest.mark.parametrize("is_told", [True, False])
def test_l3_a_trade_is_journaled_and_has_its_row_soon(is_told: bool) -> None:
    story = Story(FillsAreBookedSoon)
    story.court.calmed()
    story.asks_for(story.label(1))
    story.trades(story.label(2), amount=10)
    ((instrument, trade_id, side),) = story.evidence.trades
    story.passes(1.9)
    if is_told:
        story.steps(fill(story, trade_id))
    story.passes(3.2)
    story.steps(Woke(at=story.at))
    if is_told:
        assert story.found == []

    story.court.booked(FillRow(instrument, trade_id, side, story.label(2), "1", "1", "0", "BTC", "taker", story.at))

    late = f"the row of trade {trade_id} came 0.2 s too late"
    assert story.found == [late if is_told else f"trade {trade_id} is not journaled"]


@pytest.mark.parametrize("stops", [True, False])
def test_l4_what_nobody_wants_is_gone_soon(stops: bool) -> None:
    story = Story(UnwantedOrdersGo)
    story.takes(story.label(1))
    if not stops:
        story.born(2)
    story.steps(SessionOpened(at=story.at, venue="deribit"))
    story.court.calmed()
    if stops:
        story.court.stopping()
    story.passes(4.9)
    story.speaks()
    assert story.found == []

    story.passes(0.2)
    story.speaks()

    assert story.found == [f"{story.label(1, life=1)} still rest after 5 s"]
    story.steps(SessionLost(at=story.at, venue="deribit", reason="gone"))
    story.speaks()
    assert len(story.found) == 1, "whoever cannot reach the exchange cancels nothing"


def test_l4_what_was_adopted_is_wanted_until_a_stop() -> None:
    story = Story(UnwantedOrdersGo)
    story.setup = replace(story.setup, on_start=OnStart.ADOPT)
    adopted = story.label(1)
    story.takes(adopted)
    story.born(2, **{adopted: ("core", KEY, BUY, 0)})
    story.steps(SessionOpened(at=story.at, venue="deribit"))
    story.court.calmed()
    story.passes(6)
    story.speaks()
    assert story.found == []

    story.court.stopping()
    story.passes(5.1)
    story.speaks()

    assert story.found == [f"{adopted} still rest after 5 s"]


@pytest.mark.parametrize("stops", [True, False])
def test_l4_says_how_long_it_took_until_each_was_gone(stops: bool) -> None:
    story = Story(UnwantedOrdersGo)
    soon, later = story.takes(story.label(1)), story.takes(story.label(2), "sell")
    if not stops:
        story.born(2)
    story.steps(SessionOpened(at=story.at, venue="deribit"))
    story.court.calmed()
    if stops:
        story.court.stopping()
    story.speaks()

    for seconds, order_id in ((0.5, soon), (2, later)):
        story.passes(seconds)
        story.takes_off(order_id)
        story.speaks()

    assert story.times == [(UNWANTED_GO, 0.5), (UNWANTED_GO, 2.5)]


def test_l5_a_life_dials_no_more_than_ten_times_a_minute() -> None:
    story = Story(DialsAreFew)
    for number in (1, 2):  # a new life knows nothing of what the last one has tried
        story.born(number)
        for _ in range(10):
            story.court.dialed(story.daemon, "market")
    story.passes(60)
    for _ in range(10):
        story.court.dialed(story.daemon, "market")
    assert story.found == []

    story.passes(59)
    story.court.dialed(story.daemon, "trading")

    assert story.found == ["11 attempts to connect in a minute"]


@pytest.mark.parametrize(("seconds", "how"), [(14.9, "exit 0"), (15.1, "exit 0"), (1, "exit 1")])
def test_l6_a_stop_is_flat_and_in_time(seconds: float, how: str) -> None:
    story = Story(StopsInTime)
    story.court.ended(story.daemon, "killed")
    story.court.stopping()
    story.passes(seconds)

    story.court.ended(story.daemon, how)

    assert story.times == ([(STOPS, seconds)] if how == "exit 0" else [])
    is_fine = (seconds, how) == (14.9, "exit 0")
    assert story.found == ([] if is_fine else [f"the stop took {seconds:.1f} s: {how}"])


@pytest.mark.parametrize("is_told", [True, False])
def test_l7_a_halt_is_told_by_every_life_until_somebody_lifts_it(is_told: bool) -> None:
    story = Story(OperatorIsTold)
    story.court.wrote(story.daemon, record(Step(number=1, at=story.at, events=(), commands=(LOOP_LAG,))))
    for number in (2, 3):
        if is_told:
            story.court.reported(story.daemon, "halted", {"cause": "loop_lag", "reason": "too slow"})
        story.passes(5.1)
        story.steps(Woke(at=story.at))  # whoever stood still may say it in this step
        story.steps(Woke(at=story.at))
        story.born(number)
    resumed = Step(number=2, at=story.at, events=(ResumeAsked(at=story.at, reason="mended"),), commands=())
    story.born(4)
    story.court.wrote(story.daemon, record(resumed))
    story.passes(6)
    story.steps(Woke(at=story.at))
    story.steps(Woke(at=story.at))

    assert story.found == ([] if is_told else ["loop_lag: the operator was not told in 5 s"] * 2)


@pytest.mark.parametrize("told", ["0.0", "500.0"])
def test_l7_a_position_that_cannot_be_ours_is_told(told: str) -> None:
    story = Story(OperatorIsTold)
    story.trades(amount=500)
    for _ in range(3):
        result = {"total_profit_loss": 0, "size": float(told), "instrument_name": NAME}
        story.arrives({"id": 1, "usIn": 1, "result": result})
        story.passes(2)
    story.passes(2)
    story.steps(Woke(at=story.at))
    assert story.found == []

    story.passes(2)
    story.steps(Woke(at=story.at))
    story.steps(Woke(at=story.at))

    words = "unexplained position: the operator was not told in 5 s"
    assert story.found == ([] if told == "500.0" else [words])


def test_l8_rows_catch_up_ten_seconds_after_the_faults() -> None:
    story = Story(RowsCatchUp)
    for _ in range(3):
        story.steps(orders=(order_state(story.label(), Status.WORKING),))
    story.court.calmed()
    story.court.committed(story.daemon.epoch, 2)
    story.passes(11)
    story.steps(Woke(at=story.at))
    assert story.found == []

    story.passes(0.1)
    story.steps(Woke(at=story.at))

    epoch = story.daemon.epoch
    assert story.found == [f"the rows end with ({epoch}, 2) and the journal had ({epoch}, 3) when faults ended"]
