"""Fair values that go by prices from elsewhere: legs, votes, ages, and what is shown when too few count."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from replenisher.core.book import Touch
from replenisher.core.composite import Blend, Composite, Leg
from replenisher.core.elsewhere import fresh_prices
from replenisher.core.fair_value import FairValue
from replenisher.core.stopping import Verdict
from replenisher.core.strategy import Quotes, View
from replenisher.model.command import CancelOrder, PlaceOrder
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    ClockOffset,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    PriceTold,
    SessionLost,
    StopAsked,
    TickerTold,
    TradePrinted,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from strategies.pure_mm import PureMarketMaking
from tests.core.world import BID, KEY, LINEAR, MS, SECOND, T0, VENUE, Wishes, World, limits, one_strategy

OTHER = msgspec.structs.replace(LINEAR, name="BTC-25JUN27")
FAR = msgspec.structs.replace(LINEAR, venue="far")  # where nothing is quoted
SEEN = View(at=T0, instrument=LINEAR, touch=Touch(99_990, 5, 100_010, 5), last_trade=None, inventory=Decimal(0))
OWN, NEXT, SPOT = (
    {"venue": VENUE, "instrument": LINEAR.name, "max_age_ms": 1000},
    {"venue": VENUE, "instrument": OTHER.name, "max_age_ms": 1000},
    {"http": "spot", "max_age_ms": 3000},
)
NAMES = (KEY, OTHER.key, "http:spot")


def fair_value(**block: Any) -> FairValue:
    return TypeAdapter(FairValue).validate_python(block)


def composite(**other: Any) -> FairValue:
    """Three legs, of which two are needed."""
    plain = {"source": "composite", "legs": [OWN, NEXT, SPOT], "outlier_bps": 20, "min_legs": 2}
    return fair_value(**(plain | other))


@dataclass(kw_only=True)
class Priced(Wishes):
    """What a shipped strategy wishes."""

    maker: PureMarketMaking

    @property
    def fair_value(self) -> FairValue:
        """As it is configured."""
        return self.maker.fair_value

    @property
    def heeds_sizes(self) -> bool:
        """As the shipped one says."""
        return self.maker.heeds_sizes

    def quote(self, view: View) -> Quotes:
        """As it answers."""
        return self.maker.quote(view)


def maker(fair: FairValue) -> PureMarketMaking:
    """One level on each side, 10 bps from a fair value."""
    return PureMarketMaking(
        size_unit="base",
        order_levels=1,
        bid_spread_bps=10,
        ask_spread_bps=10,
        order_amount="0.01",
        fair_value=fair,
    )


def quoting_by(fair: FairValue, **tighter: object) -> World:
    """A world with that strategy; nobody has told anything from elsewhere yet."""
    constants = one_strategy(Priced(maker=maker(fair)), limits=limits(max_clock_offset_ns=10 * SECOND, **tighter))
    (own,) = constants.venues
    world = World(replace(constants, venues=(replace(own, name=FAR.venue), own)))
    world.open()
    return world


def show_other(world: World, bid: int, ask: int, other: Instrument = OTHER) -> None:
    """The book of an instrument on which nothing is traded."""
    world.tell(
        InstrumentDefined(at=0, instrument=other),
        BookSnapshot(at=0, instrument=other.key, venue_time=0, bids=((bid, 10),), asks=((ask, 10),)),
    )
    world.settle()


def spot(world: World, price: float) -> PriceTold:
    return PriceTold(at=0, source="spot", price=price, asked_at=world.at)


def ticker(
    index: float | None = None, mark: float | None = None, funding_8h: float | None = None, venue_time: int = 0
) -> TickerTold:
    return TickerTold(at=0, instrument=KEY, venue_time=venue_time, index=index, mark=mark, funding_8h=funding_8h)


def shown(world: World) -> dict[str, float]:
    return {order.side.value: order.price * 0.1 for order in world.live()}


def withheld(world: World) -> str:
    """Why the last decision showed less than was wanted."""
    return [decision.withheld for step in world.steps for decision in step.decisions][-1]


def terms(world: World) -> dict[str, float]:
    return [decision.terms for step in world.steps for decision in step.decisions][-1]


# --- What the market that is quoted tells -----------------------------------------------------------------------------


def stand_in_front(world: World) -> None:
    world.venue.set_others(Side.BUY, BID, 500, world.at)  # ten times as much as there was


def trade_higher(world: World) -> None:
    trade = TradePrinted(at=0, instrument=KEY, venue_time=0, trade_id="1", price=100_100, quantity=1, taker=Side.BUY)
    world.venue.public.append(trade)


@pytest.mark.parametrize(
    ("source", "follows"),
    [
        ({"source": "mid"}, None),
        ({"source": "fixed", "price": 10_000.0}, None),
        ({"source": "micro"}, stand_in_front),
        ({"source": "weighted"}, stand_in_front),
        ({"source": "last", "max_trade_age_s": 60}, trade_higher),
    ],
)
def test_quotes_follow_what_their_source_goes_by_and_nothing_else(
    source: dict[str, Any], follows: Callable[[World], None] | None
) -> None:
    world = quoting_by(fair_value(**source))
    world.venue.public.append(
        TradePrinted(at=0, instrument=KEY, venue_time=0, trade_id="0", price=100_000, quantity=1, taker=Side.BUY)
    )
    world.hear()
    world.settle()
    before = shown(world)
    assert before.keys() == {"buy", "sell"}

    for happens in (stand_in_front, trade_higher):
        happens(world)
        world.hear()
        world.settle()
        if happens is follows:
            assert shown(world)["buy"] > before["buy"] and shown(world)["sell"] > before["sell"]
        else:
            assert shown(world) == before
        before = shown(world)


# --- What legs come to -----------------------------------------------------------------------------------------------

PRICES = st.floats(100.0, 101.0)
WEIGHTS = st.floats(0.1, 10.0)


def legs_of(weights: list[float]) -> list[Leg]:
    return [Leg(http=str(number), weight=weight) for number, weight in enumerate(weights)]


def blend(legs: list[Leg], prices: dict[str, float], outlier_bps: float) -> Blend:
    return Composite(tuple(legs), outlier_bps, min_legs=1).blend(prices)


def told(prices: list[float]) -> dict[str, float]:
    return {f"http:{number}": price for number, price in enumerate(prices)}


@given(
    st.lists(st.tuples(st.floats(100.0, 100.4), WEIGHTS), min_size=2, max_size=6),
    st.floats(1e-3, 1e6),
    WEIGHTS,
    st.data(),
)
def test_a_leg_that_lies_does_not_move_the_value_beyond_the_others(
    honest: list[tuple[float, float]], lie: float, weight: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(honest)))
    pairs = [*honest[:place], (lie, weight), *honest[place:]]
    prices, weights = map(list, zip(*pairs, strict=True))

    blended = blend(legs_of(weights), told(prices), outlier_bps=50)

    others = [price for price, _ in honest]
    low, high = min(others), max(others)
    assert blended.price is not None
    if low / 1.005 <= lie <= high * 1.005:  # near enough to be believed: it moves the value by as much at most
        assert low / 1.005 <= blended.price <= high * 1.005
    else:
        assert low <= blended.price <= high
        assert blended.counted == len(honest)


@given(st.lists(st.tuples(PRICES, WEIGHTS), min_size=1, max_size=6), st.randoms())
def test_legs_have_no_order(pairs: list[tuple[float, float]], random: Any) -> None:
    prices, weights = map(list, zip(*pairs, strict=True))
    legs = legs_of(weights)
    shuffled = random.sample(legs, len(legs))

    one, other = blend(legs, told(prices), 30), blend(shuffled, told(prices), 30)

    assert (one.fresh, one.counted) == (other.fresh, other.counted)
    assert (one.price or 0.0) == pytest.approx(other.price or 0.0, rel=1e-12)
    assert blend(legs, told(prices), 30) == one


@given(st.lists(st.tuples(PRICES, WEIGHTS, st.booleans()), min_size=1, max_size=6))
def test_a_leg_that_is_not_there_is_as_if_it_were_not_named(legs: list[tuple[float, float, bool]]) -> None:
    named = legs_of([weight for _, weight, _ in legs])
    fresh = {f"http:{number}": price for number, (price, _, is_fresh) in enumerate(legs) if is_fresh}

    assert blend(named, fresh, 30) == blend([leg for leg in named if leg.source in fresh], fresh, 30)


def test_weights_and_offsets() -> None:
    legs = [Leg(http="a", weight=3.0, offset_bps=10.0), Leg(http="b")]

    assert blend(legs, {"http:a": 1000.0, "http:b": 1005.0}, 100).price == pytest.approx((3 * 1001 + 1005) / 4)


def test_where_opinions_are_split_nobody_counts() -> None:
    two = blend(legs_of([1, 1]), told([100.0, 101.0]), 50)
    four = blend(legs_of([1, 1, 1, 1]), told([100.0, 100.0, 101.0, 101.0]), 50)

    assert (two.price, two.fresh, two.counted) == (None, 2, 0)
    assert (four.price, four.fresh, four.counted) == (None, 4, 0)


@pytest.mark.parametrize(
    "fair",
    [
        fair_value(),
        fair_value(source="index", funding_shift=0.5),
        fair_value(source="last", max_trade_age_s=60),
        composite(),
        composite(legs=[NEXT | {"offset_bps": 90}, SPOT | {"offset_bps": -90}]),
    ],
)
def test_where_all_agree_on_a_price_it_is_the_fair_value(fair: FairValue) -> None:
    """So that the doctor can ask what a strategy would show, before anybody has told a price."""
    view = msgspec.structs.replace(SEEN, prices=fair.prices_at(10_000.0))

    assert fair.of(view) == pytest.approx(10_000.0)
    assert not fair.why_none(view.prices)


# --- One price of our own, or one that is told -----------------------------------------------------------------------


def test_our_own_last_price_is_the_fair_value_and_the_mid_before_there_is_one() -> None:
    by_last_own = fair_value(source="last_own")

    assert by_last_own.of(SEEN) == 10_000.0
    assert by_last_own.of(msgspec.structs.replace(SEEN, last_fill_price=9_876.5)) == 9_876.5


def test_what_the_inventory_cost_is_the_fair_value_and_the_mid_when_flat() -> None:
    by_cost = fair_value(source="inventory_cost")

    assert by_cost.of(SEEN) == 10_000.0
    assert by_cost.of(msgspec.structs.replace(SEEN, inventory=Decimal(1), entry_price=9_900.0)) == 9_900.0


@pytest.mark.parametrize("source", ["index", "mark"])
def test_an_index_or_a_mark_is_the_fair_value_while_it_is_fresh(source: str) -> None:
    world = quoting_by(fair_value(source=source, max_age_ms=800))
    assert not world.live()

    world.tell(ticker(**{source: 10_003.0}))
    world.settle()
    assert shown(world) == pytest.approx({"buy": 9_993.0, "sell": 10_013.0}, abs=0.11)
    assert terms(world)[source] == 10_003.0

    world.wait(801 * MS)
    world.settle()
    assert not world.live()
    assert withheld(world) == f"fair value: the {source} price is not known"


def traded(world: World, price: int, trade_id: str, *, venue_time: int = 0) -> None:
    """Others trade, at this price in ticks."""
    world.tell(
        TradePrinted(
            at=0, instrument=KEY, venue_time=venue_time, trade_id=trade_id, price=price, quantity=1, taker=Side.BUY
        )
    )
    world.settle()


def test_the_last_trade_is_the_fair_value_until_it_is_too_old_and_again_from_the_next_one_on() -> None:
    world = quoting_by(fair_value(source="last", max_trade_age_s=300))
    assert withheld(world) == "fair value: no trade of the last 300 s is known"

    traded(world, 100_030, "1")
    assert shown(world) == pytest.approx({"buy": 9_993.0, "sell": 10_013.0}, abs=0.11)
    assert terms(world)["last"] == pytest.approx(10_003.0)

    world.wait(299 * SECOND)
    world.settle()
    assert len(world.live()) == 2, "a market may be quiet for so long"

    world.wait(SECOND + 1)
    world.settle()
    assert not world.live()
    assert withheld(world) == "fair value: no trade of the last 300 s is known"

    traded(world, 100_030, "2")
    assert shown(world) == pytest.approx({"buy": 9_993.0, "sell": 10_013.0}, abs=0.11)


def test_a_trade_is_as_old_as_its_venue_says_when_it_was_heard_late() -> None:
    """As where an exchange is asked for its last trades, however old they are."""
    world = quoting_by(fair_value(source="last", max_trade_age_s=300))
    world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=0))

    traded(world, 100_030, "1", venue_time=world.at - 3_600 * SECOND)
    assert not world.live()

    traded(world, 100_030, "2", venue_time=world.at - SECOND)
    assert len(world.live()) == 2


def test_another_reason_to_show_nothing_is_on_record_though_nothing_is_to_be_done() -> None:
    world = quoting_by(fair_value(source="index", max_age_ms=800), max_order_quote=Decimal(50))
    assert withheld(world) == "fair value: the index price is not known"

    before = len(world.steps)
    for price in (10_001.0, 10_002.0, 10_003.0):
        world.tell(ticker(index=price))
        world.settle()

    assert not any(step.commands for step in world.steps[before:])
    told = [decision.withheld for step in world.steps[before:] for decision in step.decisions]
    assert told == [world.state.withheld["core"]] == ["max_order_quote"], "once"


def test_what_is_decided_on_a_price_may_leave_as_long_as_that_is_fresh() -> None:
    world = quoting_by(fair_value(source="index", max_age_ms=800))

    world.tell(ticker(index=10_003.0))

    assert world.engine.fresh_until == world.at + 800 * MS + 1


def test_while_longs_pay_the_centre_goes_down() -> None:
    world = quoting_by(fair_value(funding_shift=0.5))
    assert not world.live()

    world.tell(ticker(funding_8h=0.0008))
    world.settle()

    assert terms(world)["funding_shift_bps"] == pytest.approx(-4.0)
    assert terms(world)["fair_value"] == pytest.approx(10_000 * (1 - 4e-4))
    world.wait(6 * SECOND)
    assert withheld(world) == "fair value: the funding rate is not known"


# --- A composite of a market that is traded, one that is only watched, and one that is asked for ---------------------


def test_all_legs_make_one_price_and_every_one_is_told() -> None:
    world = quoting_by(composite())
    show_other(world, 100_040, 100_060)
    world.tell(spot(world, 10_001.0))
    world.settle()

    told = {"fair_value": 10_002.0, "legs": 3, KEY: 10_000.0, OTHER.key: 10_005.0, "http:spot": 10_001.0}
    assert {name: terms(world)[name] for name in told} == pytest.approx(told)


def test_a_leg_that_moves_moves_the_quotes() -> None:
    world = quoting_by(composite(legs=[NEXT, SPOT]))
    show_other(world, 99_990, 100_010)
    world.tell(spot(world, 10_000.0))
    world.settle()
    before = shown(world)

    world.tell(
        BookChanged(
            at=0,
            instrument=OTHER.key,
            venue_time=0,
            bids=((99_990, 0), (100_050, 5)),
            asks=((100_010, 0), (100_070, 5)),
        )
    )
    world.settle()

    assert shown(world) == pytest.approx({side: price + 3.0 for side, price in before.items()}, abs=0.11)


def test_too_few_fresh_legs_pull_the_quotes_at_the_moment_they_are_too_old() -> None:
    world = quoting_by(composite())
    show_other(world, 99_990, 100_010)
    assert len(world.live()) == 2  # with two of three

    asked_at = world.at
    commands = world.wait(1_100 * MS)
    world.settle()

    assert {type(command) for command in commands} == {CancelOrder}
    assert not world.live()
    (step,) = [step for step in world.steps if step.commands and step.at > asked_at][:1]
    assert step.at <= asked_at + 1_000 * MS + 1
    assert withheld(world) == "fair value: 1 of 3 legs is fresh, 2 are needed"


def test_a_leg_that_is_lost_or_does_not_trade_does_not_count() -> None:
    world = quoting_by(composite(legs=[NEXT, SPOT], min_legs=2))
    show_other(world, 99_990, 100_010)
    world.tell(spot(world, 10_000.0))
    world.settle()
    assert len(world.live()) == 2

    world.tell(FeedLost(at=0, instrument=OTHER.key, reason="gap"))
    world.settle()
    assert not world.live()

    show_other(world, 99_990, 100_010)
    assert len(world.live()) == 2
    world.tell(InstrumentStateChanged(at=0, instrument=OTHER.key, is_open=False, reason="halted"))
    world.settle()
    assert not world.live()


def test_a_venue_that_is_only_listened_to_is_no_session_and_no_danger() -> None:
    elsewhere = {"venue": FAR.venue, "instrument": FAR.name, "max_age_ms": 1000}
    world = quoting_by(composite(legs=[OWN, elsewhere]))
    assert not world.live()

    for _ in range(5):
        world.tell(ClockOffset(at=0, venue=FAR.venue, offset_ns=60 * SECOND))
    show_other(world, 99_990, 100_010, FAR)
    assert len(world.live()) == 2
    assert not world.state.halts and not world.state.skews

    world.tell(SessionLost(at=0, venue=FAR.venue, reason="a socket ended"))
    world.settle()
    assert len(world.live()) == 2  # its books are lost each by itself
    world.tell(FeedLost(at=0, instrument=FAR.key, reason="a socket ended"))
    world.settle()
    assert not world.live()

    world.tell(StopAsked(at=0, reason="enough"))
    world.settle()
    assert world.state.stopping is not None
    assert world.state.stopping.verdict is Verdict.FLAT


def test_a_leg_is_as_old_as_the_clock_of_its_venue_says() -> None:
    world = quoting_by(fair_value(source="index", max_age_ms=500))
    world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=2 * SECOND))
    late = world.at + 2 * SECOND - 600 * MS

    world.tell(ticker(index=10_000.0, venue_time=late))
    world.settle()
    assert not world.live()

    world.tell(ticker(index=10_000.0, venue_time=late + 500 * MS))
    world.settle()
    assert len(world.live()) == 2


def test_a_leg_that_is_outvoted_is_named_with_its_price() -> None:
    fair = composite()
    world = quoting_by(fair)
    show_other(world, 99_990, 100_010)
    world.tell(spot(world, 10_050.0))
    world.settle()
    assert len(world.live()) == 2

    prices = fresh_prices(world.state, world.setup.strategies[0], world.at)
    seen = msgspec.structs.replace(SEEN, prices=prices)
    completed = fair.completed(seen, Quotes(fair_value=10_000.0, quotes=(), terms={}))
    assert (completed.terms["legs"], completed.terms["outvoted http:spot"]) == (2, 10_050.0)
    assert fair.standing(prices, {"http:spot": "no answer"}) == {
        KEY: "10000",
        OTHER.key: "10000",
        "http:spot": "10050, outvoted",
    }

    world.tell(FeedLost(at=0, instrument=OTHER.key, reason="gap"))
    world.settle()
    told = "fair value: 2 of 3 legs are fresh and 0 of them agree (toy/BTC-PERPETUAL, http:spot do not), 2 are needed"
    assert withheld(world) == told
    prices = fresh_prices(world.state, world.setup.strategies[0], world.at)
    assert fair.standing(prices, {})[OTHER.key] == "not fresh"
    assert fair.standing({}, {"http:spot": "no answer"})["http:spot"] == "not fresh: no answer"


def test_degraded_to_wider_quotes_they_stand_further_out_until_the_legs_are_back() -> None:
    world = quoting_by(composite(legs=[OWN, SPOT], degraded="widen", widen_bps=5))
    assert shown(world) == pytest.approx({"buy": 9_985.0, "sell": 10_015.0}, abs=0.11)
    assert withheld(world) == "fair value: 1 of 2 legs is fresh, 2 are needed"

    world.tell(spot(world, 10_000.0))
    world.settle()

    assert shown(world) == pytest.approx({"buy": 9_990.0, "sell": 10_010.0}, abs=0.11)


def test_degraded_to_one_side_only_that_is_shown_which_makes_the_inventory_smaller() -> None:
    world = quoting_by(composite(legs=[OWN, SPOT], degraded="one_sided"))
    assert not world.live()
    world.tell(spot(world, 10_000.0))
    world.settle()
    world.venue.fill(world.at_venue(world.order(Side.BUY)), 10, world.at)
    world.hear()
    world.settle()

    while world.at < T0 + 5 * SECOND:  # the book goes on, and nobody answers over HTTP
        world.venue.set_others(Side.BUY, BID, 50 + world.at // MS % 7, world.at)
        world.hear()
        world.wait(200 * MS)
        world.settle()

    assert {order.side for order in world.live()} == {Side.SELL}
    assert withheld(world) == "fair value: 1 of 2 legs is fresh, 2 are needed"


def test_what_is_only_watched_is_asked_no_question_and_gets_no_order() -> None:
    world = quoting_by(composite())
    show_other(world, 99_990, 100_010)
    world.tell(spot(world, 10_000.0))
    world.settle()
    world.wait(20 * SECOND)

    commands = [command for step in world.steps for command in step.commands]
    assert any(isinstance(command, PlaceOrder) for command in commands)
    assert not any(OTHER.key in str(command) for command in commands)
    assert world.setup.instruments(VENUE) == [KEY]


# --- What is refused -------------------------------------------------------------------------------------------------


def of_legs(*legs: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"source": "composite", "legs": list(legs), "outlier_bps": 5, "min_legs": 1} | other


@pytest.mark.parametrize(
    ("block", "objection"),
    [
        ({"source": "composite"}, "it belongs to the source composite, which needs it"),
        ({"source": "mid", "legs": [OWN]}, "it belongs to the source composite, which needs it"),
        ({"source": "http"}, "it belongs to the source http, which needs it"),
        ({"source": "mid", "http": "spot"}, "it belongs to the source http, which needs it"),
        (of_legs(OWN, min_legs=2), "it must be no more than the legs, 1"),
        (of_legs(OWN, OWN), "no two may have the same price"),
        (of_legs(OWN, NEXT, degraded="widen"), "it belongs to degraded: widen"),
        ({"source": "mid", "degraded": "one_sided"}, "it belongs to the source composite"),
        (of_legs({"venue": "toy"}), "missing"),
        (of_legs({**OWN, "http": "x"}), "it stands alone"),
        (of_legs({**OWN, "of": "http"}), "mid, index or mark"),
    ],
)
def test_a_block_that_means_nothing_is_refused(block: dict[str, Any], objection: str) -> None:
    with pytest.raises(ValidationError, match=objection):
        fair_value(**block)
