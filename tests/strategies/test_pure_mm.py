"""Ladders worked out by hand."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from replenisher.core.book import Touch
from replenisher.core.strategy import NO_QUOTES, View
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.order import Side
from replenisher.model.step import Quote
from strategies.pure_mm import PureMarketMaking
from tests.core.world import INVERSE, LINEAR, T0

# The linear contract has a tick of 0.1 and a lot of 0.001 BTC; the inverse one a tick of 0.5 and a lot of 10 USD.
AT_10_000 = Touch(99_990, 50, 100_010, 50)


def seen(
    instrument: Instrument = LINEAR, touch: Touch = AT_10_000, inventory: str = "0", last: float | None = None
) -> View:
    prices = {} if last is None else {"last": last}
    return View(at=T0, instrument=instrument, touch=touch, last_trade=None, inventory=Decimal(inventory), prices=prices)


def market_maker(**other: object) -> PureMarketMaking:
    """Two levels, 10 and 15 bps off, of 1,000 USDT each, unless told otherwise."""
    plain: dict[str, object] = {
        "size_unit": "quote",
        "order_levels": 2,
        "bid_spread_bps": 10,
        "ask_spread_bps": 10,
        "level_spacing_bps": 5,
        "order_amount": "1000",
    }
    return PureMarketMaking(**(plain | other))


def quoted(strategy: PureMarketMaking, view: View | None = None) -> list[tuple[str, int, int, int]]:
    quotes = strategy.quote(view or seen()).quotes
    return [(quote.side.value, quote.level, quote.price, quote.quantity) for quote in quotes]


def sizes(strategy: PureMarketMaking, side: Side, view: View | None = None) -> list[int]:
    return [quantity for name, _, _, quantity in quoted(strategy, view) if name == side.value]


def prices(strategy: PureMarketMaking, side: Side, view: View | None = None) -> list[int]:
    return [price for name, _, price, _ in quoted(strategy, view) if name == side.value]


def test_a_plain_ladder() -> None:
    # 10,000 less 10 bps is 9,990.0; less 15 bps is 9,985.0. 1,000 USDT at 10,000 are 0.1 BTC, 100 lots.
    assert quoted(market_maker()) == [
        ("buy", 0, 99_900, 100),
        ("buy", 1, 99_850, 100),
        ("sell", 0, 100_100, 100),
        ("sell", 1, 100_150, 100),
    ]


def test_spreads_may_differ_by_side() -> None:
    lopsided = market_maker(bid_spread_bps=20, ask_spread_bps=5)

    assert prices(lopsided, Side.BUY) == [99_800, 99_750]
    assert prices(lopsided, Side.SELL) == [100_050, 100_100]


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ({"size_curve": "flat"}, [100, 100, 100]),
        ({"size_curve": "linear", "level_amount_step": 0.5}, [100, 150, 200]),
        ({"size_curve": "exponential", "level_amount_step": 0.5}, [100, 150, 225]),
    ],
)
def test_sizes_grow_with_the_distance(curve: dict[str, object], expected: list[int]) -> None:
    strategy = market_maker(order_levels=3, **curve)

    assert sizes(strategy, Side.BUY) == sizes(strategy, Side.SELL) == expected


def test_a_ladder_may_be_written_out() -> None:
    written = PureMarketMaking(
        size_unit="quote",
        size_curve="custom",
        bid_levels=({"spread_bps": 10, "amount": "500"}, {"spread_bps": 30, "amount": "2000"}),
        ask_levels=({"spread_bps": 20, "amount": "1000"},),
    )

    assert quoted(written) == [("buy", 0, 99_900, 50), ("buy", 1, 99_700, 200), ("sell", 0, 100_200, 100)]


@pytest.mark.parametrize(
    ("instrument", "unit", "amount", "lots"),
    [
        (LINEAR, "quote", "1000", 100),  # 0.1 BTC at 10,000
        (LINEAR, "base", "0.1", 100),
        (LINEAR, "contract", "100", 100),  # a contract is a lot where the venue counts in coins
        (INVERSE, "quote", "1000", 100),  # 1,000 USD in lots of 10 USD, whatever the price
        (INVERSE, "base", "0.02", 100),  # 0.02 BTC at 50,000 are 1,000 USD
        (INVERSE, "contract", "100", 100),
    ],
)
def test_sizes_in_every_unit(instrument: Instrument, unit: str, amount: str, lots: int) -> None:
    strategy = market_maker(size_unit=unit, order_amount=amount)

    assert sizes(strategy, Side.BUY, seen(instrument)) == [lots, lots]


def test_contracts_are_the_wire_amount_where_the_venue_counts_in_them() -> None:
    counted = msgspec.structs.replace(
        LINEAR, amount_unit=AmountUnit.CONTRACT, lot=Decimal(1), contract_value=Decimal("0.01")
    )

    assert sizes(market_maker(size_unit="contract", order_amount="7"), Side.SELL, seen(counted)) == [7, 7]
    assert sizes(market_maker(), Side.SELL, seen(counted)) == [10, 10]


def test_sizes_are_rounded_down_to_lots_and_nothing_is_quoted_below_one() -> None:
    assert sizes(market_maker(order_amount="19.99"), Side.BUY) == [1, 1]
    assert quoted(market_maker(order_amount="9.99")) == []


def test_prices_are_rounded_away_from_the_market() -> None:
    view = seen(touch=Touch(99_999, 50, 100_002, 50))  # A mid of 10,000.05: 9,990.04995 and 10,010.05005.

    assert prices(market_maker(order_levels=1), Side.BUY, view) == [99_900]
    assert prices(market_maker(order_levels=1), Side.SELL, view) == [100_101]


def test_levels_that_the_tick_pushes_onto_one_price_are_one() -> None:
    strategy = market_maker(order_levels=3, level_spacing_bps=0.004)

    assert quoted(strategy) == [
        ("buy", 0, 99_900, 100),
        ("buy", 1, 99_899, 100),
        ("sell", 0, 100_100, 100),
        ("sell", 1, 100_101, 100),
    ]


# --- Inventory -----------------------------------------------------------------------------------------------------
# A whole side of the ladder is worth 2,000 USDT: 0.2 BTC at 10,000. The half spread is 10 bps, 10.0.


@pytest.mark.parametrize(
    ("inventory", "factor", "bid", "ask"),
    [
        ("0", 1.0, 99_900, 100_100),
        ("0.2", 1.0, 99_800, 100_000),
        ("0.1", 1.0, 99_850, 100_050),
        ("-0.2", 1.0, 100_000, 100_200),
        ("5", 1.0, 99_800, 100_000),  # never more than one ladder
        ("0.2", 0.5, 99_850, 100_050),
        ("0.2", 0.0, 99_900, 100_100),
    ],
)
def test_prices_lean_against_the_inventory(inventory: str, factor: float, bid: int, ask: int) -> None:
    strategy = market_maker(inventory={"skew": "price", "skew_factor": factor})

    assert prices(strategy, Side.BUY, seen(inventory=inventory))[0] == bid
    assert prices(strategy, Side.SELL, seen(inventory=inventory))[0] == ask
    assert sizes(strategy, Side.BUY, seen(inventory=inventory)) == [100, 100]


@pytest.mark.parametrize(
    ("inventory", "factor", "bids", "asks"),
    [
        ("0", 1.0, [100, 100], [100, 100]),
        ("0.1", 1.0, [50, 50], [150, 150]),
        ("0.2", 1.0, [], [200, 200]),
        ("-0.1", 1.0, [150, 150], [50, 50]),
        ("0.2", 3.0, [], [200, 200]),
    ],
)
def test_sizes_lean_against_the_inventory(inventory: str, factor: float, bids: list[int], asks: list[int]) -> None:
    strategy = market_maker(inventory={"skew": "size", "skew_factor": factor})

    assert sizes(strategy, Side.BUY, seen(inventory=inventory)) == bids
    assert sizes(strategy, Side.SELL, seen(inventory=inventory)) == asks
    assert prices(strategy, Side.SELL, seen(inventory=inventory)) == [100_100, 100_150]


def test_both_lean_together() -> None:
    strategy = market_maker(inventory={"skew": "both"})

    assert quoted(strategy, seen(inventory="0.1")) == [
        ("buy", 0, 99_850, 50),
        ("buy", 1, 99_800, 50),
        ("sell", 0, 100_050, 150),
        ("sell", 1, 100_100, 150),
    ]


def test_the_lean_is_measured_from_the_target() -> None:
    strategy = market_maker(inventory={"skew": "price", "target_quote": 1000})

    assert strategy.quote(seen(inventory="0.1")).terms["lean"] == 0
    assert strategy.quote(seen()).terms["lean"] == -0.5


def test_an_inverse_inventory_leans_by_its_contracts() -> None:
    strategy = market_maker(inventory={"skew": "price"})

    assert strategy.quote(seen(INVERSE, inventory="-1000")).terms["lean"] == -0.5


def test_what_is_held_makes_no_quote_anew_where_nothing_leans_against_it() -> None:
    strategy, leaning = market_maker(), market_maker(inventory={"skew": "price"})
    flat, long = strategy.quote(seen()), strategy.quote(seen(inventory="0.1"))

    assert long.quotes is flat.quotes
    assert (flat.terms["lean"], long.terms["lean"]) == (0.0, 0.5)
    assert leaning.quote(seen()).quotes == flat.quotes != leaning.quote(seen(inventory="0.1")).quotes


# --- Bounds --------------------------------------------------------------------------------------------------------


def test_nothing_is_bought_above_the_ceiling_nor_sold_below_the_floor() -> None:
    strategy = market_maker(price_ceiling=9_985.0, price_floor=10_015.0)

    assert prices(strategy, Side.BUY) == [99_850]
    assert prices(strategy, Side.SELL) == [100_150]


def test_a_lean_never_comes_closer_to_fair_value_than_half_the_minimum_spread() -> None:
    strategy = market_maker(inventory={"skew": "price"}, min_spread_bps=16)

    assert prices(strategy, Side.SELL, seen(inventory="0.2")) == [100_080]
    assert prices(strategy, Side.BUY, seen(inventory="0.2")) == [99_800, 99_750]


# --- Fair value ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "fair"),
    [
        ({"source": "mid"}, 10_000.0),
        ({"source": "weighted"}, 10_000.5),
        ({"source": "last", "max_trade_age_s": 60}, 9_999.3),
        ({"source": "fixed", "price": 9_000}, 9_000.0),
    ],
)
def test_every_source_of_fair_value(source: dict[str, object], fair: float) -> None:
    quotes = market_maker(fair_value=source).quote(seen(touch=Touch(99_990, 75, 100_010, 25), last=9_999.3))

    assert quotes.fair_value == pytest.approx(fair)
    assert quotes.terms["fair_value"] == quotes.fair_value


def test_without_a_last_trade_the_source_last_has_nothing_to_go_by() -> None:
    assert market_maker(fair_value={"source": "last", "max_trade_age_s": 60}).quote(seen()) is NO_QUOTES


@given(
    st.integers(1_000, 2_000_000),
    st.integers(1, 500),
    st.integers(1, 10_000),
    st.integers(1, 10_000),
    st.sampled_from(["none", "price", "size", "both"]),
    st.decimals(-3, 3, places=3),
    st.sampled_from([LINEAR, INVERSE]),
)
def test_every_ladder_stands_around_its_centre_and_nearest_first(
    bid: int, width: int, bid_size: int, ask_size: int, skew: str, inventory: Decimal, instrument: Instrument
) -> None:
    strategy = market_maker(order_levels=4, inventory={"skew": skew}, fair_value={"source": "micro"})
    view = seen(instrument, Touch(bid, bid_size, bid + width, ask_size), str(inventory))

    answer = strategy.quote(view)

    by_side: dict[Side, list[Quote]] = {side: [quote for quote in answer.quotes if quote.side is side] for side in Side}
    tick, centre = float(instrument.tick), answer.terms["centre"]
    for side, quotes in by_side.items():
        distances = [-quote.price * side.sign for quote in quotes]
        assert distances == sorted(set(distances))
        assert [quote.level for quote in quotes] == sorted({quote.level for quote in quotes})
        assert all((centre - quote.price * tick) * side.sign > 0 for quote in quotes)
        assert all(quote.quantity > 0 for quote in quotes)


# --- What makes no sense -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "objection"),
    [
        ({"order_levels": 0}, "greater than or equal to 1"),
        ({"order_amount": "-1"}, "greater than 0"),
        ({"order_amount": "NaN"}, "finite"),
        ({"bid_spread_bps": 0}, "greater than 0"),
        ({"bid_spread_bps": float("inf")}, "finite"),
        ({"size_unit": "coins"}, "'base', 'quote' or 'contract'"),
        ({"level_spacing_bps": 0}, "more than one level"),
        ({"level_spacing_bps": None}, "more than one level"),
        ({"order_amount": None}, "missing"),
        ({"size_curve": "linear"}, "which need it"),
        ({"level_amount_step": 1}, "linear and exponential"),
        ({"size_curve": "custom"}, "no meaning with size_curve: custom"),
        ({"bid_levels": ({"spread_bps": 1, "amount": 1},)}, "belongs to size_curve: custom"),
        ({"ask_levels": ({"spread_bps": 1, "amount": 1},)}, "belongs to size_curve: custom"),
        ({"fair_value": {"source": "fixed"}}, "fixed"),
        ({"fair_value": {"source": "mid", "price": 3}}, "fixed"),
        ({"ordr_levels": 3}, "Unexpected keyword argument"),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused(wrong: dict[str, object], objection: str) -> None:
    with pytest.raises(ValidationError, match=objection):
        market_maker(**wrong)


def test_a_written_ladder_needs_a_level() -> None:
    with pytest.raises(ValidationError, match="needs bid_levels or ask_levels"):
        PureMarketMaking(size_unit="quote", size_curve="custom")


def test_one_level_needs_no_spacing() -> None:
    assert len(quoted(market_maker(order_levels=1, level_spacing_bps=None))) == 2
