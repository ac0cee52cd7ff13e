"""A trade is made on either side, and then closed at its entry and a width. Fair value is 10,000, a tick 0.1."""

from decimal import Decimal

import msgspec
import pytest

from replenisher.core.load import Load
from replenisher.core.risk import Bound, Exposure, Measure, Stake, permit
from replenisher.core.strategy import View
from replenisher.model.order import Side
from strategies.ping_pong import PingPong
from tests.core.world import INVERSE, LINEAR, limits
from tests.strategies.test_pure_mm import seen


def ping_pong(**other: object) -> PingPong:
    """1,000 USDT at 10 bps, closed 5 bps from the entry, unless told otherwise."""
    plain: dict[str, object] = {"size_unit": "quote", "order_amount": "1000", "spread_bps": 10, "width_bps": 5}
    return PingPong(**(plain | other))


def holding(inventory: str, entry: float) -> View:
    return msgspec.structs.replace(seen(inventory=inventory), entry_price=entry)


def quoted(strategy: PingPong, view: View) -> list[tuple[Side, int, int]]:
    return [(quote.side, quote.price, quote.quantity) for quote in strategy.quote(view).quotes]


def test_while_flat_both_sides_are_quoted() -> None:
    assert quoted(ping_pong(), seen()) == [(Side.BUY, 99_900, 100), (Side.SELL, 100_100, 100)]


@pytest.mark.parametrize(
    ("inventory", "entry", "expected"),
    [
        ("0.1", 10_100.0, (Side.SELL, 101_051, 100)),  # the market fell: it waits at its entry and 5.05, up a tick
        ("0.1", 9_900.0, (Side.SELL, 100_100, 100)),  # the market rose: what the market gives is better
        ("-0.1", 9_900.0, (Side.BUY, 98_950, 100)),
        ("-0.1", 10_100.0, (Side.BUY, 99_900, 100)),
        ("0.037", 10_100.0, (Side.SELL, 101_051, 37)),  # no more is closed than is held
    ],
)
def test_what_is_held_is_only_closed_and_never_below_its_entry(
    inventory: str, entry: float, expected: tuple[Side, int, int]
) -> None:
    assert quoted(ping_pong(), holding(inventory, entry)) == [expected]


def test_less_than_a_lot_is_nothing_to_close() -> None:
    assert len(quoted(ping_pong(), holding("0.0004", 10_000.0))) == 2


def test_what_is_left_below_the_venues_minimum_keeps_nobody_from_trading_on() -> None:
    view = holding("0.003", 10_000.0)
    demanding = msgspec.structs.replace(view.instrument, min_amount=Decimal("0.01"))

    assert len(quoted(ping_pong(), msgspec.structs.replace(view, instrument=demanding))) == 2


def test_what_is_left_below_the_least_worth_that_the_venue_takes_keeps_nobody_from_trading_on() -> None:
    view = holding("0.005", 10_000.0)
    demanding = msgspec.structs.replace(view.instrument, min_notional=Decimal(100))

    assert len(quoted(ping_pong(), msgspec.structs.replace(view, instrument=demanding))) == 2


@pytest.mark.parametrize(
    ("inventory", "sizes"),
    [
        ("0.4", [100, 100, 100, 100]),  # 4,000 USDT: an order of all of it could break a limit that every level keeps
        ("0.23", [30, 100, 100]),
        ("0.105", [105]),  # 5 lots alone are too few for the venue
        ("0.43", [130, 100, 100, 100]),  # more than all levels: they were smaller when it was bought
    ],
)
def test_what_several_levels_have_bought_is_offered_back_level_by_level_at_one_price(
    inventory: str, sizes: list[int]
) -> None:
    view = holding(inventory, 10_000.0)
    view = msgspec.structs.replace(
        view, instrument=msgspec.structs.replace(view.instrument, min_amount=Decimal("0.01"))
    )

    quotes = ping_pong(order_levels=4, level_spacing_bps=1).quote(view).quotes

    assert [quote.quantity for quote in quotes] == sizes
    assert [quote.level for quote in quotes] == list(range(len(sizes)))
    assert {(quote.side, quote.price) for quote in quotes} == {(Side.SELL, 100_100)}


def test_all_that_is_held_is_offered_where_no_order_may_be_larger_than_a_level() -> None:
    tight = Measure(limits(max_order_quote=Decimal(1_010)), LINEAR)
    bound = Bound(tight, Stake(position=Decimal("0.4"), cash=Decimal(10_000), base_cash=None, mark=Decimal(10_000)))
    strategy = ping_pong(order_levels=4, level_spacing_bps=1)

    permitted, cuts = permit(strategy.quote(holding("0.4", 10_000.0)).quotes, [Exposure(bound, Load())])

    assert sum(quote.quantity for quote in permitted) == 400
    assert not cuts


def test_of_spot_no_more_is_offered_than_is_there_once_the_fee_was_taken_from_it() -> None:
    bought = holding("0.1", 10_000.0)

    assert quoted(ping_pong(), msgspec.structs.replace(bought, available=Decimal("0.0999"))) == [
        (Side.SELL, 100_100, 99)
    ]
    assert quoted(ping_pong(), msgspec.structs.replace(bought, available=Decimal(3))) == [(Side.SELL, 100_100, 100)]
    assert len(quoted(ping_pong(), msgspec.structs.replace(bought, available=Decimal("0.0004")))) == 2  # sold by hand


def test_an_inverse_position_is_closed_in_its_own_contracts() -> None:
    view = msgspec.structs.replace(seen(INVERSE, inventory="1000"), entry_price=60_000.0)

    ((side, _, quantity),) = quoted(ping_pong(), view)
    assert (side, quantity) == (Side.SELL, 100)


@pytest.mark.parametrize(
    ("bound", "inventory", "entry", "shown"),
    [
        ({"price_floor": 10_105.1}, "0.1", 10_100.0, 1),
        ({"price_floor": 10_105.2}, "0.1", 10_100.0, 0),
        ({"price_ceiling": 9_895.0}, "-0.1", 9_900.0, 1),
        ({"price_ceiling": 9_894.9}, "-0.1", 9_900.0, 0),
        ({"price_floor": 10_200.0, "price_ceiling": 9_000.0}, "0", 10_000.0, 0),
    ],
)
def test_nothing_is_sold_below_the_floor_or_bought_above_the_ceiling_to_close_it_either(
    bound: dict[str, float], inventory: str, entry: float, shown: int
) -> None:
    assert len(quoted(ping_pong(**bound), holding(inventory, entry))) == shown
