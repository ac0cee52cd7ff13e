"""Quotes that go by where the others stand. The linear contract has a tick of 0.1; the mid is 10,000."""

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from replenisher.core.book import Book, Touch
from replenisher.core.signals.depth import PriceBehind, price_behind
from replenisher.core.strategy import Quotes
from replenisher.model.order import BUY, SELL
from strategies.top_of_book import TopOfBook
from tests.core.world import LINEAR
from tests.strategies.test_pure_mm import seen

TIGHT = Touch(99_999, 50, 100_001, 50)  # 0.2 wide
WIDE = Touch(99_800, 50, 100_200, 50)  # 40 wide


def top_of_book(placement: str, **other: object) -> TopOfBook:
    """One level of 1,000 USDT a side, 20 bps apart where the others do not decide: 10 from fair value."""
    plain: dict[str, object] = {"size_unit": "quote", "order_amount": "1000", "spread_bps": 20, "placement": placement}
    return TopOfBook(**(plain | other))


def stands_at(answer: Quotes) -> tuple[int, ...]:
    return tuple(quote.price for quote in answer.quotes)


@pytest.mark.parametrize(
    ("placement", "touch", "expected"),
    [
        ("join", WIDE, (99_800, 100_200)),
        ("join", TIGHT, (99_900, 100_100)),
        ("inverse_join", WIDE, (99_900, 100_100)),
        ("inverse_join", TIGHT, (99_999, 100_001)),
        ("improve", WIDE, (99_801, 100_199)),
        ("improve", TIGHT, (99_900, 100_100)),
    ],
)
def test_where_the_first_level_stands(placement: str, touch: Touch, expected: tuple[int, ...]) -> None:
    assert stands_at(top_of_book(placement).quote(seen(touch=touch))) == expected


def test_depth_stands_in_front_of_the_level_that_completes_an_amount_of_the_others() -> None:
    strategy = top_of_book("depth", behind_amount="0.5", improve_ticks=2)
    assert strategy.signals == {
        "buy_behind": PriceBehind(side=BUY, amount=strategy.behind_amount),
        "sell_behind": PriceBehind(side=SELL, amount=strategy.behind_amount),
    }

    view = msgspec.structs.replace(seen(touch=TIGHT), signals={"buy_behind": 9_970.0, "sell_behind": 10_040.0})

    assert stands_at(strategy.quote(view)) == (99_702, 100_398)


def test_the_price_behind_an_amount_is_that_of_the_level_that_completes_it() -> None:
    book = Book()
    book.replace([(100, 5), (98, 10), (95, 1)], [], 0, 0)

    assert [price_behind(book.bids, lots) for lots in (1, 5, 6, 15, 16, 99)] == [100, 100, 98, 98, 95, 95]
    assert price_behind(book.asks, 1) is None

    machine = PriceBehind(side=BUY, amount=LINEAR.lot * 6).start(LINEAR)
    assert machine.value(0) is None
    machine.saw_book(book, 1)
    assert machine.value(1) == pytest.approx(9.8)


def test_only_the_side_that_adds_leans_and_it_leans_away() -> None:
    strategy = top_of_book("join", inventory={"skew": "price", "skew_factor": 1.0})

    assert stands_at(strategy.quote(seen(touch=WIDE, inventory="0.1"))) == (99_700, 100_200)
    assert stands_at(strategy.quote(seen(touch=WIDE, inventory="-0.1"))) == (99_800, 100_300)


@pytest.mark.parametrize("other", [{"placement": "join", "behind_amount": "1"}, {"placement": "depth"}])
def test_an_amount_belongs_to_depth(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="it belongs to the placement depth, which needs it"):
        top_of_book(**other)
