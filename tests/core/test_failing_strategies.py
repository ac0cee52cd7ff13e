"""A strategy that fails is paused, and nobody else notices."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from replenisher.core.absence import why_absent
from replenisher.core.strategy import NO_QUOTES, Quotes, View
from replenisher.model.command import Pause
from replenisher.model.event import ResumeAsked
from replenisher.model.order import Side
from replenisher.model.step import Quote
from tests.core.world import ASK, BID, KEY, Wishes, World, buy, ladder, sell, setup


@dataclass
class Moody:
    """A strategy that does whatever a test wants of it."""

    answer: Callable[[View], Any]

    def quote(self, view: View) -> Quotes:
        answer: Quotes = self.answer(view)
        return answer


def quotes(*wanted: Quote, fair_value: float | None = 10_000.0, **terms: Any) -> Quotes:
    return Quotes(fair_value=fair_value, quotes=wanted, terms=terms)


def well(_: View) -> Quotes:
    return quotes(buy(0, BID - 50), sell(0, ASK + 50))


def raising(_: View) -> Quotes:
    raise ZeroDivisionError("no trades yet")


def beside(moody: Moody) -> World:
    """A world in which a moody strategy and a steady one quote the same instrument."""
    world = World(setup([("steady", Wishes(ladder(2))), ("moody", moody)]))
    world.open()
    assert len(world.live()) == 6
    return world


def look(world: World) -> None:
    """The market moves, and both strategies are asked."""
    world.ask_again()
    world.venue.publish(Side.BUY, BID, world.at)
    world.hear()
    world.settle()


def bid(price: Any = BID, quantity: Any = 10, *, side: Any = Side.BUY, level: Any = 0) -> Quotes:
    """One wanted order, of whatever it may be made of."""
    return quotes(Quote(side, level, price, quantity))


NONSENSE: dict[str, Callable[[View], Any]] = {
    "raises": raising,
    "nothing": lambda _: None,
    "a list": lambda _: [buy(0, BID)],
    "a price that is none": lambda _: bid(math.nan),
    "a broken price": lambda _: bid(BID - 0.5),
    "no price": lambda _: bid(None),
    "no size": lambda _: bid(quantity=None),
    "a price that no number format holds": lambda _: bid(10**30),
    "a side that is a word": lambda _: bid(side="buy"),
    "a level that is none": lambda _: bid(level=math.inf),
    "two orders in one slot": lambda _: quotes(buy(0, BID), buy(0, BID - 10)),
    "no fair value": lambda _: quotes(buy(0, BID), fair_value=None),
    "a fair value that is none": lambda _: quotes(buy(0, BID), fair_value=math.nan),
    "an endless term": lambda _: quotes(buy(0, BID), spread=math.inf),
    "terms of which no sum exists": lambda _: quotes(buy(0, BID), spread=math.inf, skew=-math.inf),
    "a term that no number format holds": lambda _: quotes(buy(0, BID), spread=10**30),
    "a term that is a word": lambda _: quotes(buy(0, BID), spread="wide"),
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_a_strategy_that_raises_or_answers_nonsense_pauses_itself_only(answer: Callable[[View], Any]) -> None:
    moody = Moody(well)
    world = beside(moody)

    moody.answer = answer
    look(world)

    assert {order.strategy for order in world.live()} == {"steady"}
    assert len(world.venue.resting()) == 4
    assert list(world.state.pauses) == ["moody"]
    assert sum(isinstance(wish, Pause) for step in world.steps for wish in step.commands) == 1, "it is recorded, once"
    (moodys, steadys) = (world.setup.strategy(name) for name in ("moody", "steady"))
    assert moodys is not None and steadys is not None
    assert why_absent(world.state, moodys, world.at).startswith("paused: strategy moody failed: it ")
    assert why_absent(world.state, steadys, world.at) == ""

    moody.answer = well
    look(world)
    assert len(world.live()) == 4, "a pause is a latch"
    world.tell(ResumeAsked(at=0))
    world.settle()
    assert len(world.live()) == 6


def test_what_a_strategy_raised_is_told_with_its_place() -> None:
    moody = Moody(well)
    world = beside(moody)

    moody.answer = raising
    look(world)

    reason = world.state.pauses["moody"].reason
    assert reason.startswith("strategy moody failed: it raised ZeroDivisionError: no trades yet (test_failing_strategi")


def test_a_strategy_that_failed_is_not_asked_before_it_is_resumed() -> None:
    asked: list[int] = []

    def failing(view: View) -> Quotes:
        asked.append(view.at)
        raise RuntimeError

    moody = Moody(well)
    world = beside(moody)
    moody.answer = failing
    look(world)
    look(world)

    assert len(asked) == 1


@pytest.mark.parametrize("quote", [buy(0, -BID), buy(0, 0), buy(0, BID, -10), sell(0, 10 * ASK)])
def test_what_our_limits_forbid_is_withheld_and_no_failure(quote: Quote) -> None:
    moody = Moody(well)
    world = beside(moody)

    moody.answer = lambda _: quotes(quote, sell(1, ASK + 70))
    look(world)

    assert world.state.pauses == {}
    assert sum(order.strategy == "moody" for order in world.live()) == 1


def test_a_strategy_that_wants_nothing_has_not_failed() -> None:
    moody = Moody(well)
    world = beside(moody)

    moody.answer = lambda _: NO_QUOTES
    look(world)

    assert world.state.pauses == {}
    assert world.state.orders.of(("moody", KEY)) == []
