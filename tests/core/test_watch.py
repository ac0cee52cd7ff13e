"""A strategy sees the signals it names, and quotes nothing while one of them says nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pytest

from replenisher.core.absence import why_absent
from replenisher.core.account import Entry
from replenisher.core.book import Depth, Touch
from replenisher.core.signals.intensity import ArrivalDecay, ArrivalRate
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.core.strategy import Quotes, View
from replenisher.core.watch import Watch
from replenisher.model.event import BookChanged, FeedLost, InstrumentDefined, SignalDump, TradePrinted
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, Side
from tests.core.world import ASK, BID, ECHO, KEY, LINEAR, SECOND, Wishes, World, ladder, setup


class TradeCount(Signal):
    """So many trades were seen; not known before the first, and no number from the third on."""

    def __init__(self) -> None:
        self.count = 0
        self.losses = 0
        self.books: list[tuple[dict[int, int], dict[int, int]]] = []

    def saw_trade(self, trade: TradePrinted) -> None:
        self.count += 1

    def saw_book(self, book: Depth, venue_time: int) -> None:
        self.books.append((dict(book.bids.best_first()), dict(book.asks.best_first())))

    def lost(self) -> None:
        self.losses += 1

    def value(self, venue_time: int) -> float | None:
        return (None, 1.0, 2.0)[self.count] if self.count < 3 else math.nan


@dataclass(frozen=True)
class Trades(SignalSpec):
    is_deep: bool = False

    @property
    def needs_depth(self) -> bool:
        return self.is_deep

    def start(self, instrument: Instrument) -> TradeCount:
        return TradeCount()


@dataclass
class Curious:
    """Quotes one ladder, and keeps what it was shown."""

    signals: Mapping[str, SignalSpec]
    seen: list[View] = field(default_factory=list)
    heeds_trades: bool = False
    heeds_sizes: bool = True
    looks_again_s: float | None = None

    def quote(self, view: View) -> Quotes:
        self.seen.append(view)
        return Quotes(fair_value=10_000.0, quotes=ladder(1), terms={})


def watching(*strategies: Curious) -> World:
    """A world in which these quote the instrument."""
    world = World(setup([("silent", Wishes(())), *((f"s{n}", strategy) for n, strategy in enumerate(strategies))]))
    world.open()
    return world


def trade(world: World) -> None:
    """Two others trade, and the book says so."""
    n = len(world.steps)
    world.tell(
        TradePrinted(at=0, instrument=KEY, venue_time=world.at, trade_id=str(n), price=ASK, quantity=1, taker=Side.BUY)
    )
    world.venue.publish(Side.BUY, BID, world.at)
    world.hear()
    world.settle()


def machine(world: World, spec: SignalSpec) -> TradeCount:
    found = world.state.watches[KEY].machines[spec]
    assert isinstance(found, TradeCount)
    return found


def reason(world: World) -> str:
    """Why the curious strategy shows nothing, as an operator is told; nobody is asked anything for it."""
    (_, curious) = world.state.setup.strategies
    return why_absent(world.state, curious, world.at)


def test_nothing_is_quoted_before_every_signal_is_known_and_while_one_is_no_number() -> None:
    curious = Curious({"trades": Trades()})
    world = watching(curious)
    assert not world.live()
    assert not curious.seen
    assert reason(world) == "the signal trades is not known yet"

    trade(world)
    assert reason(world) == ""
    assert curious.seen[-1].signals == {"trades": 1.0}
    assert len(world.live()) == 2

    trade(world)
    trade(world)
    assert not world.live()
    assert reason(world) == "the signal trades is no number"


def test_the_others_quote_on_while_a_signal_of_one_is_not_known() -> None:
    world = World(setup([("steady", Wishes(ladder(1))), ("curious", Curious({"trades": Trades()}))]))
    world.open()

    assert {order.strategy for order in world.live()} == {"steady"}


def test_equal_signals_are_one_machine_and_a_signal_that_nobody_uses_is_not_kept() -> None:
    world = watching(Curious({"a": Trades()}), Curious({"b": Trades(), "c": Trades(is_deep=True)}))

    trade(world)
    assert len(world.state.watches[KEY].machines) == 2
    assert machine(world, Trades()).count == 1
    assert not machine(world, Trades()).books
    assert not watching(Curious({})).state.watches


def test_who_heeds_no_sizes_is_asked_when_a_price_of_the_touch_is_another_one() -> None:
    heeding, careless = Curious({}), Curious({}, heeds_sizes=False)
    world = watching(heeding, careless)
    asked = len(heeding.seen), len(careless.seen)

    def tell(bids: tuple[tuple[int, int], ...]) -> tuple[int, int]:
        world.tell(BookChanged(at=0, instrument=KEY, venue_time=world.at, bids=bids, asks=()))
        return len(heeding.seen) - asked[0], len(careless.seen) - asked[1]

    assert tell(((BID, 77),)) == (1, 0)
    assert tell(((BID - 1, 77),)) == (1, 0)
    assert tell(((BID + 1, 3),)) == (2, 1)
    assert careless.seen[-1].touch == heeding.seen[-1].touch


def test_a_and_k_of_one_window_are_read_off_one_machine() -> None:
    a, k = ArrivalRate(window_s=60, arrivals_min=2), ArrivalDecay(window_s=60, arrivals_min=2)
    wanted, another = {"a": a, "k": k}, {"k": ArrivalDecay(window_s=30)}
    shared, apart = Watch({"one": wanted, "other": another}, LINEAR), [spec.start(LINEAR) for spec in (a, k)]
    for number in range(20):
        at = (number + 1) * SECOND
        print_ = TradePrinted(
            at=at, instrument=KEY, venue_time=at, trade_id="", price=ASK + number % 3, quantity=1, taker=Side.BUY
        )
        for hears in (shared, *apart):
            hears.saw_touch(Touch(BID, 5, ASK, 5), at - 1)
            hears.saw_trade(print_)

    assert len(shared.machines) == 2
    said = shared.values("one", 21 * SECOND)
    assert said == {"a": apart[0].value(21 * SECOND), "k": apart[1].value(21 * SECOND)}
    assert None not in said.values()

    young = Watch({"one": wanted}, LINEAR)
    dumps = [
        SignalDump(specification=text, tick=LINEAR.tick, lot=LINEAR.lot, saved_at=0, numbers=tuple(numbers))
        for text, numbers in shared.dump().items()
    ]
    young.recall(dumps, LINEAR, at=SECOND)
    assert young.values("one", 20 * SECOND) == shared.values("one", 20 * SECOND)


def test_the_depth_that_is_shown_is_that_of_the_others() -> None:
    deep = Trades(is_deep=True)
    world = watching(Curious({"trades": deep}))
    trade(world)
    before = world.state.books[KEY].bids.quantities.copy()
    world.wait(2 * ECHO)
    ours = {order.price for order in world.live() if order.side is BUY}
    world.venue.publish(Side.BUY, BID, world.at)
    world.hear()

    assert ours and ours <= world.state.books[KEY].bids.quantities.keys(), "the venue shows our orders, too"
    assert machine(world, deep).books[-1][0] == {price: before[price] for price in before if price not in ours}


def test_signals_are_told_when_the_feed_is_lost() -> None:
    world = watching(Curious({"trades": Trades()}))
    world.tell(FeedLost(at=0, instrument=KEY, reason="a gap"))

    assert machine(world, Trades()).losses


def test_signals_start_anew_when_ticks_or_lots_are_others() -> None:
    world = watching(Curious({"trades": Trades()}))
    trade(world)
    world.tell(InstrumentDefined(at=0, instrument=msgspec.structs.replace(LINEAR, version=2)))
    assert machine(world, Trades()).count == 1

    world.tell(InstrumentDefined(at=0, instrument=msgspec.structs.replace(LINEAR, lot=LINEAR.lot * 10)))
    assert machine(world, Trades()).count == 0


def test_a_strategy_that_time_may_change_is_asked_again() -> None:
    patient, hurried = Curious({}), Curious({}, looks_again_s=0.1)
    for strategy in (patient, hurried):
        watching(strategy).wait(SECOND // 2)

    assert len(hurried.seen) >= len(patient.seen) + 4


@pytest.mark.parametrize(
    ("fills", "entry"),
    [
        ([("2", 100.0), ("2", 110.0)], 105.0),
        ([("2", 100.0), ("-1", 150.0)], 100.0),  # what is left was entered at what it was entered at
        ([("2", 100.0), ("-2", 150.0)], None),
        ([("2", 100.0), ("-3", 150.0)], 150.0),  # through zero: what is left was entered now
        ([("-1", 100.0), ("-3", 120.0)], 115.0),
    ],
)
def test_the_entry_of_an_inventory_is_its_average_cost(fills: list[tuple[str, float]], entry: float | None) -> None:
    held, kept = Decimal(0), Entry()
    for amount, price in fills:
        after = held + Decimal(amount)
        kept.fill(held, after, price, is_inverse=False)
        held = after

    assert kept.price == (None if entry is None else pytest.approx(entry))
    assert kept.last_price == fills[-1][1]


def test_the_entry_of_an_inverse_inventory_is_what_its_coins_say() -> None:
    kept = Entry()
    kept.fill(Decimal(0), Decimal(100), 100.0, is_inverse=True)
    kept.fill(Decimal(100), Decimal(200), 50.0, is_inverse=True)

    assert kept.price == pytest.approx(200 / (100 / 100 + 100 / 50))
