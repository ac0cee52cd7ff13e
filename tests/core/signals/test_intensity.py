"""The arrival intensity: A and k come back from markets that were made with them."""

import math
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.signals.intensity import (
    ArrivalDecay,
    ArrivalRate,
    Intensity,
    decay_error,
    least_squares,
    most_likely,
    rate_error,
)
from replenisher.model.instrument import TickStep
from replenisher.model.order import Side
from replenisher.model.units import MS_NS, SECOND_NS
from tests.core.signals.given import PLAIN, Seen, finer, printed, shows

SECONDS = 600
START = 10**18


def orders(rate: float, decay: float, spread: int, seed: int) -> Iterator[tuple[int, int, Side]]:
    """Market orders of ten minutes: venue time, whole ticks beyond the touch, taker.

    They come as often as those do that reach the touch, and each goes as far as its depth, exponential from there on.
    """
    chance = np.random.default_rng(seed)
    number = chance.poisson(rate * math.exp(-decay * spread / 2) * SECONDS)
    times = np.sort(chance.integers(1, SECONDS * SECOND_NS, number))
    beyond = np.floor(chance.exponential(1 / decay, number)).astype(int)
    for after, ticks, is_buy in zip(times.tolist(), beyond.tolist(), chance.random(number) < 0.5, strict=True):
        yield START + after, ticks, Side.BUY if is_buy else Side.SELL


def market(rate: float, decay: float, spread: int, seed: int) -> Iterator[Seen]:
    """These orders, each printed at the touch and where it ended, on a book that is as wide as this all the time."""
    bid, ask = 10_000, 10_000 + spread
    yield START, Touch(bid, 1, ask, 1)
    for venue_time, beyond, taker in orders(rate, decay, spread, seed):
        touched, ended = (ask, ask + beyond) if taker is Side.BUY else (bid, bid - beyond)
        yield venue_time, printed(venue_time, touched, 1, taker)
        yield venue_time, printed(venue_time, ended, 1, taker)


def found_in(rate: float, decay: float, spread: int, seed: int, tick: str = "1") -> tuple[float, float]:
    """A and k as the two machines tell them at the end."""
    events = list(market(rate, decay, spread, seed))
    values = []
    for spec in (ArrivalRate(window_s=700), ArrivalDecay(window_s=700)):
        machine = spec.start(finer(tick))
        shows(machine, events)
        value = machine.value(START + SECONDS * SECOND_NS)
        assert value is not None
        values.append(value)
    return values[0], values[1]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [1, 2, 15])
def test_a_and_k_of_ten_minutes_come_back(spread: int, seed: int) -> None:
    rate, decay = found_in(3, 0.042, spread, seed)

    assert 2.76 < rate < 3.24
    assert 0.0387 < decay < 0.0453


@pytest.mark.parametrize(
    ("rate", "decay", "spread", "sd_decay"), [(3, 0.042, 1, 0.00099), (1, 0.3, 1, 0.0126), (3, 1.5, 2, 0.082)]
)
def test_the_estimates_are_not_biased_and_scatter_as_theory_says(
    rate: float, decay: float, spread: int, sd_decay: float
) -> None:
    found = np.array([found_in(rate, decay, spread, seed) for seed in range(60)])
    mean, scatter = found.mean(axis=0), found.std(axis=0)
    arrivals = round(rate * math.exp(-decay * spread / 2) * SECONDS)

    assert mean[0] == pytest.approx(rate, abs=3.3 * scatter[0] / math.sqrt(60))
    assert mean[1] == pytest.approx(decay, abs=3.3 * scatter[1] / math.sqrt(60))
    assert scatter[1] == pytest.approx(sd_decay, rel=0.3)
    # An order that would not reach the touch does not come here: as many fewer arrivals tell that much less.
    assert decay_error(arrivals, decay, 1) == pytest.approx(sd_decay, rel=0.06)
    assert scatter[0] == pytest.approx(rate_error(arrivals, Intensity(rate, decay), spread / 2, 1), rel=0.3)


def test_depths_from_the_mid_would_be_biased_on_this_book() -> None:
    """What the machine avoids: a spread of 15 ticks makes the mean depth 7.5 ticks too long."""
    deep = [15 / 2 + beyond for _, beyond, _ in orders(3, 0.3, 15, 1)]

    assert len(deep) / sum(deep) < 0.12
    assert found_in(3, 0.3, 15, 1)[1] == pytest.approx(0.3, abs=0.05)


