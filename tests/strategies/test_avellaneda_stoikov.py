"""Avellaneda & Stoikov's quotes, point by point; what they earn is in the experiment's tests."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from replenisher.core.coefficient import InSteps
from replenisher.core.signals.intensity import ArrivalDecay
from replenisher.core.signals.volatility import Volatility
from replenisher.core.strategy import NO_QUOTES, Quotes, View
from replenisher.model.order import Side
from replenisher.model.units import DAY_NS, HOUR_NS, MS_NS, SECOND_NS
from strategies.avellaneda_stoikov import AvellanedaStoikov, half_spread, reservation_shift
from tests.core.world import T0
from tests.strategies.test_pure_mm import seen

MIDNIGHT = T0 // DAY_NS * DAY_NS


def avellaneda_stoikov(**other: object) -> AvellanedaStoikov:
    """The paper's parameters, a second before the end, unless told otherwise."""
    plain: dict[str, object] = {
        "size_unit": "base",
        "order_amount": "1",
        "gamma": 0.1,
        "sigma": {"value": 2},
        "k": {"value": 1.5},
        "horizon": "rolling",
        "horizon_s": 1,
        "min_spread_bps": None,
    }
    return AvellanedaStoikov(**(plain | other))


def finite(**other: object) -> AvellanedaStoikov:
    return avellaneda_stoikov(**({"horizon": "finite", "horizon_s": 86_400, "time_step_s": 60} | other))


def at(moment: int, inventory: str = "0") -> View:
    return msgspec.structs.replace(seen(inventory=inventory), at=moment)


def prices(answer: Quotes, side: Side) -> list[int]:
    return [quote.price for quote in answer.quotes if quote.side is side]


def test_the_paper_s_numbers() -> None:
    terms = avellaneda_stoikov().quote(seen(inventory="5")).terms

    assert terms["reservation"] == pytest.approx(10_000 - 2.0)
    assert 2 * terms["half_spread"] == pytest.approx(1.6907704, abs=1e-7)
    assert 2 * half_spread(1, 0.1, 2, 1.5, left_s=0) == pytest.approx(1.2907704, abs=1e-7)
    assert reservation_shift(5, 0.1, 2, left_s=0) == 0


def test_the_spread_does_not_depend_on_the_inventory_and_stands_around_the_reservation_price() -> None:
    strategy = avellaneda_stoikov()

    # In a tick of 0.1, from 10,000 - 0.4 a unit, and 0.845 to either side.
    flat, long, short = (strategy.quote(seen(inventory=held)) for held in ("0", "5", "-5"))

    assert (prices(flat, Side.BUY), prices(flat, Side.SELL)) == ([99_991], [100_009])
    assert (prices(long, Side.BUY), prices(long, Side.SELL)) == ([99_971], [99_989])
    assert (prices(short, Side.BUY), prices(short, Side.SELL)) == ([100_011], [100_029])


def test_unless_told_otherwise_no_quote_crosses_fair_value() -> None:
    answer = avellaneda_stoikov(min_spread_bps=0.0).quote(seen(inventory="5"))

    assert (prices(answer, Side.BUY), prices(answer, Side.SELL)) == ([99_971], [100_000])


@given(st.floats(1e-3, 1e3), st.floats(1e-4, 1), st.floats(0.1, 10))
def test_gamma_is_an_aversion_to_money_so_orders_of_any_size_are_units_of_another_gamma(
    order: float, gamma: float, k: float
) -> None:
    # An order of so many units at gamma is one unit of another good at as many times gamma.
    assert half_spread(order, gamma, 2, k, 1) == pytest.approx(half_spread(1, order * gamma, 2, k, 1))
    assert reservation_shift(3 * order, gamma, 2, 1) == pytest.approx(reservation_shift(3, order * gamma, 2, 1))


def test_the_inventory_counts_from_the_target() -> None:
    assert avellaneda_stoikov(target_base=5.0).quote(seen(inventory="5")).terms["reservation"] == 10_000


# --- The horizon ---------------------------------------------------------------------------------------------------


def test_a_finite_horizon_ends_at_fixed_times_whenever_one_starts() -> None:
    strategy = finite(horizon_s=8 * 3_600)

    left = [strategy.quote(at(MIDNIGHT + hours * HOUR_NS)).terms["left_s"] for hours in (0, 1, 7, 8, 9, 23)]

    assert left == [hours * 3_600 for hours in (8, 7, 1, 8, 7, 1)]
    assert finite(horizon_s=8 * 3_600).quote(at(MIDNIGHT + HOUR_NS)).terms["left_s"] == left[1]  # of another life


def test_time_passes_in_steps_between_which_the_answer_is_the_same() -> None:
    strategy = finite()

    first, later, next_step = (strategy.quote(at(MIDNIGHT + after * SECOND_NS)) for after in (60, 119, 120))

    assert first is later
    assert (first.terms["left_s"], next_step.terms["left_s"]) == (86_340, 86_280)
    assert strategy.looks_again_s == 60


def test_as_the_end_comes_nearer_the_inventory_matters_less() -> None:
    strategy = finite(horizon_s=1, time_step_s=0.001)

    early, late = strategy.quote(at(MIDNIGHT, "5")), strategy.quote(at(MIDNIGHT + 999 * MS_NS, "5"))

    assert early.terms["reservation"] == pytest.approx(10_000 - 2.0)
    assert late.terms["left_s"] == pytest.approx(0.001)
    assert late.terms["reservation"] == pytest.approx(10_000 - 0.002)
    assert 2 * late.terms["half_spread"] == pytest.approx(1.2907704 + 0.0004)


def test_a_rolling_horizon_is_always_as_far_away() -> None:
    strategy = avellaneda_stoikov()

    assert strategy.quote(at(MIDNIGHT)) is strategy.quote(at(MIDNIGHT + 17 * HOUR_NS))
    assert strategy.looks_again_s is None


# --- What is measured ----------------------------------------------------------------------------------------------


def test_what_is_measured_is_used_within_its_bounds_and_shown() -> None:
    strategy = avellaneda_stoikov(sigma={"window_s": 60, "min": 1, "max": 4}, k={"window_s": 600, "min": 1, "max": 2})

    terms = strategy.quote(msgspec.structs.replace(seen(), signals={"sigma": 9.0, "k": 1.5})).terms

    assert strategy.signals == {"sigma": InSteps(Volatility(window_s=60)), "k": InSteps(ArrivalDecay(window_s=600))}
    assert (terms["sigma"], terms["sigma_measured"], terms["k"], terms["k_measured"]) == (4, 9, 1.5, 1.5)
    assert avellaneda_stoikov().signals == {}


def test_without_a_fair_value_there_are_no_quotes() -> None:
    assert avellaneda_stoikov(fair_value={"source": "last", "max_trade_age_s": 60}).quote(seen()) is NO_QUOTES


@pytest.mark.parametrize(
    ("wrong", "objection"),
    [
        ({"gamma": -1}, "greater than 0"),
        ({"k": {"value": 0}}, "greater than 0"),
        ({"sigma": {"value": float("nan")}}, "finite"),
        ({"horizon": "someday"}, "'finite' or 'rolling'"),
        ({"horizon_s": 0}, "greater than 0"),
        ({"horizon": "finite"}, "the horizon finite, which needs it"),
        ({"time_step_s": 1}, "the horizon finite, which needs it"),
        ({"horizon": "finite", "time_step_s": 2}, "not be longer than horizon_s"),
        ({"horizon": "finite", "horizon_s": 1e-10, "time_step_s": 1e-10}, "a millisecond"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, object], objection: str) -> None:
    with pytest.raises(ValidationError, match=objection):
        avellaneda_stoikov(**wrong)
