"""Orders of which nobody hears, in every case there is, with the whole system around them.

What became of an order is looked up at the exchange at the moment when we believe to know nothing of it; each test says
which of these cases its seeds must have met, so that none of them is proved by not happening.
"""

from collections import Counter

import pytest

from replenisher.core import evidence
from replenisher.core.orders import Order
from replenisher.core.state import State
from replenisher.exchange.words import OrderState, OrderView
from replenisher.model.event import OrderNotFound, OrderReported
from replenisher.model.order import Status
from replenisher.model.step import Step
from replenisher.simulate.checks import ALL
from replenisher.simulate.court import Check, Daemon, Objection
from replenisher.simulate.order_frames import order_frame
from replenisher.simulate.run import Outcome
from replenisher.simulate.swarm import Cue, Plan
from tests.simulate.kit import outcome_of, script

UNHEARD = (Cue(fault="answer lost"), Cue(fault="word lost"))  # the first place is taken, and nobody hears of it
SPEECHLESS = Plan(rates={"answer lost": 0.5, "request lost": 0.1, "word lost": 0.8, "held back": 0.05})
met: Counter[str] = Counter()  # by the witness of the run that is under way


class Witness(Check):
    """Objects to nothing. It notes what was true of an order when we did not know, and what a request met."""

    name = "witness"

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        for order in step.orders:
            if order.status is Status.UNKNOWN:
                views = self.oracle.exchange.views.orders_by_label(self.oracle.account, order.order_id)
                met[f"unknown: {_described(views[0]) if views else 'not there'}"] += 1
        touched = {order.order_id: order for order in step.orders}
        for event in step.events:
            if isinstance(event, OrderReported) and (order := touched.get(event.order.order_id)):
                met[f"{event.order.status}: not booked"] += event.order.filled > order.filled
        return None

    def heard(self, link: str, frame: str) -> Objection:
        request = order_frame(frame)
        if request is None or request.is_place:
            return None
        if request.order_id:
            view = self.oracle.exchange.views.order(self.oracle.account, request.order_id)
            views = [] if view is None else [view]
        else:
            views = self.oracle.exchange.views.orders_by_label(self.oracle.account, request.label)
        for view in views:
            met[f"{request.verb}: {_described(view)}"] += 1
        return None


def _described(view: OrderView) -> str:
    if view.state is OrderState.OPEN:
        return "partly filled" if view.filled_amount else "rests"
    return view.state.value


def lived(seed: int, plan: Plan, minutes: float = 1) -> Outcome:
    return outcome_of(seed, minutes=minutes, plan=plan, checks=(*ALL, Witness))


def test_whatever_became_of_an_order_nobody_heard_of_is_found_out() -> None:
    met.clear()

    violations = [lived(seed, SPEECHLESS, minutes=2).violation for seed in range(4)]

    assert [violation for violation in violations if violation] == []
    assert met.keys() >= {"unknown: not there", "unknown: rests", "unknown: filled", "unknown: cancelled"}
    assert met.keys() >= {f"cancel_by_label: {state}" for state in ("rests", "filled", "cancelled")}
    assert met.keys() >= {f"cancel: {state}" for state in ("rests", "partly filled", "filled", "cancelled")}
    assert met.keys() >= {f"edit: {state}" for state in ("rests", "partly filled", "filled")}


@pytest.mark.parametrize(("seed", "end"), [(3, "canceled"), (6, "filled")])
def test_between_the_end_of_an_order_and_the_booking_of_what_it_traded_no_limit_is_passed(seed: int, end: str) -> None:
    met.clear()

    found = lived(seed, SPEECHLESS, minutes=2)

    assert met[f"{end}: not booked"]
    assert found.violation is None


@pytest.mark.parametrize("times", [1, 2])
def test_an_order_that_the_exchange_forgets_for_a_while_does_not_end(times: int) -> None:
    met.clear()
    forgotten = tuple(Cue(fault="forgotten") for _ in range(times))

    found = lived(5, script(*UNHEARD, *forgotten))

    assert found.befell["forgotten"] == times
    assert met["unknown: rests"]
    assert found.violation is None


def test_whoever_believes_the_first_not_found_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = evidence._is_not_found

    def believe(state: State, order: Order, fact: OrderNotFound) -> None:
        order.not_found, order.not_found_since = evidence.NOT_FOUND_TIMES, 1
        genuine(state, order, fact)

    monkeypatch.setattr(evidence, "_is_not_found", believe)

    found = lived(5, script(*UNHEARD, *(Cue(fault="forgotten") for _ in range(4))))

    assert found.violation is not None
    assert found.violation.invariant == "S5"
