"""The port: a place to trade, as a machine that is told what happens, and time.

Its carrier tells it what happened outside and drains two queues after every call: `facts`, which go to the engine, and
`actions`, which are the carrier's to do. `send` only asks and returns nothing, because the answer is a fact too.
Nothing here reads a clock or a random source: both come in as arguments, so a venue runs unchanged on virtual time.

What is told differs with the carrier. A venue whose wire we speak ourselves is told frames (`FrameVenue`, carried by
`socket.py`); one that is reached through ccxt is told what ccxt's methods return (`ccxt/`).
"""

from asyncio import Task
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import msgspec

from replenisher.core.topic import Topic
from replenisher.model.command import OrderCommand, Question
from replenisher.model.event import Event


class Connect(msgspec.Struct, frozen=True):
    """Open the connection called `connection`."""

    connection: str
    url: str


class Send(msgspec.Struct, frozen=True, gc=False):
    """Send text frames, one after the other."""

    connection: str
    frames: Sequence[str]


class Close(msgspec.Struct, frozen=True):
    """Close the connection; the carrier answers with `closed`."""

    connection: str
    reason: str


Action = Connect | Send | Close


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue can do, as far as a decision depends on it."""

    amends_price: bool  # an amend may change the price, atomically
    cancels_orphans: bool  # it takes our orders off the book when we are gone
    forgets_ns: int  # for how long it may not know an order that rests, when it is asked for it
    tells_cash_moves: bool = False  # it can be asked what moved our cash without a fill
    tells_at_once: frozenset[Topic] = frozenset()  # of all that we trade there, in one answer


class Venue(Protocol):
    """A place to trade."""

    name: str

    @property
    def next_wake(self) -> int | None:
        """The session time at which `wake` wants to be called."""

    def start(self, at: int, *, follows: bool = False) -> None:
        """Begin to connect. Whoever follows an earlier life may have asked a moment ago, and a venue counts on."""

    def wake(self, at: int) -> None:
        """`next_wake` has come."""

    def send(self, commands: Sequence[OrderCommand | Question], at: int) -> None:
        """Ask the venue. A command that cannot be sent now is answered by the fact `NotSent` or `QuestionFailed`."""

    def suspended(self, at: int) -> None:
        """The process did not run for a while: give up what is open and connect afresh, as every book is lost."""

    def stop(self, at: int, *, is_flat: bool = False) -> None:
        """Close every connection and open none again. Where nothing of ours rests, nobody need cancel for us."""

    def facts(self) -> list[Event]:
        """What was learned since the last call; the list is the caller's."""

    def actions(self) -> Sequence[object]:
        """What the carrier has to do, in order; what that can be is between the two."""


class FrameVenue(Venue, Protocol):
    """A place to trade whose wire we speak ourselves."""

    def opened(self, connection: str, at: int) -> None:
        """A connection that we asked for is open."""

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        """One frame arrived."""

    def closed(self, connection: str, reason: str, at: int) -> None:
        """A connection ended, or could not be opened."""

    def actions(self) -> list[Action]:
        """What the sockets have to do, in order; the list is the caller's."""


class Tasks(Protocol):
    """Whoever starts a carrier's tasks, and hears of it if one fails; a task group is one."""

    def create_task(self, coro: Coroutine[Any, Any, None], /, *, name: str | None = None) -> Task[None]:
        """Start one."""


class Carrier(Protocol):
    """Whoever does what one venue asks for, and tells it what comes of it."""

    def carry(self, actions: Sequence[Any]) -> None:
        """Do this, in this order."""

    async def finish(self) -> None:
        """End whatever is still under way, and wait until it has ended."""


# Whoever carries for a venue lives in these tasks, and says what it has to tell, and why a connection ended.
CarrierOf = Callable[[Tasks, Callable[[Callable[[], None]], None], Callable[[str], None]], Carrier]
