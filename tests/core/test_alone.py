"""The others leave a side of the book, or both: who knows a price without them may quote on, and nobody else."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from replenisher.core.alone import stand_in
from replenisher.model.command import Pause
from replenisher.model.order import Side
from tests.core.test_fair_value import Priced, fair_value, maker, quoting_by, shown, spot, withheld
from tests.core.world import ASK, BID, SECOND, World, cancels, setup


def issuer(**other: Any) -> World:
    """The maker of a token's market, whose price is known from elsewhere: both levels stand around 10,000."""
    world = quoting_by(fair_value(source="http", http="spot", when_alone="quote"), **other)
    world.tell(spot(world, 10_000.0))
    world.settle()
    assert shown(world) == pytest.approx({"buy": 9_990.0, "sell": 10_010.0})
    return world


def leave(world: World, *sides: Side) -> int:
    """The others take away all they have on these sides; how many cancels that leads to."""
    for side in sides:
        world.venue.set_others(side, BID if side is Side.BUY else ASK, 0, world.at)
    gone = cancels(world.hear())
    world.settle()
    return gone


@pytest.mark.parametrize("sides", [(Side.BUY,), (Side.SELL,), (Side.BUY, Side.SELL)])
def test_who_knows_a_price_stays_when_the_others_leave(sides: tuple[Side, ...]) -> None:
    world = issuer()

    assert leave(world, *sides) == 0

    assert shown(world) == pytest.approx({"buy": 9_990.0, "sell": 10_010.0})


def test_what_is_eaten_of_the_only_liquidity_there_is_is_put_back_and_follows_the_price() -> None:
    world = issuer()
    leave(world, Side.BUY, Side.SELL)

    world.venue.fill(world.at_venue(world.order(Side.SELL)), 10, world.at)
    world.hear()
    world.settle()
    assert shown(world) == pytest.approx({"buy": 9_990.0, "sell": 10_010.0})

    world.tell(spot(world, 10_100.0))
    world.settle()
    assert shown(world) == pytest.approx({"buy": 10_089.9, "sell": 10_110.1}, abs=0.11)


def test_who_was_not_told_to_be_alone_leaves_with_the_others() -> None:
    world = quoting_by(fair_value(source="http", http="spot"))
    world.tell(spot(world, 10_000.0))
    world.settle()

    assert leave(world, Side.SELL) == 2
    assert withheld(world) == "one side of the book is empty"


def test_beside_who_is_alone_another_strategy_still_needs_a_market() -> None:
    by_price = Priced(maker=maker(fair_value(source="fixed", price=10_000.0, when_alone="quote")))
    by_book = Priced(maker=maker(fair_value(source="mid")))
    world = World(setup([("issuer", by_price), ("guest", by_book)]))
    world.open()
    assert {order.strategy for order in world.live()} == {"issuer", "guest"}

    assert leave(world, Side.SELL) == 2

    assert [order.strategy for order in world.live()] == ["issuer", "issuer"]


def test_alone_and_without_a_price_nothing_is_shown() -> None:
    world = issuer()
    leave(world, Side.BUY, Side.SELL)

    world.wait(6 * SECOND)
    world.settle()

    assert not world.live()
    assert withheld(world) == "fair value: the price over HTTP is not known"
    world.tell(spot(world, 9_900.0))
    world.settle()
    assert shown(world) == pytest.approx({"buy": 9_890.1, "sell": 9_909.9}, abs=0.11)


def test_a_desk_that_stands_alone_from_its_first_moment_opens_the_market() -> None:
    world = quoting_by(fair_value(source="fixed", price=10_000.0, when_alone="quote"))
    leave(world, Side.BUY, Side.SELL)
    world.tell(world.venue.snapshot(world.at))
    world.settle()

    assert shown(world) == pytest.approx({"buy": 9_990.0, "sell": 10_010.0})


def test_nobody_is_taken_from_who_still_stands() -> None:
    world = issuer()
    leave(world, Side.SELL)

    world.tell(spot(world, 9_980.0))  # below the bid of the others, which stands at 9,999
    world.settle()

    assert shown(world)["sell"] == pytest.approx(9_999.1)
    assert not any(order.price >= ASK for order in world.live() if order.side is Side.BUY)


def test_what_is_held_alone_is_marked_to_the_price_so_that_the_loss_limit_still_binds() -> None:
    world = issuer(max_daily_loss_quote=Decimal(5), max_order_quote=Decimal(1_000))
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.hear()
    world.settle()
    leave(world, Side.BUY, Side.SELL)

    wishes = world.tell(spot(world, 9_000.0))  # 0.01 BTC are worth 10 less

    (pause,) = (wish for wish in wishes if isinstance(wish, Pause))
    assert "max_daily_loss_quote" in pause.reason
    world.settle()
    assert not world.live()


def test_a_price_that_comes_from_the_book_is_none_without_it() -> None:
    with pytest.raises(ValidationError, match="known without the book: fixed, index, mark, http, composite"):
        fair_value(source="mid", when_alone="quote")


TICKS = st.integers(1, 1_000_000)


@given(st.none() | TICKS, st.none() | TICKS, st.floats(1.0, 1_000_000.0))
def test_what_stands_in_is_never_crossed_keeps_what_is_there_and_marks_what_is_fair(
    bid: int | None, ask: int | None, fair: float
) -> None:
    if bid is not None and ask is not None:
        bid, ask = min(bid, ask), max(bid, ask) + 1

    touch = stand_in(bid, ask, fair)

    assert touch.bid < touch.ask
    assert bid in (None, touch.bid) and ask in (None, touch.ask)
    if (bid is None or bid < fair - 1) and (ask is None or ask > fair + 1) and None in (bid, ask):
        assert (touch.bid + touch.ask) / 2 == pytest.approx(fair, abs=0.5)
