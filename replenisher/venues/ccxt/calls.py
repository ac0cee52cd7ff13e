"""What is asked of ccxt and what comes of it, as values: the machine never meets the library."""

from typing import Any, Generic, TypeVar

import msgspec

from replenisher.venues.ccxt.said import said

Asked = TypeVar("Asked")


class Invoke(msgspec.Struct, frozen=True):
    """Call a method once. The carrier answers with `answered` or `failed` under the same number."""

    number: int
    method: str
    arguments: tuple[Any, ...] = ()
    deadline: int = 0  # session time after which it may no longer leave us; 0 is whenever
    is_farewell: bool = False  # the carrier does not end before it has, or before its patience has


class Watch(msgspec.Struct, frozen=True):
    """Call a `watch_*` method again and again: `watched` for every value, `cut` if it fails."""

    stream: str
    method: str
    arguments: tuple[Any, ...] = ()


class Restart(msgspec.Struct, frozen=True):
    """End every stream and every socket, and forget what ccxt has gathered from them.

    ccxt merges a snapshot that follows a reconnect into the book it had before. So no stream is begun on old memory.
    """

    reason: str


Action = Invoke | Watch | Restart


class Failure(msgspec.Struct, frozen=True):
    """An exception of ccxt, or of what it is built on."""

    kind: str  # the name of its class
    message: str  # all of it: the codes are in there
    was_sent: bool = True  # False only if it is certain that nothing left us

    def __str__(self) -> str:
        return f"{self.kind}: {said(self.message)}"


class Call(msgspec.Struct, Generic[Asked], frozen=True):
    """Something that was asked, and when."""

    what: Asked
    asked_at: int


class Calls(Generic[Asked]):
    """The calls under way: each has a number, and is answered once."""

    def __init__(self, actions: list[Action]) -> None:
        self._actions = actions
        self._last = 0
        self._open: dict[int, Call[Asked]] = {}

    def ask(
        self, what: Asked, at: int, method: str, *arguments: Any, deadline: int = 0, is_farewell: bool = False
    ) -> None:
        """Have the carrier call a method, and remember what for."""
        self._last += 1
        self._open[self._last] = Call(what, at)
        self._actions.append(Invoke(self._last, method, arguments, deadline, is_farewell))

    def answered(self, number: int) -> Call[Asked] | None:
        """What this number asked, once."""
        return self._open.pop(number, None)

    def under_way(self) -> list[Asked]:
        """Everything that has not been answered."""
        return [call.what for call in self._open.values()]
