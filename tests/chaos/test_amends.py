"""Amends that meet a fill, a loss, or each other: an order is never more than the venue has granted, and never gone."""

from pathlib import Path

from replenisher.exchange.words import OrderState
from replenisher.model.order import BUY, Status
from replenisher.simulate.frame_faults import Passage, is_private
from replenisher.simulate.order_frames import OrderFrame, order_frame
from tests.chaos.story import Spell, story


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
        told.run(3)
        told.until(told.is_quoting)
        order = max((order for order in told.resting() if order.side is BUY), key=lambda order: order.price or 0)
        larger: list[Spell] = []

        def hush(_: Passage) -> None:
            larger.append(told.spoil_answers(is_amend, Passage.lose))
            larger.append(told.spoil(is_private, Passage.lose, times=3))

        told.spoil(lambda frame: is_amend_frame(frame) and '"amount":1000.0,' not in frame, hush, up=True)
        told.take_some(order, 600)
        told.until(lambda: larger and told.theirs(order.label).amount > order.amount)
        told.take(told.theirs(order.label))
        told.lift(larger[1])
        told.end_well()

        assert told.theirs(order.label).filled_amount > order.amount
        assert told.course(order.label)[-1] is Status.FILLED
        assert len(told.fills(order.label)) > 1


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
