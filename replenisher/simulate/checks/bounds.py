"""S22: nothing that a daemon keeps grows without end."""

from collections import deque
from collections.abc import Iterator, Sized
from decimal import Decimal
from functools import partial
from itertools import chain, islice, repeat
from types import MethodType, NoneType

from replenisher.core.account import FILLS_REMEMBERED_MAX
from replenisher.core.book import GONE_MAX
from replenisher.core.orders import ENDED_REMEMBERED_MAX
from replenisher.core.sweep import SWEEPS_KEPT
from replenisher.live.monitor import FILL_TIMES_MAX, FILLS_SHOWN_MAX, LATENCIES_MAX
from replenisher.model.instrument import Multiples
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.store.journal import RING_STEPS_MAX, UNSAFE_BYTES_MAX, UNWRITTEN_BYTES_MAX
from replenisher.venues.deribit import cash_log
from replenisher.venues.deribit.grid import PLACED_MAX

WRITE_BYTES_MIN = 64  # a step is not told in less
# What is kept longer than it is at work, by whose it is, and how much of it there may be.
CEILINGS = {
    "BookSide._quantities": GONE_MAX + 500,  # those prices, and those at which something is
    "Orders.ended": ENDED_REMEMBERED_MAX,
    "Orders.by_id": ENDED_REMEMBERED_MAX + 1_000,  # those that have ended, and the others
    "Account.remembered": FILLS_REMEMBERED_MAX,
    "NewFills._since": FILLS_REMEMBERED_MAX,
    "NewFills._before": FILLS_REMEMBERED_MAX,
    "CashLog._told": cash_log.REMEMBERED_MAX,
    "Grid._ticks": PLACED_MAX,  # of the prices that a book has shown
    "Grid._lots": PLACED_MAX,
    "Instrument.price_texts": Multiples.SIZE_MAX,  # of the prices that were asked for
    "Instrument.amount_texts": Multiples.SIZE_MAX,
    "Monitor._fill_times": FILL_TIMES_MAX,
    "Monitor._latencies_ns": LATENCIES_MAX,
    "Monitor._fills": FILLS_SHOWN_MAX,
    "SweepWatch.recoveries[]": SWEEPS_KEPT,
    "Driver._inbox": 5_000,  # what came while the process stood still, two minutes at most, is heard in one turn
    "Journal._ring": RING_STEPS_MAX,
    "Journal._unwritten": UNWRITTEN_BYTES_MAX,
    # What is written while a sync takes its time, too.
    "GrowingFile._unsafe": (2 * UNSAFE_BYTES_MAX + UNWRITTEN_BYTES_MAX) // WRITE_BYTES_MIN,
}
MOST = 500  # elements of anything else, for each instrument that is quoted
COLLECTIONS = (bytearray, dict, list, set, deque, frozenset, tuple)
OURS = ("replenisher.", "strategies.")  # that have written what a daemon is made of
LEAVES = frozenset({int, str, float, bool, bytes, Decimal, NoneType})  # of which nothing hangs: most of it
SAMPLE = 50  # of the elements of a collection are looked into: the others are of the same kind
LOOK_NS = 3600 * SECOND_NS
_KNOWN: dict[type, tuple[str, ...] | None] = {}  # what was asked for already


class NothingGrowsWithoutEnd(Check):
    """Walks through all that a daemon holds, once an hour and when it ends, and counts."""

    name = "S22"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._look_at = oracle.at + LOOK_NS

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """It lives on."""
        if self.oracle.at < self._look_at:
            return None
        self._look_at = self.oracle.at + LOOK_NS
        return self._look(daemon)

    def ended(self, daemon: Daemon, how: str) -> Objection:
        """What it holds at its end."""
        return self._look(daemon)

    def _look(self, daemon: Daemon) -> Objection:
        for name, collection in collections(daemon.parts()):
            most = CEILINGS.get(name) or MOST * len(self.oracle.instruments)
            if len(collection) > most:
                return f"{name} has {len(collection)} elements, and {most} may"
        return None


def collections(parts: object, sample: int = SAMPLE) -> Iterator[tuple[str, Sized]]:
    """Every collection that can be reached over attributes, elements and bound methods of ours, and whose it is."""
    waiting: list[tuple[str, object]] = [("daemon", parts)]
    seen: set[int] = set()
    while waiting:
        name, thing = waiting.pop()
        if type(thing) in LEAVES or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, COLLECTIONS):
            yield name, thing
        waiting += _held(name, thing, sample)


def _held(name: str, thing: object, sample: int) -> Iterator[tuple[str, object]]:
    """What a thing holds, each with whose it is: of which kind of owner, and in which of its attributes."""
    kind = type(thing)
    match thing:
        case dict():
            yield from zip(repeat(f"{name}[]"), islice(thing.values(), sample))
        case list() | set() | deque() | frozenset() | tuple():
            yield from zip(repeat(f"{name}[]"), islice(thing, sample))
        case MethodType():
            yield name, thing.__self__
        case partial():
            yield from ((name, each) for each in (thing.func, thing.args, thing.keywords))
        case _ if (slots := _slots(kind)) is not None:
            names = (*getattr(thing, "__dict__", ()), *slots)
            yield from ((f"{kind.__name__}.{each}", getattr(thing, each, None)) for each in names)


def _slots(kind: type) -> tuple[str, ...] | None:
    """The attributes that things of a kind have beside their dictionary; None if the kind is none of ours."""
    if kind not in _KNOWN:
        _KNOWN[kind] = _found(kind)
    return _KNOWN[kind]


def _found(kind: type) -> tuple[str, ...] | None:
    if not kind.__module__.startswith(OURS) or ".simulate." in kind.__module__:
        return None
    each = (getattr(base, "__slots__", ()) for base in kind.__mro__)
    named = chain.from_iterable((slots,) if isinstance(slots, str) else slots for slots in each)
    return tuple(name for name in named if name != "__dict__")
