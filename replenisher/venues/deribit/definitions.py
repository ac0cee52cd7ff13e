"""When the terms and the state of each instrument are asked for: all at the start, and then one after the other.

They are paid from the credits that every other question is paid from. Those of many instruments, asked at once, would
stand before the question with which a stop ends; and asked again because of one, they would take all there is.
"""

from collections.abc import Iterable, Sequence

from replenisher.model.units import MS_NS

APART_NS = 625 * MS_NS  # at least, between two of them: a tenth of what comes back in that time


class Definitions:
    """What is due, of the instruments of one connection."""

    def __init__(self, names: Sequence[str], every_ns: int, again_ns: int) -> None:
        self.next = 0  # when something is due
        self._names = names
        self._every_ns = max(every_ns, len(names) * APART_NS)
        self._again_ns = again_ns
        self._due: dict[str, int] = {}

    def begin(self, at: int) -> Sequence[str]:
        """All of them are asked for now, and then not before a while has passed: a start asks enough of a venue."""
        again_at, share_ns = at + self._every_ns, self._every_ns // len(self._names)
        self._set((name, again_at + share_ns * number) for number, name in enumerate(self._names))
        return self._names

    def soon(self, name: str, at: int) -> None:
        """There was no answer to one of them, or one that need not be believed: ask for it again."""
        self._set([(name, min(self._due[name], at + self._again_ns))])

    def due(self, at: int) -> Sequence[str]:
        """Those to ask for now, each once."""
        names = [name for name, due in self._due.items() if due <= at]
        self._set((name, at + self._every_ns) for name in names)
        return names

    def _set(self, due: Iterable[tuple[str, int]]) -> None:
        self._due.update(due)
        self.next = min(self._due.values())
