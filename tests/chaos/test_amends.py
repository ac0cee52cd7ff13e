"""Amends that meet a fill, a loss, or each other: an order is never more than the venue has granted, and never gone."""

from pathlib import Path

from replenisher.exchange.words import OrderState
from replenisher.model.order import Status
from replenisher.simulate.frame_faults import Passage, is_private
from replenisher.simulate.order_frames import OrderFrame, order_frame
from tests.chaos.story import story


def is_amend(request: OrderFrame) -> bool:
    return request.verb == "edit"


def is_amend_frame(frame: str) -> bool:
    request = order_frame(frame)
    return request is not None and is_amend(request)


def test_an_order_that_is_filled_while_its_amend_is_on_the_way(tmp_path: Path) -> None:
    """Elsewhere the refusal of the amend, which came too late, was told as the order's cancel."""
    with story(tmp_path) as told:
        late = told.spoil(is_amend_frame, lambda passage: passage.hold(10**9), up=True)
        told.until(lambda: late.is_spent)
        order = told.order(late.met[0])
        told.take(order)
        told.end_well()

        assert told.theirs(order.label).state is OrderState.FILLED
        assert Status.CANCELED not in told.course(order.label)


def test_an_amend_whose_answer_is_lost_and_whose_order_is_filled(tmp_path: Path) -> None:
    """Elsewhere fills beyond the size that was known were refused as too many, and the position stayed wrong."""
    with story(tmp_path) as told:
        lost = told.spoil_answers(is_amend, Passage.lose)
        hushed = told.spoil(is_private, Passage.lose, times=3)
        told.until(lambda: lost.is_spent)
        order = next(each for each in told.resting() if f'"order_id":"{each.order_id}"' in lost.met[0])
        told.take(order)
        told.lift(hushed)
        told.end_well()

        assert told.course(order.label)[-1] is Status.FILLED
        assert told.fills(order.label)


def test_an_amend_that_is_never_answered_and_never_arrived(tmp_path: Path) -> None:
    """Elsewhere an order whose change is not answered in time counts as canceled, while it rests where it stood."""
    with story(tmp_path) as told:
        lost = told.spoil(is_amend_frame, Passage.lose, up=True)
        told.until(lambda: lost.is_spent)
        order = told.order(lost.met[0])
        told.run(3)
        assert told.theirs(order.label).state is not OrderState.OPEN or told.course(order.label)[-1] is Status.WORKING
        told.end_well()

        assert told.agrees_on(order.label)


def test_an_order_that_its_own_amend_cancels(tmp_path: Path) -> None:
    """The market has come to the new price meanwhile: what must only rest is refused or canceled, on both sides."""
    with story(tmp_path) as told:
        late = told.spoil(is_amend_frame, lambda passage: passage.hold(3 * 10**9), up=True, times=3)
        told.until(lambda: late.is_spent)
        orders = [told.order(frame) for frame in late.met]
        told.end_well()

        assert all(told.agrees_on(order.label) for order in orders)
