"""Requests of which nobody hears: what they came to is found out, and neither guessed nor asked for twice.

Each story is what another system lost orders or money by, told on ours.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from replenisher.exchange.words import OrderState
from replenisher.model.order import Status
from replenisher.simulate.frame_faults import Passage, is_order, is_private, is_seeking
from replenisher.simulate.order_frames import OrderFrame
from tests.chaos.story import Story, story


def is_place(request: OrderFrame) -> bool:
    return request.is_place


def is_cancel(request: OrderFrame) -> bool:
    return request.verb.startswith("cancel")


def refuse(code: int, message: str) -> Callable[[Passage], None]:
    """The answer is this error instead."""

    def befall(passage: Passage) -> None:
        reply = msgspec.json.decode(passage.frame)
        del reply["result"]
        passage.become(msgspec.json.encode(reply | {"error": {"code": code, "message": message}}).decode())

    return befall


def refill(told: Story) -> str:
    """An order is filled, and the one that comes in its place has left; its label."""
    (*_, (_, before)) = told.witness.requests
    told.take(told.resting()[0])
    told.until(lambda: told.witness.requests[-1][1].label != before.label and told.witness.requests[-1][1].is_place)
    return told.witness.requests[-1][1].label


def six_unanswered_and_filled(told: Story) -> list[str]:
    """Six orders were taken and have traded, and nobody was told of it; their labels."""
    labels = told.silence(6)
    told.take(*told.resting())
    told.until(lambda: len(labels) == 6 and not told.evidence.under_way)
    told.take(*map(told.theirs, labels))
    return labels


def test_six_orders_that_timed_out_and_were_filled_all_the_same(tmp_path: Path) -> None:
    """Elsewhere six orders that nobody had answered were marked as failed and forgotten, and then all were filled."""
    with story(tmp_path) as told:
        labels = six_unanswered_and_filled(told)
        told.until(lambda: all(Status.UNKNOWN in told.course(label) for label in labels))
        told.speak()
        told.end_well()

        assert {told.theirs(label).state for label in labels} == {OrderState.FILLED}
        assert all(told.course(label)[-1] is Status.FILLED and told.fills(label) for label in labels)


def test_six_orders_that_nobody_answered_and_whose_daemon_died(tmp_path: Path) -> None:
    """The same, and the daemon is killed before it has found out: the next one does."""
    with story(tmp_path) as told:
        labels = six_unanswered_and_filled(told)
        told.victims.kill(lambda: None)
        told.speak()
        told.end_well()

        assert all(told.fills(label) for label in labels)


def test_an_order_that_is_answered_after_its_timeout(tmp_path: Path) -> None:
    """Elsewhere what is not answered in time is called rejected, and placed once more: two rest instead of one."""
    with story(tmp_path) as told:
        late = told.spoil_answers(is_place, lambda passage: passage.hold(4 * 10**9))
        hushed = told.spoil(is_private, Passage.lose, times=3)
        label = refill(told)
        told.until(lambda: late.is_spent)
        told.lift(hushed)
        told.until(lambda: told.course(label)[-1] is not Status.PENDING)
        told.run(10)
        told.end_well()

        assert told.course(label)[:2] == [Status.PENDING, Status.UNKNOWN]
        assert told.agrees_on(label)


def test_an_order_that_the_venue_says_it_does_not_know_whether_it_took(tmp_path: Path) -> None:
    """Elsewhere an answer that the state of the execution is unknown was told to the strategy as a rejection."""
    with story(tmp_path) as told:
        told.spoil_answers(is_place, refuse(13028, "temporarily_unavailable"))
        hushed = told.spoil(is_private, Passage.lose, times=3)
        label = refill(told)
        told.until(lambda: told.course(label)[-1] is not Status.PENDING)
        told.lift(hushed)
        told.end_well()

        assert told.course(label)[:2] == [Status.PENDING, Status.UNKNOWN]
        assert told.agrees_on(label)


def test_an_order_of_which_only_our_own_id_is_known(tmp_path: Path) -> None:
    """Elsewhere one could only ask by the venue's id: an order that had never been told its own ended as rejected."""
    with story(tmp_path) as told:
        (label,) = told.silence(1) or {refill(told)}
        asked = told.spoil(lambda frame: is_seeking(frame) and label in frame, lambda _: None, up=True)
        told.until(lambda: asked.met)
        told.speak()
        told.end_well()

        assert told.course(label)[:2] == [Status.PENDING, Status.UNKNOWN]
        assert told.agrees_on(label)


def test_an_order_that_is_not_found_and_rests(tmp_path: Path) -> None:
    """Elsewhere a venue said for half an hour that there was no such order, and then there was."""
    with story(tmp_path) as told:
        labels = told.silence(1)
        label = refill(told)
        forgotten = told.spoil(
            lambda frame: is_seeking(frame) and label in frame,
            lambda passage: passage.become(passage.frame.replace(label, "nobody")),
            times=2,
            up=True,
        )
        told.until(lambda: forgotten.is_spent)
        told.speak()
        told.end_well()

        assert labels == {label}
        assert told.course(label)[:2] == [Status.PENDING, Status.UNKNOWN]
        assert told.agrees_on(label)


def test_a_cancel_whose_answer_is_lost(tmp_path: Path) -> None:
    """Elsewhere the order was dropped from the books with its cancel: what it traded before, the balance never saw."""
    with story(tmp_path) as told:
        lost = told.spoil_answers(is_cancel, Passage.lose, times=6)
        hushed = told.spoil(is_private, Passage.lose, times=40)
        orders = told.resting()
        told.life.ask("pause")
        told.until(lambda: not told.resting())
        told.run(0.5)
        told.lift(lost)
        told.lift(hushed)
        told.end_well()

        assert lost.met
        assert {told.course(order.label)[-1] for order in orders} == {Status.CANCELED}


def test_a_cancel_that_never_arrives_while_its_order_is_filled(tmp_path: Path) -> None:
    """Elsewhere an order counted as canceled from the moment in which its cancel was sent."""
    with story(tmp_path) as told:
        lost = told.spoil(lambda frame: is_order(frame) and "cancel" in frame, Passage.lose, times=6, up=True)
        orders = told.resting()
        told.life.ask("pause")
        told.until(lambda: lost.is_spent)
        told.take(*orders)
        told.end_well()

        assert {told.course(order.label)[-1] for order in orders} == {Status.FILLED}
        assert all(told.fills(order.label) for order in orders)
