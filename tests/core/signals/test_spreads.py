"""Spreads: the worked trade, and what is left of it a second later."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.signals.spreads import EffectiveSpread, RealizedSpread
from replenisher.model.order import Side
from replenisher.model.units import MS_NS, SECOND_NS
from tests.core.signals.given import PLAIN, finer, printed, shows

START = 10**18
CENTS = finer("0.01")


def test_a_buyer_pays_ten_of_which_six_is_impact_and_four_is_kept() -> None:
    events = [
        (START, Touch(9_995, 1, 10_005, 1)),
        (START + 1, printed(START + 1, 10_005, 7, Side.BUY)),
        (START + MS_NS, Touch(9_998, 1, 10_008, 1)),
    ]
    effective = EffectiveSpread(window_s=60).start(CENTS)
    realized = RealizedSpread(window_s=60, horizon_s=1).start(CENTS)
    shows(effective, events)
    shows(realized, events)

    assert effective.value(START + SECOND_NS) == pytest.approx(0.10)
    assert realized.value(START + SECOND_NS) is None
    assert realized.value(START + 2 * SECOND_NS) == pytest.approx(0.04)


def test_a_seller_pays_as_a_buyer_does_and_large_trades_weigh_more() -> None:
    machine = EffectiveSpread(window_s=60).start(CENTS)
    shows(machine, [(START, Touch(9_995, 1, 10_005, 1))])

    for quantity, price in ((1, 9_995), (3, 9_985)):
        machine.saw_trade(printed(START + 1, price, quantity, Side.SELL))

    assert machine.value(START + 2) == pytest.approx((0.10 + 3 * 0.30) / 4)


def zero_profit(prior: float, informed: float) -> tuple[float, float]:
    """Bid and ask of Glosten & Milgrom, J. Fin. Economics 14 (1985): what the value, 0 or 1, is worth once it is known
    that somebody sells or buys, if a share of the takers knows it, and the others do either as often."""
    bid, ask = (
        prior * (1 + sign * informed) / (prior * (1 + sign * informed) + (1 - prior) * (1 - sign * informed))
        for sign in (-1, 1)
    )
    return bid, ask


@pytest.mark.parametrize(
    ("prior", "informed", "bid", "ask"),
    [(0.5, 0.1, 0.45, 0.55), (0.5, 0.5, 0.25, 0.75), (0.7, 0.3, 0.5568182, 0.8125)],
)
def test_who_quotes_what_the_informed_make_it_worth_keeps_nothing_of_the_spread(
    prior: float, informed: float, bid: float, ask: float
) -> None:
    takers, chance, tick = 20_000, np.random.default_rng(3), 1e-7
    values = chance.random(takers) < prior
    buys = np.where(chance.random(takers) < informed, values, chance.random(takers) < 0.5)
    effective = EffectiveSpread(window_s=2 * takers).start(finer("0.0000001"))
    realized = RealizedSpread(window_s=2 * takers, horizon_s=1).start(finer("0.0000001"))
    quoted = [round(price / tick) for price in zero_profit(prior, informed)]

    for number, (value, is_buy) in enumerate(zip(values.tolist(), buys.tolist(), strict=True)):
        at, known = START + 2 * number * SECOND_NS, round(value / tick)
        taken = printed(at + 1, quoted[is_buy], 1, Side.BUY if is_buy else Side.SELL)
        for machine in (effective, realized):
            shows(machine, [(at, Touch(quoted[0], 1, quoted[1], 1)), (at + 1, taken)])
            machine.saw_touch(Touch(known - 1, 1, known + 1, 1), at + 2)

    end = START + 2 * takers * SECOND_NS
    kept = 2 * np.where(buys, 1, -1) * (np.where(buys, ask, bid) - values)
    assert zero_profit(prior, informed) == pytest.approx((bid, ask), abs=5e-8)
    assert effective.value(end) == pytest.approx(ask - bid, abs=1e-6)
    assert realized.value(end) == pytest.approx(0, abs=3.3 * kept.std() / math.sqrt(takers))
    assert realized.value(end) == pytest.approx(kept.mean(), abs=1e-6)


def test_a_trade_is_held_against_the_mid_before_it_whichever_is_told_first() -> None:
    machine = EffectiveSpread(window_s=60).start(CENTS)

    shows(machine, [(START, Touch(9_995, 1, 10_005, 1)), (START + 5, Touch(9_995, 1, 10_105, 1))])
    machine.saw_trade(printed(START + 5, 10_005, 1, Side.BUY))

    assert machine.value(START + 5) == pytest.approx(0.10)


def test_across_a_loss_nothing_is_kept_and_nothing_paid() -> None:
    events = [(START, Touch(9_995, 1, 10_005, 1)), (START + 1, printed(START + 1, 10_005, 7, Side.BUY))]
    realized = RealizedSpread(window_s=60, horizon_s=1).start(CENTS)
    effective = EffectiveSpread(window_s=60).start(CENTS)

    shows(realized, events)
    for machine in (realized, effective):
        machine.lost()
        machine.saw_trade(printed(START + 2, 10_005, 7, Side.BUY))
        machine.saw_touch(Touch(9_000, 1, 9_010, 1), START + 2 * SECOND_NS)

        assert machine.value(START + 3 * SECOND_NS) is None


EVENTS = st.lists(
    st.tuples(st.integers(1, 900), st.integers(-5, 5), st.integers(1, 9), st.sampled_from(Side)),
    min_size=1,
    max_size=50,
)


@settings(deadline=None)
@given(events=EVENTS, later_ms=st.integers(0, 40_000))
def test_streaming_says_what_the_trades_of_the_window_say_in_one_go(
    events: list[tuple[int, int, int, Side]], later_ms: int
) -> None:
    effective = EffectiveSpread(window_s=30).start(PLAIN)
    realized = RealizedSpread(window_s=30, horizon_s=1).start(PLAIN)
    now, mid = START, 2_000
    mids, trades = {START: mid}, []
    for machine in (effective, realized):
        machine.saw_touch(Touch(mid // 2, 1, mid - mid // 2, 1), START)
    for after_ms, move, quantity, taker in events:
        now += after_ms * MS_NS
        price = mid // 2 + move
        trades.append((now, price, quantity, taker.sign))
        mid += move
        mids[now] = mid
        for machine in (effective, realized):
            machine.saw_trade(printed(now, price, quantity, taker))
            machine.saw_touch(Touch(mid // 2, 1, mid - mid // 2, 1), now)
    now += later_ms * MS_NS

    found = effective.value(now), realized.value(now)

    def mid_before(at: int) -> int:
        return mids[max(when for when in mids if when < at)]

    def mid_at(at: int) -> int:
        return mids[max(when for when in mids if when <= at)]

    start = -(-now // (SECOND_NS // 2)) * (SECOND_NS // 2) - 30 * SECOND_NS
    step = 10 * MS_NS
    paid = [(sign * (2 * price - mid_before(at)) * lots, lots) for at, price, lots, sign in trades if at > start]
    dues = [(-(-(at + SECOND_NS) // step) * step, price, lots, sign) for at, price, lots, sign in trades]
    kept = [(sign * (2 * price - mid_at(at)) * lots, lots) for at, price, lots, sign in dues if start < at < now]
    for value, parts in zip(found, (paid, kept), strict=True):
        lots = sum(each for _, each in parts)
        assert (math.nan if value is None else value) == pytest.approx(
            sum(part for part, _ in parts) / lots if lots else math.nan, nan_ok=True
        )
