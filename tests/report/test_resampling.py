"""Intervals of what sweeps say: each draw says what those sweeps say that are in it, and 95 % of intervals hold."""

import math
import random
from itertools import product

import msgspec
import pytest

from replenisher.core.resilience import Recovery, resilience_of
from replenisher.report.resampling import intervals, with_intervals
from tests.core.test_resilience import recovery


def test_an_interval_holds_what_the_same_number_of_sweeps_might_have_shown() -> None:
    seen = [recovery(60, t50_s=0.5, t90_s=1.0), recovery(60, t50_s=2.5, t90_s=3.0), recovery(60)]
    every_draw = list(product(range(3), repeat=3))

    found, drawn = resilience_of(seen), intervals(seen, every_draw)

    assert (found.t90_s, drawn["t90_s"]) == (3.0, (1.0, None))  # 7 of 27 draws do not reach it
    assert (found.t90_by["2s"], drawn["t90_by 2s"]) == (pytest.approx(1 / 3), (0, 1))
    assert with_intervals(seen[:1]).intervals == {}


def test_an_interval_is_told_of_each_number_that_is_told_unless_all_draws_say_the_same() -> None:
    def one(share: float) -> Recovery:
        back = (share / 2, share, *[None] * 5) if share > 0.5 else (share / 2, *[None] * 6)
        return msgspec.structs.replace(recovery(0.7), back=back, own_share=0.0)

    few, many = (with_intervals([one(place / count) for place in range(count)], least=10) for count in (9, 15))

    assert (few.sweeps, few.back, few.own_share, few.intervals) == (9, {}, None, {})
    assert list(many.back) == ["0.1s"], "a second mean rests on fewer than ten"
    assert (many.own_share, many.rho_per_s) == (0, None)
    assert list(many.intervals) == ["back 0.1s"]
    low, high = many.intervals["back 0.1s"]
    assert high is not None and low < many.back["0.1s"] < high


def test_95_percent_of_intervals_hold_what_is_true() -> None:
    chance = random.Random(5)
    hits = 0
    for _ in range(200):
        seen = [recovery(60, t50_s=chance.expovariate(1), t90_s=90) for _ in range(60)]
        draws = [chance.choices(range(60), k=60) for _ in range(100)]
        low, high = intervals(seen, draws)["t50_s"]
        hits += high is not None and low <= math.log(2) <= high
    assert 178 <= hits <= 199  # 190 +- 3.1, and a bootstrap of a median falls a little short


@pytest.mark.parametrize("seed", range(20))
def test_a_draw_says_what_the_sweeps_say_that_are_in_it(seed: int) -> None:
    chance = random.Random(seed)
    seen = [unlike(chance) for _ in range(chance.randint(2, 30))]
    draw = chance.choices(range(len(seen)), k=len(seen))

    said = msgspec.to_builtins(resilience_of([seen[place] for place in draw]))

    expected = {f"{name} {tau}": share for name in ("back", "t90_by") for tau, share in said[name].items()}
    alone = ("t50_s", "t90_s", "never_share", "rho_per_s", "half_life_s", "flow_per_s", "own_share")
    expected |= {name: said[name] for name in alone if said[name] is not None}
    found = intervals(seen, [draw])
    assert {name: low for name, (low, _) in found.items()} == pytest.approx(expected)
    assert all(low == high for low, high in found.values())


def unlike(chance: random.Random) -> Recovery:
    """A sweep of which some is known, and the rest is not."""

    def perhaps(value: float) -> float | None:
        return value if chance.random() < 0.7 else None

    watched_s = chance.choice((0.3, 1.5, 9.0, 60.0))
    t50_s = perhaps(chance.uniform(0, watched_s))
    t90_s = None if t50_s is None else perhaps(chance.uniform(t50_s, watched_s))
    return msgspec.structs.replace(
        recovery(watched_s, t50_s=t50_s, t90_s=t90_s),
        back=tuple(perhaps(chance.random()) for _ in range(7)),
        flow_per_s=perhaps(chance.random()),
        own_share=perhaps(chance.random()),
    )
