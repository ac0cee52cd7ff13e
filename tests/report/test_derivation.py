"""The sum that explains a price is the one that the strategy did: on any grid, with any spreads and any bounds."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.book import Touch
from replenisher.core.inventory import Inventory, Skew
from replenisher.core.ladder import Ladder, Rung
from replenisher.core.strategy import View
from replenisher.model.instrument import AmountUnit, Instrument, TickStep
from replenisher.model.mandate import Chain, How, Link
from replenisher.model.order import Side
from replenisher.report.why.derivation import Stage, derived
from strategies.pure_mm import PureMarketMaking
from tests.core.world import LINEAR, T0

TICKS = [
    [("0", "0.1")],
    [("0", "0.5")],
    [("0", "0.0001"), ("1", "0.001"), ("100", "0.01"), ("9990", "0.5"), ("10010", "1")],
]
MODEL = (Link("skew", How.LOWER, ("lean", "half_spread")), Link("spread", How.OUTWARD, ("half_spread",)))
TERMS = {"lean": 0.25, "half_spread": 2.0, "first_bid": 99.0, "first_ask": 101.5, "shift": -0.75}


def instrument(steps: list[tuple[str, str]]) -> Instrument:
    return msgspec.structs.replace(
        LINEAR, tick_steps=tuple(TickStep(Decimal(above), Decimal(tick)) for above, tick in steps)
    )


INSTRUMENTS = st.sampled_from([instrument(steps) for steps in TICKS])
SPREADS = st.lists(st.floats(0.01, 300), min_size=1, max_size=4)


@given(
    INSTRUMENTS,
    st.floats(20, 20_000),
    SPREADS,
    SPREADS,
    st.floats(0, 200),
    st.floats(-0.02, 0.02),
    st.floats(0, 0.01),
    st.booleans(),
)
def test_the_sum_ends_where_the_ladder_stands(
    instrument: Instrument,
    fair: float,
    bids_bps: list[float],
    asks_bps: list[float],
    min_spread_bps: float,
    lean: float,
    half: float,
    is_bounded: bool,
) -> None:
    rungs = {
        side: tuple(Rung(spread_bps, Decimal(1)) for spread_bps in sorted(spreads_bps))
        for side, spreads_bps in ((Side.BUY, bids_bps), (Side.SELL, asks_bps))
    }
    bound = fair if is_bounded else None
    ladder = Ladder(rungs, AmountUnit.BASE, min_spread_bps=min_spread_bps, price_floor=bound, price_ceiling=bound)
    terms = {"lean": lean, "half_spread": fair * half}
    centre = fair - lean * (fair * half)

    quotes = ladder.quotes(instrument, fair, centre - fair * half, centre + fair * half)

    for quote in quotes:
        stages = derived(ladder.chain(*MODEL), fair, terms, quote.side, quote.level, instrument)
        assert stages[-1].price == instrument.price(quote.price)


def stages(*links: Link, side: Side, price_ceiling: float | None = None) -> list[tuple[str, str, float | Decimal]]:
    chain = Chain(links=links, spreads_bps={}, min_spread_bps=0.0, price_ceiling=price_ceiling)
    return [(stage.name, stage.does, stage.price) for stage in derived(chain, 100.0, TERMS, side, 0, LINEAR)]


def test_what_each_kind_of_link_does_to_a_bid_and_to_an_ask() -> None:
    lower, outward = Link("skew", How.LOWER, ("lean", "half_spread")), Link("spread", How.OUTWARD, ("half_spread",))
    bid, ask = Link("touch", How.AT, ("first_bid",), Side.BUY), Link("touch", How.AT, ("first_ask",), Side.SELL)
    retreat, untold = Link("skew", How.RETREAT, ("shift",)), Link("news", How.OUTWARD, ("nothing", "half_spread"))

    assert stages(lower, outward, untold, side=Side.BUY) == [
        ("fair value", "", 100.0),
        ("skew", "-", 99.5),
        ("spread", "-", 97.5),
        ("clamp", "not above", 97.5),
        ("rounding", "down to", Decimal("97.5")),
    ]
    assert stages(bid, ask, retreat, side=Side.BUY)[1:3] == [("touch", "at", 99.0), ("skew", "-", 99.0)]
    assert stages(bid, ask, retreat, side=Side.SELL)[1:3] == [("touch", "at", 101.5), ("skew", "+", 102.25)]


def test_a_price_of_its_own_is_held_against_the_floor_and_the_ceiling_alone() -> None:
    pong = Link("pong", How.ONLY_AT, ("first_ask",))
    price = [("pong", "at", 101.5), ("rounding", "down to", Decimal("101.5"))]

    assert stages(pong, side=Side.BUY)[1:] == price
    assert stages(pong, side=Side.BUY, price_ceiling=102.0)[1:] == [*price, ("bound", "not above", Decimal("101.5"))]


def test_where_prices_do_not_lean_there_is_no_skew_to_tell() -> None:
    def told(skew: Skew) -> list[Stage]:
        strategy = PureMarketMaking(
            size_unit=AmountUnit.BASE,
            order_levels=1,
            bid_spread_bps=10,
            ask_spread_bps=10,
            order_amount=Decimal(1),
            inventory=Inventory(skew),
        )
        view = View(at=T0, instrument=LINEAR, touch=Touch(999, 1, 1001, 1), last_trade=None, inventory=Decimal("0.5"))
        answer = strategy.quote(view)
        assert answer.fair_value is not None
        stages = derived(strategy.chain, answer.fair_value, answer.terms, Side.BUY, 0, LINEAR)
        assert stages[-1].price == LINEAR.price(answer.quotes[0].price)
        return stages

    assert [stage.name for stage in told(Skew.PRICE)] == ["fair value", "skew", "spread", "clamp", "rounding"]
    assert [stage.name for stage in told(Skew.SIZE)] == ["fair value", "spread", "clamp", "rounding"]
