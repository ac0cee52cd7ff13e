"""What holds for every signal: it forgets what is older than its window, and a restart is no more than a lost feed."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.signals.depth import DepthImbalance, Vamp, VampOfSize, WeightedDepth
from replenisher.core.signals.flow import LevelFlow, OrderFlowImbalance, TradeImbalance, Vpin
from replenisher.core.signals.intensity import ArrivalDecay, ArrivalRate
from replenisher.core.signals.ranges import GarmanKlassVolatility, ParkinsonVolatility, RogersSatchellVolatility
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.signals.spreads import EffectiveSpread, RealizedSpread
from replenisher.core.signals.touch import Microprice, Mid, WeightedMid
from replenisher.core.signals.volatility import BipowerVolatility, TwoScaleVolatility, Volatility
from replenisher.model.order import Side
from replenisher.model.units import MS_NS, SECOND_NS
from tests.core.signals.given import Seen, book, finer, printed, shows

START = 1_790_000_000 * SECOND_NS
WINDOW_S = 30
INSTRUMENT = finer("0.1", "0.01")
WINDOWED: list[SignalSpec] = [
    Volatility(window_s=WINDOW_S, sampling_s=0.25),
    BipowerVolatility(window_s=WINDOW_S, sampling_s=0.25),
    TwoScaleVolatility(window_s=WINDOW_S, sampling_s=0.25, scale=4),
    ParkinsonVolatility(window_s=WINDOW_S, bar_s=0.25),
    GarmanKlassVolatility(window_s=WINDOW_S, bar_s=0.25),
    RogersSatchellVolatility(window_s=WINDOW_S, bar_s=0.25),
    ArrivalRate(window_s=WINDOW_S, arrivals_min=2),
    ArrivalDecay(window_s=WINDOW_S, arrivals_min=2),
    OrderFlowImbalance(window_s=WINDOW_S),
    LevelFlow(window_s=WINDOW_S, level=2, levels=2),
    TradeImbalance(window_s=WINDOW_S),
    EffectiveSpread(window_s=WINDOW_S),
    RealizedSpread(window_s=WINDOW_S, horizon_s=1),
]
OF_NOW: list[SignalSpec] = [
    Mid(),
    WeightedMid(),
    Microprice(),
    Vamp(levels=2),
    VampOfSize(amount=Decimal("0.03")),
    WeightedDepth(levels=2),
    DepthImbalance(levels=2),
]
OF_VOLUME: list[SignalSpec] = [Vpin(bucket=Decimal("0.1"), buckets=3)]
EVERY = [*WINDOWED, *OF_NOW, *OF_VOLUME]

TIMES_MS = st.integers(0, 1_500)
LOTS = st.integers(1, 30)
TOUCHES = st.builds(
    lambda bid, bids, spread, asks: Touch(bid, bids, bid + spread, asks),
    st.integers(995, 1_005),
    LOTS,
    st.integers(1, 4),
    LOTS,
)
HAPPENINGS = st.lists(
    st.tuples(TIMES_MS, TOUCHES | st.tuples(st.integers(990, 1_010), LOTS, st.sampled_from(Side))),
    min_size=1,
    max_size=60,
)


def seen(happenings: list[tuple[int, object]], begin: int) -> list[Seen]:
    """Touches, each with a book around it, and trades."""
    events: list[Seen] = []
    now = begin
    for after_ms, happening in happenings:
        now += after_ms * MS_NS
        if isinstance(happening, Touch):
            bids = [(happening.bid - n, happening.bid_quantity + n) for n in range(3)]
            asks = [(happening.ask + n, happening.ask_quantity + n) for n in range(3)]
            events += [(now, book(bids, asks, now)), (now, happening)]
        else:
            events.append((now, printed(now, *happening)))
    return events


def values(machine: Signal, events: list[Seen]) -> list[float | None]:
    """What it says after each event, and while nothing happens behind the last."""
    told = []
    for event in events:
        shows(machine, [event])
        told.append(machine.value(event[0]))
    last = events[-1][0]
    return told + [machine.value(last + later_s * SECOND_NS) for later_s in (1, 7, 20, 40)]


@pytest.mark.parametrize("spec", EVERY, ids=repr)
@settings(max_examples=30, deadline=None)
@given(before=HAPPENINGS, after=HAPPENINGS, gap_ms=st.integers(1, 50_000))
def test_a_machine_that_loads_a_dump_goes_on_as_one_that_lost_its_feed(
    spec: SignalSpec, before: list[tuple[int, object]], after: list[tuple[int, object]], gap_ms: int
) -> None:
    old, young = spec.start(INSTRUMENT), spec.start(INSTRUMENT)
    events = seen(before, START)
    shows(old, events)

    numbers = old.dump()
    young.load([float(each) for each in numbers])
    old.lost()

    assert young.dump() == numbers == old.dump()
    assert len(numbers) < 400
    later = seen(after, events[-1][0] + gap_ms * MS_NS)
    assert values(young, later) == values(old, later)


@pytest.mark.parametrize("spec", [*WINDOWED, *OF_NOW], ids=repr)
@settings(max_examples=30, deadline=None)
@given(before=HAPPENINGS, after=HAPPENINGS)
def test_what_is_older_than_the_window_is_forgotten(
    spec: SignalSpec, before: list[tuple[int, object]], after: list[tuple[int, object]]
) -> None:
    old, young = spec.start(INSTRUMENT), spec.start(INSTRUMENT)
    events = seen(before, START)
    shows(old, events)

    old.lost()

    later = seen(after, events[-1][0] + (WINDOW_S + 2) * SECOND_NS)
    assert values(young, later) == values(old, later)


@pytest.mark.parametrize("spec", EVERY, ids=repr)
def test_before_anything_was_seen_nothing_is_known(spec: SignalSpec) -> None:
    machine = spec.start(INSTRUMENT)

    assert machine.value(START) is None
    machine.lost()
    assert machine.value(START + SECOND_NS) is None
    assert machine.value(START + 100 * SECOND_NS) is None


@pytest.mark.parametrize("spec", EVERY, ids=repr)
def test_equal_specifications_are_one(spec: SignalSpec) -> None:
    again = eval(repr(spec), globals())

    assert again == spec
    assert hash(again) == hash(spec)
