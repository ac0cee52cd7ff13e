"""S22: nothing that a daemon keeps grows without end."""

from collections import deque
from collections.abc import Iterator

from replenisher.simulate.court import Check, Daemon, Objection

MOST = 5_000  # elements of anything, for each instrument that is quoted
DEPTH = 8


class NothingGrowsWithoutEnd(Check):
    """Walks through all that a daemon holds when it ends, and counts."""

    name = "S22"

    def ended(self, daemon: Daemon, how: str) -> Objection:
        """What it holds now."""
        most = MOST * len(self.oracle.instruments)
        for path, size in sizes(daemon.parts(), "daemon", DEPTH, set()):
            if size > most:
                return f"{path} has {size} elements, and {most} may"
        return None


def sizes(thing: object, path: str, depth: int, seen: set[int]) -> Iterator[tuple[str, int]]:
    """The path and the size of every collection that can be reached over attributes, keys and elements of ours."""
    if id(thing) in seen or depth == 0:
        return
    seen.add(id(thing))
    if isinstance(thing, dict | list | set | deque | frozenset):
        yield path, len(thing)
        for each in list(thing.values() if isinstance(thing, dict) else thing)[:50]:
            yield from sizes(each, f"{path}[]", depth - 1, seen)
    elif type(thing).__module__.startswith("replenisher.") and ".simulate." not in type(thing).__module__:
        names = [*getattr(thing, "__dict__", ()), *_slots(type(thing))]
        for name in names:
            if (value := getattr(thing, name, None)) is not None and not callable(value):
                yield from sizes(value, f"{path}.{name}", depth - 1, seen)


def _slots(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        slots = getattr(base, "__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots
