"""Risk: what trims a ladder and what denies an order, one by one and in whole numbers."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replenisher.core import risk
from replenisher.core.load import Load
from replenisher.core.orders import Order, Orders, Pending
from replenisher.core.risk import CROSSES_OWN, Bound, Exposure, Gate, Limits, Measure, Stake
from replenisher.model.instrument import Instrument, Kind, TickStep
from replenisher.model.order import Request, Side, Status
from replenisher.model.step import Quote, why_cut
from tests.core.test_reconcile import order
from tests.core.world import INVERSE, KEY, LINEAR, buy, ladder, limits, quoting, sell, want

MARK = Decimal(10_000)  # 100,000 ticks of 0.1
TEN_LOTS = Decimal("0.01") * MARK  # 100 USDT


class AtStake(NamedTuple):
    """What is held, and the orders that may be live."""

    instrument: Instrument
    stake: Stake
    orders: Orders

    def exposure(self, allowed: Limits) -> Exposure:
        bound = Bound(Measure(allowed, self.instrument), self.stake)
        return Exposure(bound, self.orders.load_on(KEY))


def stake(
    position: str = "0", orders: list[Order] | None = None, instrument: Instrument = LINEAR, **other: object
) -> AtStake:
    fields: dict[str, object] = {
        "position": Decimal(position),
        "cash": Decimal(1_000_000),
        "base_cash": Decimal(1_000),
        "mark": MARK,
    }
    return AtStake(instrument, Stake(**(fields | other)), Orders.load(orders or []))


def asked(
    side: Side, price: int, quantity: int, allowed: Limits, at_stake: AtStake, amended: Order | None = None
) -> str:
    counted = None if amended is None else at_stake.orders.counted(amended)
    gate = Gate([at_stake.exposure(allowed)], at_stake.orders.on(KEY))
    return gate.objection(side, price, quantity, counted) or ""


def permit(quotes: Iterable[Quote], allowed: Limits, at_stake: AtStake) -> tuple[tuple[Quote, ...], str]:
    permitted, cuts = risk.permit(tuple(quotes), [at_stake.exposure(allowed)])
    return permitted, why_cut(cuts)


# --- The last word -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "at_stake", "reason"),
    [
        (limits(), stake(), ""),
        (limits(max_order_quote=Decimal(99)), stake(), "max_order_quote"),
        (limits(max_order_quote=Decimal(100)), stake(), ""),
        (limits(max_position_quote=Decimal(99)), stake(), "max_position_quote"),
        (limits(max_position_quote=Decimal(150)), stake("0.004"), ""),
        (limits(max_position_quote=Decimal(150)), stake("0.006"), "max_position_quote"),
        (limits(max_position_quote=Decimal(150)), stake("0", [order(1, 99_990, 6)]), "max_position_quote"),
        (limits(max_position_quote=Decimal(150)), stake("0", [order(1, 99_990, 6, side=Side.SELL)]), "would cross"),
        (limits(max_position_quote=Decimal(150)), stake("0", [order(1, 100_200, 6, side=Side.SELL)]), ""),
        (limits(max_position_quote=Decimal(150)), stake("0", [order(1, 99_990, 10, filled=5)]), ""),
        (
            limits(max_position_quote=Decimal(150)),
            stake("0", [order(1, 99_990, 6, status=Status.UNKNOWN)]),
            "max_position_quote",
        ),
        (
            limits(max_position_quote=Decimal(150)),
            stake("0", [order(1, 99_990, 4, pending=Pending(Request.AMEND, 0, 99_990, 6))]),
            "max_position_quote",
        ),
        (
            limits(max_position_quote=Decimal(150)),
            stake("0", [order(1, 99_990, 6, pending=Pending(Request.CANCEL, 0, 99_990, 6))]),
            "max_position_quote",
        ),
        (limits(max_open_orders=1), stake("0", [order(1, 99_990)]), "max_open_orders"),
        (limits(max_total_quote=Decimal(190)), stake("0", [order(1, 99_990)]), "max_total_quote"),
        (limits(max_total_quote=Decimal(210)), stake("0", [order(1, 99_990)]), ""),
        (limits(price_collar_bps=0.5), stake(mark=Decimal("10000.6")), "price_collar_bps"),
        (limits(price_collar_bps=0.6), stake(mark=Decimal("10000.6")), ""),
        (limits(max_leverage=Decimal(10)), stake(cash=Decimal("9.9")), "max_leverage"),
        (limits(max_leverage=Decimal(10)), stake(cash=Decimal(0)), "funds"),
        (limits(max_leverage=Decimal(10)), stake(cash=Decimal(10)), ""),
        (limits(), stake(cash=None), "funds"),
    ],
)
def test_an_order_is_denied_by_the_limit_it_breaks(allowed: Limits, at_stake: AtStake, reason: str) -> None:
    found = asked(Side.BUY, 100_000, 10, allowed, at_stake)

    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_an_order_that_reduces_passes_every_limit_on_what_is_held() -> None:
    held_too_much = stake("0.05", cash=Decimal(1))
    tight = limits(max_position_quote=Decimal(100), max_leverage=Decimal(1))

    assert asked(Side.SELL, 100_100, 10, tight, held_too_much) == ""
    assert asked(Side.BUY, 99_900, 10, tight, held_too_much) == "max_position_quote"


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ([sell(0, 100_100, 30)], [9]),  # 9 lots at 10,010 are 90.09: what is held goes out in pieces
        ([sell(0, 100_100, 30), sell(1, 100_200, 20)], [9, 9]),
        ([sell(0, 100_100, 51)], []),  # a lot of it would be sold short
        ([buy(0, 99_900, 30)], []),
    ],
)
def test_what_only_reduces_is_shown_as_far_as_an_order_may_be_large(wanted: list[Quote], shown: list[int]) -> None:
    permitted, why = permit(wanted, limits(max_order_quote=Decimal(100)), stake("0.05"))

    assert [quote.quantity for quote in permitted] == shown
    assert why == "max_order_quote"


def test_where_only_what_reduces_may_be_shown_an_order_is_no_larger_than_it_may_be() -> None:
    tight = limits(max_order_quote=Decimal(100))

    permitted, why = permit([sell(0, 100_100, 60)], tight, stake("0.05", reduces=True))

    assert [quote.quantity for quote in permitted] == [9]
    assert why == "max_order_quote"


def test_an_order_that_would_turn_the_position_round_is_measured_on_the_other_side() -> None:
    tight = limits(max_position_quote=Decimal(100))

    assert asked(Side.SELL, 100_000, 20, tight, stake("0.010")) == ""
    assert asked(Side.SELL, 100_000, 21, tight, stake("0.010")) == "max_position_quote"


def test_an_amended_order_is_counted_once() -> None:
    resting = order(0, 99_990)

    assert asked(Side.BUY, 100_000, 14, limits(max_position_quote=Decimal(150)), stake("0", [resting]), resting) == ""
    assert asked(Side.BUY, 100_000, 10, limits(max_open_orders=1), stake("0", [resting]), resting) == ""


@pytest.mark.parametrize(("price", "quantity"), [(0, 10), (-5, 10), (100_000, 0), (100_000, -1)])
def test_price_and_size_are_positive(price: int, quantity: int) -> None:
    assert asked(Side.BUY, price, quantity, limits(), stake()) == "price and size must be positive"


def test_what_the_venue_would_not_take_is_not_sent() -> None:
    coarse = msgspec.structs.replace(
        LINEAR,
        tick_steps=(TickStep(Decimal(0), Decimal("0.1")), TickStep(Decimal(5_000), Decimal(1))),
        min_notional=Decimal(50),
    )

    assert asked(Side.BUY, 100_001, 10, limits(), stake(instrument=coarse)) == "off the tick"
    assert asked(Side.BUY, 100_000, 4, limits(), stake(instrument=coarse)) == "below the venue's minimum"
    assert asked(Side.BUY, 100_000, 10, limits(), stake(instrument=coarse)) == ""


def test_an_inverse_position_needs_its_settlement_currency() -> None:
    a_coin = {"instrument": INVERSE, "mark": Decimal(50_000)}

    tight, at_stake = limits(max_leverage=Decimal(1)), stake(cash=Decimal(1), **a_coin)
    assert asked(Side.BUY, 100_000, 5_000, tight, at_stake) == ""
    assert asked(Side.BUY, 100_000, 5_001, tight, at_stake) == "max_leverage"


def test_at_a_spot_venue_what_is_sold_must_be_there() -> None:
    spot = msgspec.structs.replace(LINEAR, kind=Kind.SPOT)

    assert asked(Side.BUY, 100_000, 10, limits(), stake(instrument=spot, cash=Decimal(99))) == "funds"
    assert asked(Side.BUY, 100_000, 10, limits(), stake(instrument=spot, cash=Decimal(100))) == ""
    has_coins = stake(instrument=spot, base_cash=Decimal("0.01"))
    assert asked(Side.SELL, 100_000, 10, limits(), has_coins) == ""
    assert asked(Side.SELL, 100_000, 11, limits(), has_coins) == "funds"
    assert asked(Side.SELL, 100_000, 1, limits(), stake(instrument=spot, base_cash=None)) == "funds"


def test_at_a_spot_venue_what_rests_on_a_side_reserves_its_funds_and_no_others() -> None:
    spot = msgspec.structs.replace(LINEAR, kind=Kind.SPOT)
    resting = [order(0, 99_900, quantity=6), order(0, 100_100, side=Side.SELL, quantity=6)]
    at_stake = stake(orders=resting, instrument=spot, cash=Decimal(100), base_cash=Decimal("0.01"))

    assert asked(Side.BUY, 99_800, 4, limits(), at_stake) == ""
    assert asked(Side.BUY, 99_800, 5, limits(), at_stake) == "funds"
    assert asked(Side.SELL, 100_200, 4, limits(), at_stake) == ""
    assert asked(Side.SELL, 100_200, 5, limits(), at_stake) == "funds"


def test_two_of_our_own_never_cross() -> None:
    offer = order(0, 100_010, side=Side.SELL, pending=Pending(Request.AMEND, 0, 100_005, 10))

    for side, price, ours, objection in [
        (Side.BUY, 100_005, offer, CROSSES_OWN),
        (Side.BUY, 100_004, offer, None),
        (Side.SELL, 100_000, order(0, 100_000), CROSSES_OWN),
        (Side.SELL, 100_001, order(0, 100_000), None),
        (Side.BUY, 100_010, order(0, 100_020), None),
    ]:
        assert Gate([], [ours]).objection(side, price, 10, None) == objection


# --- What trims a ladder -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        (limits(), 6),
        (limits(max_open_orders=3), 3),
        (limits(max_total_quote=Decimal(450)), 4),
        (limits(max_position_quote=Decimal(250)), 4),
        (limits(price_collar_bps=3.5), 4),
        (limits(max_order_quote=Decimal(10)), 0),
        (limits(max_leverage=Decimal("0.00025")), 4),
    ],
)
def test_what_stands_nearest_to_the_touch_stays(allowed: Limits, left: int) -> None:
    permitted, reason = permit(ladder(3), allowed, stake())

    assert len(permitted) == left
    assert bool(reason) == (left < 6)
    assert {quote.level for quote in permitted} == set(range((left + 1) // 2))


def test_a_position_trims_only_the_side_that_adds_to_it() -> None:
    permitted, reason = permit(ladder(3), limits(max_position_quote=Decimal(250)), stake("0.02"))

    assert [quote.level for quote in permitted if quote.side is Side.BUY] == []
    assert [quote.level for quote in permitted if quote.side is Side.SELL] == [0, 1, 2]
    assert reason == "max_position_quote"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=8),
    st.integers(100, 600),
    st.data(),
)
def test_the_worst_case_never_exceeds_the_limit(
    changes: list[tuple[int, int]], limit: int, data: st.DataObject
) -> None:
    world = quoting((), limits=limits(max_position_quote=Decimal(limit)), amends_price=data.draw(st.booleans()))

    for levels, quantity in changes:
        want(world, ladder(levels, quantity))
        for command in list(world.outgoing):
            match data.draw(st.sampled_from(["arrives", "waits", "is lost"])):
                case "arrives":
                    world.arrive(command)
                case "is lost":
                    world.outgoing.remove(command)
                case _:
                    pass
        if world.venue.resting() and data.draw(st.booleans()):
            world.venue.fill(data.draw(st.sampled_from(world.venue.resting())), 3, world.at)
        world.hear()
        for side in Side:
            lots = sum(each.remaining_max for each in world.live() if each.side is side)
            if lots:
                worst = world.state.account.position(LINEAR.key).size + side.sign * LINEAR.amount(lots)
                assert worst * side.sign * MARK <= limit


# --- Whole numbers against decimals --------------------------------------------------------------------------------


def told_in_decimals(side: Side, price: int, quantity: int, allowed: Limits, at_stake: AtStake) -> str:
    """The same judgement by its definition: everything that may be live is counted anew, in the venue's own amounts."""
    instrument, held = at_stake.instrument, at_stake.stake
    amount, at_price = instrument.amount(quantity), instrument.price(price)
    worth = instrument.notional_quote(amount, at_price)
    live = list(at_stake.orders.on(KEY))
    amounts = [(each.side, instrument.amount(each.remaining_max), instrument.price(max(each.prices))) for each in live]
    total = sum((instrument.notional_quote(size, at) for _, size, at in amounts), Decimal(0))
    same_side = [(size, instrument.notional_quote(size, at)) for where, size, at in amounts if where is side]
    after = held.position + side.sign * (sum((size for size, _ in same_side), Decimal(0)) + amount)
    adds_risk = after * side.sign > 0
    if price <= 0 or quantity <= 0:
        return "price and size must be positive"
    if at_price % instrument.tick_at(at_price) != 0:
        return "off the tick"
    if amount < instrument.min_amount or worth < instrument.min_notional:
        return "below the venue's minimum"
    if worth > allowed.max_order_quote:
        return "max_order_quote"
    if len(live) >= allowed.max_open_orders:
        return "max_open_orders"
    if allowed.max_total_quote is not None and total + worth > allowed.max_total_quote:
        return "max_total_quote"
    if abs(at_price - held.mark) * 10_000 > Decimal(repr(allowed.price_collar_bps)) * held.mark:
        return "price_collar_bps"
    if adds_risk and abs(instrument.notional_quote(after, held.mark)) > allowed.max_position_quote:
        return "max_position_quote"
    if instrument.kind is Kind.SPOT and side is Side.BUY:
        cash, needed = held.cash, sum((value for _, value in same_side), Decimal(0)) + worth
    elif instrument.kind is Kind.SPOT:
        cash, needed = held.base_cash, sum((size for size, _ in same_side), Decimal(0)) + amount
    else:
        cash = held.cash
        needed = abs(instrument.value(after, held.mark)) / allowed.max_leverage if adds_risk else Decimal(0)
        if cash is not None and needed > cash > 0:
            return "max_leverage"
    return "funds" if cash is None or needed > cash else ""


SPOT = msgspec.structs.replace(LINEAR, kind=Kind.SPOT, min_notional=Decimal(20))
BANDED = msgspec.structs.replace(
    LINEAR, tick_steps=(TickStep(Decimal(0), Decimal("0.1")), TickStep(Decimal(10_000), Decimal("0.5")))
)
CONTRACTS = msgspec.structs.replace(LINEAR, contract_value=Decimal("0.01"), lot=Decimal(1), min_amount=Decimal(2))
MONEY = st.integers(0, 4_000).map(lambda tenths: Decimal(tenths) / 10)
NEAR_PRICES = st.integers(99_900, 100_100)
LIVE = st.builds(
    lambda number, side, price, quantity, pending: order(
        0, price, quantity, side=side, order_id=f"tst{number:012d}", pending=pending
    ),
    st.integers(0, 10**9),
    st.sampled_from(list(Side)),
    NEAR_PRICES,
    st.integers(1, 30),
    st.none() | st.builds(Pending, st.sampled_from(list(Request)), st.just(0), NEAR_PRICES, st.integers(1, 30)),
)


@settings(max_examples=400, deadline=None)
@given(
    instrument=st.sampled_from([LINEAR, INVERSE, SPOT, BANDED, CONTRACTS]),
    side=st.sampled_from(list(Side)),
    price=NEAR_PRICES | st.integers(-1, 1),
    quantity=st.integers(0, 40),
    position=st.integers(-60_000, 60_000).map(lambda parts: Decimal(parts) / 1_000_000),
    live=st.lists(LIVE, max_size=4, unique_by=lambda each: each.order_id),
    allowed=st.builds(
        limits,
        max_position_quote=MONEY,
        max_order_quote=MONEY,
        max_open_orders=st.integers(1, 5),
        max_total_quote=st.none() | MONEY,
        price_collar_bps=st.sampled_from([0.5, 3.3, 10.0, 10_000.0]),
        max_leverage=st.sampled_from([Decimal(1), Decimal(3), Decimal("0.7")]),
    ),
    cash=st.none() | st.integers(-5, 4_000).map(lambda tenths: Decimal(tenths) / 10),
    half_ticks=st.integers(199_900, 200_100),
)
def test_limits_in_whole_numbers_say_what_decimals_say(
    instrument: Instrument,
    side: Side,
    price: int,
    quantity: int,
    position: Decimal,
    live: list[Order],
    allowed: Limits,
    cash: Decimal | None,
    half_ticks: int,
) -> None:
    held = position * instrument.lot * 1_000
    at_stake = AtStake(
        instrument,
        Stake(position=held, cash=cash, base_cash=cash, mark=half_ticks * instrument.tick / 2),
        Orders.load(live),
    )
    exposure = at_stake.exposure(allowed)
    found = exposure.bound.objection(side, price, quantity, exposure.load, exposure.load.orders) or ""

    assert found == told_in_decimals(side, price, quantity, allowed, at_stake)
    assert exposure.bound.takes([Quote(side, 0, price, quantity)], exposure.load, exposure.load.orders) <= (not found)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(list(Side)), NEAR_PRICES, st.integers(1, 30)), max_size=6),
    st.builds(
        limits,
        max_position_quote=MONEY,
        max_total_quote=st.none() | MONEY,
        max_open_orders=st.integers(1, 6),
        price_collar_bps=st.sampled_from([3.3, 10.0, 10_000.0]),
    ),
)
def test_a_ladder_that_is_taken_as_a_whole_is_one_of_which_nothing_is_trimmed(
    wanted: list[tuple[Side, int, int]], allowed: Limits
) -> None:
    quotes = [Quote(side, level, price, quantity) for level, (side, price, quantity) in enumerate(wanted)]
    exposure = stake().exposure(allowed)
    load = Load()
    objections = []
    for quote in quotes:
        objections.append(exposure.bound.objection(quote.side, quote.price, quote.quantity, load, load.orders))
        load.change(quote.side, None, (quote.quantity, quote.price))

    assert exposure.bound.takes(quotes, Load(), 0) == (not any(objections))


STANDING = st.tuples(st.sampled_from(list(Side)), st.integers(1, 100), st.integers(1, 9))  # so far from the mark


@settings(max_examples=200, deadline=None)
@given(
    st.lists(STANDING, max_size=4),
    st.lists(STANDING, min_size=1, max_size=6),
    st.builds(
        limits,
        max_position_quote=st.integers(200, 2_000).map(Decimal),
        max_total_quote=st.none() | st.integers(200, 4_000).map(Decimal),
        max_open_orders=st.integers(4, 12),
    ),
)
def test_what_the_gate_lets_pass_together_it_lets_pass_one_by_one(
    resting: list[tuple[Side, int, int]], wanted: list[tuple[Side, int, int]], allowed: Limits
) -> None:
    """Those that rest on the side of a quote are amended into it, one each; the rest is placed."""
    standing = [
        order(level, 100_000 - side.sign * away, quantity, side=side)
        for level, (side, away, quantity) in enumerate(resting)
    ]
    at_stake = stake(orders=standing)
    quotes = [
        Quote(side, level, 100_000 - side.sign * away, quantity) for level, (side, away, quantity) in enumerate(wanted)
    ]
    gate = Gate([at_stake.exposure(allowed)], at_stake.orders.on(KEY), is_running=True)
    assume(gate.lets_all_pass(quotes))

    for quote in quotes:
        moved = next((each for each in standing if each.side is quote.side and each.pending is None), None)
        counted = None if moved is None else at_stake.orders.counted(moved)
        assert gate.objection(quote.side, quote.price, quote.quantity, counted) is None
        gate.passed(quote.side, quote.price)
        if moved is None:
            at_stake.orders.add(order(100 + quote.level, quote.price, quote.quantity, side=quote.side))
        else:
            moved.pending = Pending(Request.AMEND, 0, quote.price, quote.quantity)
            at_stake.orders.count(moved)


def test_a_ladder_within_its_limits_passes_the_gate_together_and_one_that_would_cross_does_not() -> None:
    resting = [order(0, 99_990), order(0, 100_010, side=Side.SELL)]
    gate = Gate([stake(orders=resting).exposure(limits())], resting)

    assert gate.lets_all_pass([Quote(Side.BUY, 0, 99_991, 10), Quote(Side.SELL, 0, 100_009, 10)])
    assert not gate.lets_all_pass([Quote(Side.BUY, 0, 100_010, 10)])
    assert not gate.lets_all_pass([Quote(Side.BUY, 0, 100_001, 10), Quote(Side.SELL, 0, 100_001, 10)])
