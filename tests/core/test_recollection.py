"""Recollection: what signals have seen is recorded in time, and the next life goes on from it if it still counts."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from replenisher.core.signals.flow import TradeImbalance
from replenisher.core.signals.signal import SignalSpec
from replenisher.model.command import SignalsDumped
from replenisher.model.event import (
    InstrumentDefined,
    SessionOpened,
    SignalDump,
    SignalsRemembered,
    Started,
    StopAsked,
    TradePrinted,
)
from replenisher.model.order import BUY
from replenisher.model.step import Quote
from tests.core.world import KEY, LINEAR, SECOND, VENUE, Wishes, World, ladder, quoting, setup

LEAN = TradeImbalance(window_s=60.0)


@dataclass
class Leaning(Wishes):
    """Quotes as soon as it knows who takes more."""

    quotes: tuple[Quote, ...] = ladder(1)
    signals: dict[str, SignalSpec] = field(default_factory=lambda: {"lean": LEAN})
    heeds_trades: bool = False


def leaning() -> World:
    world = World(setup([("core", Leaning())], sync_every_ns=3_600 * SECOND))
    world.open()
    return world


def trade(world: World, quantity: int = 5) -> None:
    """Somebody buys, and the book moves."""
    at = world.at + SECOND
    bought = {"trade_id": f"t{at}", "price": 100_010, "quantity": quantity, "taker": BUY}
    world.tell(TradePrinted(at=0, instrument=KEY, venue_time=at, **bought), at=at)
    world.venue.set_others(BUY, 99_000, at // SECOND % 100 + 1, at)
    world.hear()


def dumped(world: World) -> list[SignalsDumped]:
    return [wish for step in world.steps for wish in step.commands if isinstance(wish, SignalsDumped)]


def remembered(dump: SignalsDumped, saved_at: int, **other: object) -> SignalsRemembered:
    """The newest record, as the rows hand it on."""
    dumps = [
        SignalDump(specification=spec, tick=dump.tick, lot=dump.lot, saved_at=saved_at, numbers=tuple(numbers))
        for spec, numbers in dump.dumps.items()
    ]
    return SignalsRemembered(
        at=0, instrument=KEY, dumps=tuple(msgspec.structs.replace(each, **other) for each in dumps)
    )


def a_later_life(fact: SignalsRemembered, at: int) -> World:
    """It is told what was remembered before it sees the market."""
    world = World(setup([("core", Leaning())]))
    world.tell(Started(at=0, epoch=2, namespace="tst", config_version="1", accounts={VENUE: "a"}), fact, at=at)
    world.tell(InstrumentDefined(at=0, instrument=LINEAR))
    world.tell(world.venue.snapshot(world.at))
    world.tell(SessionOpened(at=0, venue=VENUE))
    world.settle()
    return world


def a_record() -> tuple[SignalsDumped, int]:
    world = leaning()
    for _ in range(12):
        trade(world)
    return dumped(world)[-1], world.at


def test_signals_are_recorded_every_ten_seconds_while_the_market_moves_and_once_at_a_stop() -> None:
    world = leaning()
    for _ in range(35):
        trade(world)
    times = [step.at for step in world.steps for wish in step.commands if isinstance(wish, SignalsDumped)]
    assert len(times) >= 3
    assert all(later - earlier == pytest.approx(10 * SECOND, abs=2 * SECOND) for earlier, later in pairwise(times))

    world.wait(60 * SECOND)  # nothing moves
    trade(world)
    before = len(dumped(world))
    trade(world)
    world.tell(StopAsked(at=0, reason="enough"))
    world.settle()

    assert len(times) <= before <= len(times) + 2
    assert len(dumped(world)) == before + 1
    assert set(dumped(world)[-1].dumps) == {"TradeImbalance(window_s=60.0)"}


def test_the_next_life_quotes_at_once_and_not_after_the_window() -> None:
    blind = leaning()
    assert blind.live() == []

    dump, at = a_record()
    world = a_later_life(remembered(dump, at), at + 20 * SECOND)

    assert len(world.live()) == 2
    assert world.state.signals(world.setup.strategies[0])["lean"] == 1.0


@pytest.mark.parametrize(
    "other",
    [{"tick": Decimal("0.5")}, {"lot": Decimal("0.01")}, {"specification": "TradeImbalance(window_s=30.0)"}],
    ids=str,
)
def test_what_is_of_another_tick_lot_or_window_is_not_believed(other: dict[str, object]) -> None:
    dump, at = a_record()

    world = a_later_life(remembered(dump, at, **other), at + SECOND)

    assert world.live() == []


def test_what_is_older_than_the_window_is_not_believed() -> None:
    dump, at = a_record()

    world = a_later_life(remembered(dump, at), at + 61 * SECOND)

    assert world.live() == []


def test_a_life_is_not_told_twice_what_an_earlier_one_has_seen() -> None:
    dump, at = a_record()
    world = a_later_life(remembered(dump, at), at + SECOND)

    coarser = msgspec.structs.replace(LINEAR, lot=Decimal("0.002"), version=2)
    world.tell(InstrumentDefined(at=0, instrument=coarser))

    assert world.state.signals(world.setup.strategies[0])["lean"] is None


def test_where_nobody_uses_a_signal_nothing_is_recorded() -> None:
    world = quoting(ladder(1))
    world.wait(30 * SECOND)
    world.tell(StopAsked(at=0, reason="enough"))
    world.settle()

    assert isinstance(world.setup.strategies[0].strategy, Wishes)
    assert dumped(world) == []