def test_the_deepest_of_each_tenth_of_a_second_alone_would_be_biased() -> None:
    """What the machine avoids: of several orders that come close together it hears each."""
    rate, decay, seeds = 3, 0.042, 100
    lines, machines = [], []
    for seed in range(seeds):
        deepest: dict[int, int] = {}
        for venue_time, beyond, _ in orders(rate, decay, 1, seed):
            tenth = venue_time // (100 * MS_NS)
            deepest[tenth] = max(beyond, deepest.get(tenth, 0))
        reaching = [sum(beyond >= ticks for beyond in deepest.values()) for ticks in range(70)]
        line = least_squares(reaching, half_spread=0.5, seconds=SECONDS, tick=1)
        assert line is not None
        lines.append((line.rate, line.decay))
        if seed < seeds // 3:
            machines.append(found_in(rate, decay, 1, seed))

    assert np.mean(lines, axis=0)[0] == pytest.approx(2.703, abs=0.02)
    assert np.mean(lines, axis=0)[1] == pytest.approx(0.0403, abs=3e-4)
    assert np.mean(machines, axis=0) == pytest.approx([rate, decay], rel=0.01)


def test_k_is_in_one_over_price_units() -> None:
    assert found_in(3, 0.042, 1, 1, tick="0.1")[1] == pytest.approx(10 * found_in(3, 0.042, 1, 1)[1])
    assert found_in(3, 0.042, 1, 1, tick="0.1")[0] == pytest.approx(found_in(3, 0.042, 1, 1)[0])


def test_where_prices_lie_further_apart_than_a_tick_orders_go_as_much_further_at_a_time() -> None:
    grid = msgspec.structs.replace(
        PLAIN, tick_steps=(TickStep(Decimal(0), Decimal(1)), TickStep(Decimal(5), Decimal(5)))
    )
    machine = ArrivalDecay(window_s=60, arrivals_min=2).start(grid)
    first, second = START + 1, START + 2

    shows(machine, [(START, Touch(95, 5, 105, 5)), (first, printed(first, 105, 1, Side.BUY))])
    shows(machine, [(second, printed(second, 90, 1, Side.SELL))])

    assert machine.value(second) == pytest.approx(math.log(1 + 2 / 1) / 5), "one step of five, by one of two"


@pytest.mark.parametrize(
    ("rate", "decay", "bins", "rates", "decays"),
    [(3, 0.042, 70, (2.73, 3.30), (0.0384, 0.0453)), (1, 0.3, 8, (0.863, 1.151), (0.260, 0.348))],
)
def test_the_line_through_the_logarithms_agrees_in_its_wider_range(
    rate: float, decay: float, bins: int, rates: tuple[float, float], decays: tuple[float, float]
) -> None:
    within = 0
    for seed in range(100):
        beyond = np.array([ticks for _, ticks, _ in orders(rate, decay, 1, seed)])
        reaching = [int((beyond >= ticks).sum()) for ticks in range(bins)]
        found = least_squares(reaching, half_spread=0.5, seconds=SECONDS, tick=1)
        assert found is not None
        within += rates[0] < found.rate < rates[1] and decays[0] < found.decay < decays[1]

    assert within >= 94, "the range holds 99 of 100, of A and of k"


def test_an_exact_exponential_is_fitted_exactly() -> None:
    reaching = [round(1e12 * math.exp(-0.3 * (0.5 + place))) for place in range(20)]

    found = least_squares(reaching, half_spread=0.5, seconds=100, tick=1)

    assert found is not None
    assert (found.rate, found.decay) == pytest.approx((1e10, 0.3), rel=1e-9)
    assert least_squares([17, 0, 0], 0.5, 100, 1) is None
    assert most_likely(17, 0, 0.5, 1, 100) is None


def test_all_prints_of_one_order_are_one_arrival_as_deep_as_the_deepest() -> None:
    machine = ArrivalDecay(window_s=60, arrivals_min=2).start(PLAIN)
    touch, first, second = Touch(99, 5, 101, 5), START + SECOND_NS, START + 2 * SECOND_NS
    prints = [
        *(printed(first, price, 1, Side.BUY) for price in (101, 103, 102, 104)),
        *(printed(second, price, 1, Side.SELL) for price in (99, 98)),
    ]

    shows(machine, [(START, touch), *((trade.venue_time, trade) for trade in prints)])

    assert machine.value(second) == pytest.approx(math.log(1 + 2 / (3 + 1)))


