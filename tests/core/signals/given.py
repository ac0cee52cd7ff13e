"""What the tests of signals share: a market whose tick and lot are 1, what happens on it, and machines that see it."""

import pkgutil
from collections.abc import Iterable
from decimal import Decimal
from importlib import import_module

import msgspec
from hypothesis import strategies as st

from replenisher.core import signals
from replenisher.core.book import Book, Touch
from replenisher.core.signals.signal import Signal, SignalSpec
from replenisher.model.event import Level, TradePrinted
from replenisher.model.instrument import Instrument, TickStep
from replenisher.model.order import Side
from replenisher.model.units import MS_NS
from tests.core.world import LINEAR

PLAIN = msgspec.structs.replace(LINEAR, tick_steps=(TickStep(Decimal(0), Decimal(1)),), lot=Decimal(1))

# What a mid does: the ms since the last touch, and by how many half ticks it moves then.
WALKS = st.lists(st.tuples(st.integers(1, 3_000) | st.just(20_000), st.integers(-5, 5)), min_size=1, max_size=60)

Seen = tuple[int, Touch | TradePrinted | Book]  # venue time, and what was seen then


def kinds(of: type = SignalSpec) -> set[str]:
    """Every kind of signal that the core has, by its name."""
    for module in pkgutil.iter_modules(signals.__path__):
        import_module(f"{signals.__name__}.{module.name}")
    names = {kind.__name__ for kind in of.__subclasses__() if kind.__module__.startswith(signals.__name__)}
    below = {name for kind in of.__subclasses__() for name in kinds(kind)}
    return {name for name in names | below if not name.startswith("_")}


def finer(tick: str, lot: str = "1") -> Instrument:
    """The same market on another grid."""
    return msgspec.structs.replace(PLAIN, tick_steps=(TickStep(Decimal(0), Decimal(tick)),), lot=Decimal(lot))


def printed(venue_time: int, price: int, quantity: int, taker: Side) -> TradePrinted:
    return TradePrinted(
        at=venue_time,
        instrument=PLAIN.key,
        venue_time=venue_time,
        trade_id=f"{venue_time}",
        price=price,
        quantity=quantity,
        taker=taker,
    )


def book(bids: Iterable[Level], asks: Iterable[Level], venue_time: int = 1) -> Book:
    made = Book()
    made.replace(list(bids), list(asks), venue_time, venue_time)
    return made


def shows(machine: Signal, events: Iterable[Seen]) -> None:
    """Let a machine see what happens."""
    for venue_time, seen in events:
        match seen:
            case Touch():
                machine.saw_touch(seen, venue_time)
            case TradePrinted():
                machine.saw_trade(seen)
            case Book():
                machine.saw_book(seen, venue_time)


def walked(machine: Signal, walk: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Let a machine see a mid walk; when it was where, in half ticks."""
    times, mids = [], []
    now, mid = 10**18, 1_000
    for after_ms, move in walk:
        now, mid = now + after_ms * MS_NS, mid + move
        times.append(now)
        mids.append(mid)
        machine.saw_touch(Touch(mid // 2, 1, mid - mid // 2, 1), now)
    return times, mids
