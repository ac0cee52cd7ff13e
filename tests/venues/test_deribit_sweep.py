"""Many orders in doubt: asked for together, and one by one only where neither answer has them."""

from replenisher.model.command import AskOrder
from replenisher.model.event import OrderReported, QuestionFailed
from replenisher.model.order import Status
from tests.venues.far import KEY, MS, T0, TRADING, Far, Json, S, make_open, order

OPEN, ENDED = "private/get_open_orders_by_currency", "private/get_order_history_by_currency"
ONE = "private/get_order_state_by_label"
LABELS = [f"mmx00000a{number:06d}" for number in range(30)]


def asked(labels: list[str], far: Far | None = None) -> Far:
    """A session in which all these orders have just been asked for."""
    far = far or make_open()
    questions = [AskOrder(order_id=each, instrument=KEY, placed_at=T0, deadline=far.at + 2 * S) for each in labels]
    far.venue.send(questions, far.at)
    return far


def orders(labels: list[str], state: str = "open", **fields: object) -> list[Json]:
    return [order(state, label=label, order_id=f"v{label}", **fields) for label in labels]


def test_of_many_orders_those_that_rest_and_those_that_ended_take_one_question_each() -> None:
    far = asked(LABELS)

    resting = far.take(TRADING, OPEN)
    told = far.reply(TRADING, resting, orders(LABELS[:10]))
    ended = far.take(TRADING, ENDED)
    told += far.reply(TRADING, ended, orders(LABELS[10:], "cancelled"))

    assert resting["params"] == {"currency": "BTC"}
    assert (ended["params"]["currency"], ended["params"]["include_unfilled"]) == ("BTC", True)
    reports = [fact for fact in told if isinstance(fact, OrderReported)]
    assert [fact.order.order_id for fact in reports] == LABELS
    assert [fact.order.status for fact in reports] == [Status.WORKING] * 10 + [Status.CANCELED] * 20
    assert [request["method"] for request in far.requests[TRADING]] == []


def test_what_neither_answer_has_is_asked_for_by_its_label() -> None:
    far = asked(LABELS)

    far.answer(TRADING, OPEN, [])
    far.answer(TRADING, ENDED, orders(LABELS[2:], "cancelled"))

    assert [far.take(TRADING, ONE)["params"]["label"] for _ in range(2)] == LABELS[:2]
    assert far.requests[TRADING] == []


def test_of_two_orders_of_one_label_the_one_that_changed_last_counts() -> None:
    far = asked(LABELS)

    twice = [*orders(LABELS), *orders(LABELS, "cancelled", last_update_timestamp=T0 // MS + 5)]
    told = far.answer(TRADING, OPEN, twice)

    assert {fact.order.status for fact in told if isinstance(fact, OrderReported)} == {Status.CANCELED}


def test_a_sweep_that_is_refused_leaves_each_order_to_be_asked_for() -> None:
    far = asked(LABELS[:10])

    far.answer(TRADING, OPEN, error={"code": 10041, "message": "settlement_in_progress"})
    far.answer(TRADING, ENDED, error={"code": 10041, "message": "settlement_in_progress"})

    assert far.take(TRADING, ONE)["params"]["label"] == LABELS[0]


def test_a_sweep_that_is_not_answered_fails_every_question() -> None:
    far = asked(LABELS)
    far.take(TRADING, OPEN)

    told = far.live(3 * S)

    failed = [fact for fact in told if isinstance(fact, QuestionFailed)]
    assert [fact.subject for fact in failed] == LABELS


def test_a_few_orders_are_asked_for_one_by_one() -> None:
    far = asked(LABELS[:3])

    assert [far.take(TRADING, ONE)["params"]["label"] for _ in range(3)] == LABELS[:3]


def test_a_question_that_the_limits_keep_back_past_its_deadline_is_not_sent() -> None:
    far = make_open()
    for _ in range(40):
        asked(LABELS[:9], far)  # far more than there are credits for

    told = far.live(4 * S)

    sent = [request for request in far.requests[TRADING] if request["method"] == ONE]
    assert len(sent) < 150
    assert len([fact for fact in told if isinstance(fact, QuestionFailed)]) == 360, "all of them failed in time"