def test_an_order_is_measured_against_the_touch_before_it_whichever_is_told_first() -> None:
    before, after = Touch(99, 5, 101, 5), Touch(99, 5, 104, 5)
    at = START + SECOND_NS
    order = [(at, printed(at, price, 1, Side.BUY)) for price in (101, 103)]
    told = ([(START, before), *order, (at, after)], [(START, before), (at, after), *order])

    for events in told:
        machine = ArrivalDecay(window_s=60, arrivals_min=1).start(PLAIN)
        shows(machine, events)

        assert machine.value(at) == pytest.approx(math.log(1 + 1 / 2))


def test_what_is_told_of_an_order_after_a_loss_was_not_measured() -> None:
    machine = ArrivalDecay(window_s=60, arrivals_min=1).start(PLAIN)
    at = START + SECOND_NS
    shows(machine, [(START, Touch(99, 5, 101, 5)), (at, printed(at, 102, 1, Side.BUY))])

    machine.lost()
    machine.saw_trade(printed(at, 109, 1, Side.BUY))

    assert machine.value(at) == pytest.approx(math.log(1 + 1 / 1))


def test_who_takes_our_own_quote_before_the_others_touch_went_nowhere_beyond_it() -> None:
    machine = ArrivalRate(window_s=60, arrivals_min=2).start(PLAIN)
    at = START + SECOND_NS

    shows(machine, [(START, Touch(90, 5, 110, 5)), (at, printed(at, 101, 1, Side.BUY))])
    shows(machine, [(at + 1, printed(at + 1, 112, 1, Side.BUY))])

    decay = math.log(1 + 2 / 2)
    assert machine.value(START + 10 * SECOND_NS) == pytest.approx(2 / 10 * math.exp(decay * 10))


def test_too_few_orders_or_none_beyond_the_touch_tell_nothing() -> None:
    touch = (START, Touch(99, 5, 101, 5))
    at_the_touch = [(START + n, printed(START + n, 101, 1, Side.BUY)) for n in range(1, 100)]
    deeper = [(START + n, printed(START + n, 103, 1, Side.BUY)) for n in range(1, 50)]

    for spec in (ArrivalRate(window_s=60), ArrivalDecay(window_s=60)):
        for events in (at_the_touch, deeper):
            machine = spec.start(PLAIN)
            shows(machine, [touch, *events])
            assert machine.value(START + SECOND_NS) is None


EVENTS = st.lists(
    st.tuples(st.integers(0, 2_000), st.integers(-3, 8), st.sampled_from(Side), st.integers(1, 4)),
    min_size=1,
    max_size=60,
)  # (ms since the last one, ticks beyond the touch, taker, spread from then on)


@settings(deadline=None)
@given(events=EVENTS, later_ms=st.integers(0, 30_000))
def test_streaming_says_what_the_orders_of_the_window_say_in_one_go(
    events: list[tuple[int, int, Side, int]], later_ms: int
) -> None:
    machines = [spec(window_s=30, arrivals_min=1).start(PLAIN) for spec in (ArrivalRate, ArrivalDecay)]
    seen: list[Seen] = [(START, Touch(99, 1, 100, 1))]
    arrivals: list[tuple[int, int, int]] = []  # (venue time, ticks beyond, spread) of each order
    last: tuple[int, Side] | None = None
    now, spread, spreads = START, 1, {START: 1}
    for after_ms, beyond, taker, wider in events:
        now += after_ms * MS_NS
        price = 99 + spread + beyond if taker is Side.BUY else 99 - beyond
        seen.append((now, printed(now, price, 1, taker)))
        before = max((at for at in spreads if at < now), default=None)
        if before is not None:
            deepest = max(0, price - 99 - spreads[before] if taker is Side.BUY else beyond)
            if (now, taker) == last:
                deepest = max(deepest, arrivals.pop()[1])
            arrivals.append((now, deepest, spreads[before]))
            last = now, taker
        seen.append((now, Touch(99, 1, 99 + wider, 1)))
        spread = spreads[now] = wider
    for machine in machines:
        shows(machine, seen)
    now += later_ms * MS_NS

    found = [machine.value(now) for machine in machines]

    bucket = SECOND_NS // 2
    start = -(-now // bucket) * bucket - 30 * SECOND_NS
    inside = [order for at, *order in arrivals if at > start]
    if not sum(beyond for beyond, _ in inside) or now == START:
        assert found == [None, None]
        return
    decay = math.log(1 + len(inside) / sum(beyond for beyond, _ in inside))
    half_spread = sum(wide for _, wide in inside) / 2 / len(inside)
    rate = len(inside) / ((now - max(start, START)) / SECOND_NS) * math.exp(decay * half_spread)
    assert found == pytest.approx([rate, decay])
