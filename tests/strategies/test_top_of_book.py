"""Quotes that go by where the others stand. The linear contract has a tick of 0.1; the mid is 10,000."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from replenisher.core.book import Book, Touch
from replenisher.core.signals.depth import PriceBehind, price_behind
from replenisher.core.strategy import Quotes
from replenisher.model.instrument import AmountUnit, Instrument, TickStep
from replenisher.model.order import BUY, SELL
from strategies.top_of_book import TopOfBook
from tests.core.world import INVERSE, LINEAR
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
        ("join", Touch(99_797, 50, 100_203, 50), (99_797, 100_203)),  # 100,203 times 0.1 is more, in doubles
        ("inverse_join", WIDE, (99_900, 100_100)),
        ("inverse_join", TIGHT, (99_999, 100_001)),
        ("improve", WIDE, (99_801, 100_199)),
        ("improve", TIGHT, (99_900, 100_100)),
    ],
)
def test_where_the_first_level_stands(placement: str, touch: Touch, expected: tuple[int, ...]) -> None:
    assert stands_at(top_of_book(placement).quote(seen(touch=touch))) == expected


def test_depth_stands_in_front_of_the_level_that_completes_an_amount_of_the_others() -> None:
    strategy = top_of_book("depth", behind_amount="5000", improve_ticks=2)
    assert strategy.signals == {
        "buy_behind": PriceBehind(side=BUY, amount=strategy.behind_amount, unit=AmountUnit.QUOTE),
        "sell_behind": PriceBehind(side=SELL, amount=strategy.behind_amount, unit=AmountUnit.QUOTE),
    }

    view = msgspec.structs.replace(seen(touch=TIGHT), signals={"buy_behind": 9_970.0, "sell_behind": 10_040.0})

    assert stands_at(strategy.quote(view)) == (99_702, 100_398)


def test_the_price_behind_an_amount_is_that_of_the_level_that_completes_it() -> None:
    book = Book()
    book.replace([(100, 5), (98, 10), (95, 1)], [], 0, 0)

    def found(lots: int) -> int | None:
        return price_behind(book.bids, lambda _touch: lots)

    assert [found(lots) for lots in (1, 5, 6, 15, 16, 17)] == [100, 100, 98, 98, 95, 0]
    assert price_behind(book.asks, lambda _: 1) is None


@pytest.mark.parametrize(
    ("instrument", "amount", "unit"),
    [  # each of them 6 lots where the touch is 100 ticks
        (LINEAR, "0.006", AmountUnit.BASE),
        (LINEAR, "0.06", AmountUnit.QUOTE),  # at 10.0
        (LINEAR, "6", AmountUnit.CONTRACT),
        (INVERSE, "60", AmountUnit.QUOTE),
        (INVERSE, "1.2", AmountUnit.BASE),  # at 50.0
        (INVERSE, "6", AmountUnit.CONTRACT),
    ],
)
def test_the_amount_to_stand_behind_is_in_the_unit_of_all_sizes(
    instrument: Instrument, amount: str, unit: AmountUnit
) -> None:
    book = Book()
    book.replace([(100, 5), (98, 1), (95, 1)], [], 0, 0)
    machine = PriceBehind(side=BUY, amount=Decimal(amount), unit=unit).start(instrument)

    before = machine.value(0)
    machine.saw_book(book, 1)

    assert before is None
    assert machine.value(1) == pytest.approx(98 * instrument.tick_float)


def test_a_side_of_which_less_is_known_than_the_amount_to_stand_behind_is_not_quoted_and_says_so() -> None:
    strategy = top_of_book("depth", behind_amount="5000")
    view = msgspec.structs.replace(seen(touch=TIGHT), signals={"buy_behind": 0.0, "sell_behind": 10_040.0})

    answer = strategy.quote(view)

    assert [(quote.side, quote.price) for quote in answer.quotes] == [(SELL, 100_399)]
    assert answer.reason == "the others' bids hold less than behind_amount"


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [
        (99_800, 100_200, (99_801, 100_195)),  # the grid is coarser above 10,000: by half a unit
        (100_000, 100_200, (100_005, 100_195)),  # from its edge upwards, too
        (99_500, 100_005, (99_501, 100_000)),  # and down to its edge
    ],
)
def test_in_front_is_a_step_of_the_grid_that_is_in_force_there(bid: int, ask: int, expected: tuple[int, int]) -> None:
    steps = (*LINEAR.tick_steps, TickStep(Decimal(10_000), Decimal("0.5")))
    banded = msgspec.structs.replace(LINEAR, tick_steps=steps)
    strategy = top_of_book("improve", spread_bps=1)

    assert stands_at(strategy.quote(seen(banded, touch=Touch(bid, 50, ask, 50)))) == expected


def test_only_the_side_that_adds_leans_and_it_leans_away() -> None:
    strategy = top_of_book("join", inventory={"skew": "price", "skew_factor": 1.0})

    assert stands_at(strategy.quote(seen(touch=WIDE, inventory="0.1"))) == (99_700, 100_200)
    assert stands_at(strategy.quote(seen(touch=WIDE, inventory="-0.1"))) == (99_800, 100_300)


@pytest.mark.parametrize("other", [{"placement": "join", "behind_amount": "1"}, {"placement": "depth"}])
def test_an_amount_belongs_to_depth(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="it belongs to the placement depth, which needs it"):
        top_of_book(**other)
