"""S22: nothing that a daemon keeps grows without end."""

from collections import deque
from collections.abc import Iterator, Sized

from replenisher.core.account import FILLS_REMEMBERED_MAX
from replenisher.core.orders import ENDED_REMEMBERED_MAX
from replenisher.live.monitor import FILL_TIMES_MAX, FILLS_SHOWN_MAX, LATENCIES_MAX
from replenisher.model.instrument import Multiples
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.store.journal import RING_STEPS_MAX, SEGMENT_BYTES, UNWRITTEN_BYTES_MAX
from replenisher.venues.deribit.questions import CASH_REMEMBERED_MAX

# What is kept longer than it is at work, by where it stands, and how much of it there may be.
CEILINGS = {
    ".state.orders.ended": ENDED_REMEMBERED_MAX,
    ".state.orders.by_id": ENDED_REMEMBERED_MAX + 1_000,  # those that have ended, and the others
    ".state.account.remembered": FILLS_REMEMBERED_MAX,
    "._new_fills._since": FILLS_REMEMBERED_MAX,
    "._new_fills._before": FILLS_REMEMBERED_MAX,
    "._trading.chief._questions._cash_told": CASH_REMEMBERED_MAX,
    ".price_texts": Multiples.SIZE_MAX,  # of the prices that were asked for
    "._fill_times": FILL_TIMES_MAX,
    "._latencies_ns": LATENCIES_MAX,
    "._fills": FILLS_SHOWN_MAX,
    "._journal._ring": RING_STEPS_MAX,
    "._journal._unwritten": UNWRITTEN_BYTES_MAX,
    "._journal._file._unsafe": SEGMENT_BYTES + UNWRITTEN_BYTES_MAX,  # a whole segment, with what was written last
}
MOST = 500  # elements of anything else, for each instrument that is quoted
DEPTH = 8
LOOK_NS = 3600 * SECOND_NS


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
        for path, collection in collections(daemon.parts()):
            named = ceiling(path)
            most = CEILINGS[named] if named else MOST * len(self.oracle.instruments)
            if len(collection) > most:
                return f"{path} has {len(collection)} elements, and {most} may"
        return None


def ceiling(path: str) -> str:
    """The name of the ceiling of what stands there; empty if it has none of its own."""
    return next((end for end in CEILINGS if path.endswith(end)), "")


def collections(parts: object) -> Iterator[tuple[str, Sized]]:
    """Every collection that can be reached over attributes, keys and elements of ours, and its path."""
    return _collections(parts, "daemon", DEPTH, set())


def _collections(thing: object, path: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Sized]]:
    if id(thing) in seen or depth == 0:
        return
    seen.add(id(thing))
    if isinstance(thing, bytearray):
        yield path, thing
    elif isinstance(thing, dict | list | set | deque | frozenset | tuple):
        yield path, thing
        for each in list(thing.values() if isinstance(thing, dict) else thing)[:50]:
            yield from _collections(each, f"{path}[]", depth - 1, seen)
    elif type(thing).__module__.startswith("replenisher.") and ".simulate." not in type(thing).__module__:
        names = [*getattr(thing, "__dict__", ()), *_slots(type(thing))]
        for name in names:
            if (value := getattr(thing, name, None)) is not None and not callable(value):
                yield from _collections(value, f"{path}.{name}", depth - 1, seen)


def _slots(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        slots = getattr(base, "__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots
