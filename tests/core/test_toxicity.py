"""Toxicity: a level is judged by what its own fills have brought, and by how close together they come."""

import pytest

from replenisher.core.toxicity import Response, Toxicity, ToxicityPolicy
from replenisher.model.order import Side
from tests.core.world import SECOND


def judge(**other: object) -> Toxicity:
    usual: dict[str, object] = {
        "response": Response.WITHHOLD,
        "horizon_ns": 10 * SECOND,
        "window_ns": 60 * SECOND,
        "fills_min": 2,
        "markout_bps_min": 0.0,
    }
    return Toxicity(ToxicityPolicy(**(usual | other)))


@pytest.mark.parametrize(("side", "losing_mid"), [(Side.BUY, 99.9), (Side.SELL, 100.1)])
def test_a_level_whose_fills_lose_is_toxic_and_no_other(side: Side, losing_mid: float) -> None:
    toxicity = judge()
    toxicity.saw_fill(side, 1, 100.0, 0)
    toxicity.saw_fill(side, 1, 100.0, SECOND)
    toxicity.saw_fill(side.opposite, 1, 100.0, SECOND)
    toxicity.saw_fill(side.opposite, 1, 100.0, SECOND)

    toxicity.pass_time(losing_mid, 11 * SECOND)

    assert toxicity.toxic(11 * SECOND) == {(side, 1): "mean markout -10.00 bps of 2 fills"}


def test_a_fill_is_judged_by_the_mid_at_its_horizon_and_not_by_a_later_one() -> None:
    toxicity = judge(fills_min=1)
    toxicity.saw_fill(Side.BUY, 0, 100.0, 0)

    toxicity.pass_time(100.5, 9 * SECOND)
    assert toxicity.toxic(9 * SECOND) == {}
    toxicity.pass_time(99.0, 10 * SECOND)
    toxicity.pass_time(101.0, 11 * SECOND)

    assert toxicity.toxic(11 * SECOND) == {(Side.BUY, 0): "mean markout -100.00 bps of 1 fills"}


def test_what_gains_makes_up_for_what_loses() -> None:
    toxicity = judge(markout_bps_min=1.0)
    toxicity.saw_fill(Side.BUY, 0, 100.0, 0)
    toxicity.saw_fill(Side.BUY, 0, 99.9, SECOND)  # 10 bps better

    toxicity.pass_time(99.96, 11 * SECOND)  # -4 bps and +6

    assert toxicity.toxic(11 * SECOND) == {}


def test_too_few_fills_say_nothing_and_old_ones_no_more() -> None:
    toxicity = judge()
    toxicity.saw_fill(Side.BUY, 0, 100.0, 0)
    toxicity.pass_time(99.0, 10 * SECOND)
    assert toxicity.toxic(10 * SECOND) == {}
    toxicity.saw_fill(Side.BUY, 0, 100.0, 11 * SECOND)
    toxicity.pass_time(99.0, 21 * SECOND)
    assert set(toxicity.toxic(21 * SECOND)) == {(Side.BUY, 0)}
    assert toxicity.changes_at(21 * SECOND) == 70 * SECOND

    toxicity.pass_time(99.0, 70 * SECOND)

    assert toxicity.toxic(70 * SECOND) == {}


def test_a_horizon_without_a_market_says_nothing() -> None:
    toxicity = judge(fills_min=1)
    toxicity.saw_fill(Side.BUY, 0, 100.0, 0)

    toxicity.pass_time(None, 10 * SECOND)
    toxicity.pass_time(50.0, 11 * SECOND)

    assert toxicity.toxic(11 * SECOND) == {}


def test_fills_of_a_side_that_cluster_make_the_levels_they_hit_toxic_until_the_cluster_is_over() -> None:
    toxicity = judge(cluster_fills=3, cluster_ns=5 * SECOND)
    toxicity.saw_fill(Side.BUY, 2, 100.0, 0)
    toxicity.saw_fill(Side.SELL, 0, 100.0, 1 * SECOND)
    for second in (10, 12, 14):
        toxicity.saw_fill(Side.BUY, second % 4 // 2, 100.0, second * SECOND)

    assert toxicity.toxic(14 * SECOND) == {
        (Side.BUY, 0): "3 fills on its side within 5 s",
        (Side.BUY, 1): "3 fills on its side within 5 s",
    }
    assert toxicity.changes_at(14 * SECOND) == 15 * SECOND
    assert toxicity.toxic(15 * SECOND) == {}


def test_what_is_remembered_is_bounded_by_the_window() -> None:
    toxicity = judge(horizon_ns=SECOND, window_ns=5 * SECOND)
    for second in range(1_000):
        toxicity.saw_fill(Side.BUY, 0, 100.0, second * SECOND)
        toxicity.pass_time(99.0, second * SECOND)

    assert toxicity.toxic(999 * SECOND) == {(Side.BUY, 0): "mean markout -100.00 bps of 5 fills"}
