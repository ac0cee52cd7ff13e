"""What a course of P&L and of inventory says, on courses that can be worked out by hand."""

from decimal import Decimal
from math import log, sqrt

import pytest

from replenisher.model.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from replenisher.report.curve import Course, Equity, Holding

D = Decimal
T0 = 19_700 * DAY_NS  # a midnight


def equity(changes: list[str], every_ns: int) -> Equity:
    """P&L that changes once in each interval."""
    made = Equity()
    for number, change in enumerate(changes):
        made.move(T0 + number * every_ns, D(change))
    return made


def test_drawdown_is_the_deepest_fall_from_a_peak_and_counts_from_nothing() -> None:
    # The level: -1, 4, 2, 3, -2, 6, 5. From the peak of 4 down to -2.
    assert equity(["-1", "5", "-2", "1", "-5", "8", "-1"], MINUTE_NS).drawdown == 6
    assert equity(["-1", "-2"], MINUTE_NS).drawdown == 3
    assert equity(["1", "2"], MINUTE_NS).drawdown == 0


@pytest.mark.parametrize(("every_ns", "interval_s"), [(DAY_NS, 86_400), (HOUR_NS, 3_600), (MINUTE_NS, 60)])
def test_sharpe_takes_the_longest_interval_of_which_there_are_enough_samples(every_ns: int, interval_s: int) -> None:
    # 15 times +3 and 15 times -1: mean 1, sum of squares 30 x 4, so sd = sqrt(120 / 29).
    found = equity(["3", "-1"] * 15, every_ns).sharpe()

    assert (found.interval_s, found.samples, found.refused) == (interval_s, 30, "")
    assert found.annualised == pytest.approx(1 / sqrt(120 / 29) * sqrt(365 * 86_400 / interval_s))


def test_an_interval_in_which_nothing_moved_is_a_sample_and_several_moves_in_one_are_one() -> None:
    made = Equity()
    for second, change in ((0, "1"), (30, "2"), (39 * 60, "1")):
        made.move(T0 + second * SECOND_NS, D(change))

    # 40 minutes: 3, 1 and 38 times 0. mean 0.1, sum of squares 9 + 1 - 40 x 0.01 = 9.6.
    assert made.sharpe().samples == 40
    assert made.sharpe().annualised == pytest.approx(0.1 / sqrt(9.6 / 39) * sqrt(365 * 1440))


def test_what_lies_between_two_times_of_its_own_is_no_sample_and_a_minute_of_both_is_one() -> None:
    made = Equity()
    for minute in range(20):
        made.move(T0 + minute * MINUTE_NS, D(1))
    made.pause()
    for second in range(19 * 60 + 30, 40 * 60, 60):
        made.move(T0 + second * SECOND_NS, D(-1))
    made.pause()
    for minute in range(100, 110):
        made.move(T0 + minute * MINUTE_NS, D(1))

    # The 20th minute has +1 and -1: 19 times 1, 0, 20 times -1 and 10 times 1. mean 9 / 50, squares 49 - 81 / 50.
    assert made.sharpe().samples == 50
    assert made.sharpe().annualised == pytest.approx(0.18 / sqrt((49 - 81 / 50) / 49) * sqrt(365 * 1440))
    assert made.span_ns == (19 + 20 + 9) * MINUTE_NS


def test_sharpe_is_refused_where_there_is_too_little_and_says_so() -> None:
    few = equity(["1", "-1"] * 14, MINUTE_NS).sharpe()
    even = equity(["1"] * 30, MINUTE_NS).sharpe()

    assert (few.annualised, few.samples) == (None, 28)
    assert few.refused == "too short: 28 of the 30 minutes that it takes"
    assert (even.annualised, even.refused) == (None, "P&L moved alike in every sample")
    assert Equity().sharpe().refused == "too short: 0 of the 30 minutes that it takes"


def held(sizes: list[float]) -> Holding:
    """An inventory that changes right after each full second."""
    made = Holding()
    for number, size in enumerate(sizes):
        made.hold(T0 + number * SECOND_NS + 1, Decimal(size))
    return made


def test_half_life_of_an_inventory_that_loses_two_percent_a_second() -> None:
    found = held([100 * 0.98**second for second in range(100)]).half_life()

    assert found.value_s == pytest.approx(34.309618, abs=1e-6)  # -ln 2 / ln 0.98
    assert (found.samples, found.refused) == (98, "")


def test_what_is_held_for_long_is_seen_at_every_second_of_it() -> None:
    """60 seconds of 1, then 60 of 0: of 118 pairs 59 are (1, 1), one is (1, 0) and 58 are (0, 0)."""
    made = Holding()
    made.hold(T0 + 1, Decimal(1))
    made.hold(T0 + 60 * SECOND_NS + 1, Decimal(0))
    made.pass_until(T0 + 119 * SECOND_NS + 1)

    # x̄ = 60/118, ȳ = 59/118: phi = (59 - 118 x̄ ȳ) / (60 - 118 x̄²) = 29 / 29.49152...
    phi = (59 - 60 * 59 / 118) / (60 - 60 * 60 / 118)
    assert made.half_life().samples == 118
    assert made.half_life().value_s == pytest.approx(-log(2) / log(phi))


def test_an_inventory_is_not_looked_at_while_another_configuration_holds_it() -> None:
    """4 held for 31 s and 0 for 29 s; of what is between, nothing is known: 30 + 28 pairs, all of two alike."""
    made = Holding()
    made.hold(T0, Decimal(4))
    made.leave(T0 + 31 * SECOND_NS)
    made.hold(T0 + HOUR_NS, Decimal(0))
    made.pass_until(T0 + HOUR_NS + 29 * SECOND_NS)

    assert made.half_life().samples == 58
    assert made.half_life().refused == "it does not come back: phi is 1.000000"
    assert made.held_s == 4 * 31


@pytest.mark.parametrize(
    ("sizes", "refused"),
    [
        ([1.0] * 20, "too short: 18 of the 30 seconds that it takes"),
        ([1.0] * 40, "the inventory never changed"),
        ([1.0, -1.0] * 20, "it turns within a second: phi is -1.000000"),
        ([1.1**second for second in range(40)], "it does not come back: phi is 1.100000"),
    ],
)
def test_half_life_is_refused_where_there_is_none(sizes: list[float], refused: str) -> None:
    assert held(sizes).half_life().refused == refused


def test_turnover_is_the_sum_of_what_was_bought_and_sold() -> None:
    course = Course()
    course.trade(T0, D(0), D("99.5"))
    course.trade(T0 + HOUR_NS, D(1), D("101.25"))

    assert (course.fills, course.turnover_quote, course.equity.span_ns) == (2, D("200.75"), HOUR_NS)
