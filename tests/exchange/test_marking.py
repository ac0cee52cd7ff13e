from decimal import Decimal

import pytest

from bench.small_exchange import BTC_PERPETUAL
from replenisher.exchange.marking import Marking
from replenisher.model.order import Side

S = 1_000_000_000


class Still:
    """A market that stands where a test puts it; prices in ticks of half a dollar."""

    instrument = BTC_PERPETUAL

    def __init__(self, bid: int | None, ask: int | None, index: float | None) -> None:
        self.touch = {Side.BUY: bid, Side.SELL: ask}
        self.index = index

    def best(self, side: Side, *, without: str = "") -> int | None:
        return self.touch[side]


def marking(bid: int | None, ask: int | None, index: float | None) -> tuple[Still, Marking]:
    market = Still(bid, ask, index)
    return market, Marking(market, 0)  # type: ignore[arg-type] # a marking looks at no more of a market than this


def test_where_nothing_is_known_of_elsewhere_the_middle_is_index_and_mark() -> None:
    market, prices = marking(120_000, 120_010, None)

    assert (prices.index, prices.mark(0), prices.funding_8h(0)) == (Decimal("60002.50"), Decimal("60002.50"), 0)
    market.touch = {Side.BUY: 119_000, Side.SELL: None}
    prices.observe(1)
    assert (prices.index, prices.mark(1)) == (Decimal(59_500), Decimal(59_500))
    market.touch = {Side.BUY: None, Side.SELL: None}
    prices.observe(2)
    assert prices.index == Decimal(59_500), "an empty book changes no price"


def test_a_market_that_never_showed_a_price_has_none() -> None:
    _, prices = marking(None, None, None)

    assert (prices.index, prices.mark(5), prices.funding_8h(5)) == (0, 0, 0)


def test_the_mark_follows_the_book_with_a_mean_age_of_thirty_seconds() -> None:
    market, prices = marking(119_990, 120_010, 120_000.0)
    assert prices.mark(0) == 60_000

    market.touch = {Side.BUY: 120_190, Side.SELL: 120_210}  # 100 dollars above the index
    prices.observe(0)

    assert prices.mark(0) == 60_000, "an order moves no mark in the moment in which it comes"
    assert float(prices.mark(30 * S)) == pytest.approx(60_000 + 100 * (1 - 0.36788), abs=0.01)
    prices.observe(15 * S)  # looking at it in between changes nothing
    assert float(prices.mark(30 * S)) == pytest.approx(60_000 + 100 * (1 - 0.36788), abs=0.01)
    assert float(prices.mark(600 * S)) == pytest.approx(60_100, abs=0.01)


def test_the_mark_stays_within_half_a_percent_of_the_index() -> None:
    market, prices = marking(119_990, 120_010, 120_000.0)

    market.touch = {Side.BUY: 140_000, Side.SELL: 140_010}
    prices.observe(0)

    assert prices.mark(600 * S) == Decimal(60_300)


def test_an_index_is_published_once_a_second_and_moves_the_mark_with_it() -> None:
    market, prices = marking(119_990, 120_010, 120_000.0)

    market.index = 120_200.0
    prices.observe(S - 1)
    assert prices.index == 60_000
    prices.observe(S)

    assert (prices.index, prices.mark(S)) == (60_100, 60_100)


@pytest.mark.parametrize(
    ("above_index", "rate"), [(0, 0), (0.0002, 0), (0.001, 0.00075), (-0.001, -0.00075), (0.02, 0.00475)]
)
def test_funding_is_what_of_the_premium_lies_beyond_its_free_part(above_index: float, rate: float) -> None:
    price = round(120_000 * (1 + above_index))
    _, prices = marking(price, price, 120_000.0)

    assert prices.funding_8h(0) == pytest.approx(rate, abs=1e-9)
