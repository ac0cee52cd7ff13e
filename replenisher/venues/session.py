"""One connection's life without the connection: when to dial, when to doubt it, and what was asked on it.

Theory. A connection is either wanted or not. While it is wanted it goes round: dialing, open, perhaps given up,
waiting, dialing. Silence is not proof of death, so it is answered with a probe first; only an unanswered probe ends
the connection. A connection that we give up is lost at that moment, whatever the carrier still has to say about it.
Waiting times are drawn from the whole range [0, cap), so that many clients cut off together do not come back together,
and the number of attempts in any minute is bounded whatever the draws.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from replenisher.model.units import MINUTE_NS, SECOND_NS
from replenisher.venues.venue import Action, Close, Connect

Asked = TypeVar("Asked")


class Phase(StrEnum):
    """Where a connection is in its life."""

    IDLE = "idle"  # not wanted
    WAITING = "waiting"  # for the next attempt
    DIALING = "dialing"
    OPEN = "open"
    GIVEN_UP = "given_up"  # lost to us; the carrier has yet to say that it is closed


OPEN = Phase.OPEN  # asked for with every frame


class Doubt(StrEnum):
    """What a session wants done about a connection that does not speak."""

    PROBE = "probe"  # ask something that must be answered
    DEAD = "dead"  # give it up


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a session is."""

    dial_ns: int = 10 * SECOND_NS
    silence_ns: int = 750_000_000  # nothing heard for so long: probe
    answer_ns: int = 5 * SECOND_NS  # nothing heard after a probe: dead
    backoff_first_ns: int = 250_000_000
    backoff_max_ns: int = 30 * SECOND_NS
    settled_ns: int = 10 * SECOND_NS  # a connection that was ready for so long ends a series of failures
    attempts_per_minute: int = 10


class Session(Generic[Asked]):
    """The timers and the request table of one connection; it appends what the carrier has to do to `actions`."""

    def __init__(
        self, connection: str, url: str, pace: Pace, random: Callable[[], float], actions: list[Action]
    ) -> None:
        self.connection = connection
        self.phase = Phase.IDLE
        self._url = url
        self._pace = pace
        self._random = random
        self._actions = actions
        self._failures = 0
        self._attempts: deque[int] = deque(maxlen=pace.attempts_per_minute)
        self._dial_at = 0
        self._dialed_at = 0
        self.heard_at = 0
        self._probed_at: int | None = None
        self._ready_at: int | None = None
        self._last_id = 0
        self._asked: dict[int, tuple[Asked, int]] = {}
        self._first_deadline: int | None = None  # never later than the earliest deadline in the table

    def start(self, at: int) -> None:
        """Want the connection: dial at once."""
        assert self.phase is Phase.IDLE, "a session is started once"
        self._dial(at)

    def opened(self, at: int) -> None:
        """The carrier has it open."""
        if self.phase is Phase.DIALING:
            self.phase = Phase.OPEN
            self.heard_at = at
            self._probed_at = None

    def heard(self, at: int) -> None:
        """A frame arrived: the connection is alive."""
        self.heard_at = at
        self._probed_at = None

    def ready(self, at: int) -> None:
        """Login and subscriptions are done: from here on the connection counts as a success."""
        self._ready_at = at

    def closed(self, at: int) -> None:
        """The carrier says that it is closed, or never opened: wait before the next attempt."""
        if self.phase in (Phase.IDLE, Phase.WAITING):
            return
        if self._ready_at is not None and at - self._ready_at >= self._pace.settled_ns:
            self._failures = 0
        self._ready_at = None
        self.phase = Phase.WAITING
        self._dial_at = self._next_attempt(at)
        self._failures += 1

    def give_up(self, reason: str) -> None:
        """Close the connection; nothing that still arrives on it counts."""
        assert self.phase in (Phase.DIALING, Phase.OPEN), "only a connection that we have can be given up"
        self.phase = Phase.GIVEN_UP
        self._actions.append(Close(self.connection, reason))

    def stop(self) -> None:
        """Want the connection no longer."""
        if self.phase in (Phase.DIALING, Phase.OPEN):
            self._actions.append(Close(self.connection, "stop"))
        self.phase = Phase.IDLE

    def wake(self, at: int) -> Doubt | None:
        """Dial if it is time to, and say what to do about a silent connection."""
        match self.phase:
            case Phase.WAITING if at >= self._dial_at:
                self._dial(at)
            case Phase.DIALING if at >= self._dialed_at + self._pace.dial_ns:
                return Doubt.DEAD
            case Phase.OPEN if self._probed_at is None and at >= self.heard_at + self._pace.silence_ns:
                self._probed_at = at
                return Doubt.PROBE
            case Phase.OPEN if self._probed_at is not None and at >= self._probed_at + self._pace.answer_ns:
                return Doubt.DEAD
            case _:
                pass
        return None

    @property
    def next_wake(self) -> int | None:
        """When `wake` or `expired` will have something to do."""
        phase = self.phase
        if phase is OPEN:
            probed_at, first = self._probed_at, self._first_deadline
            due = self.heard_at + self._pace.silence_ns if probed_at is None else probed_at + self._pace.answer_ns
            return due if first is None or due < first else first
        if phase is Phase.WAITING:
            return self._dial_at
        if phase is Phase.DIALING:
            return self._dialed_at + self._pace.dial_ns
        return None

    # --- The request table --------------------------------------------------------------------------------------

    def ask(self, what: Asked, deadline: int) -> int:
        """Remember what is asked now, under the id that it goes out with."""
        self._last_id += 1
        self._asked[self._last_id] = (what, deadline)
        if self._first_deadline is None or deadline < self._first_deadline:
            self._first_deadline = deadline
        return self._last_id

    def answered(self, request_id: int) -> Asked | None:
        """What this id asked, once; None if it was answered before, expired, or never asked."""
        entry = self._asked.pop(request_id, None)
        return entry[0] if entry else None

    def expired(self, at: int) -> list[Asked]:
        """What was not answered by its deadline; it is forgotten here."""
        if self._first_deadline is None or at < self._first_deadline:
            return []
        late = [number for number, (_, deadline) in self._asked.items() if deadline <= at]
        told = [self._asked.pop(number)[0] for number in late]
        self._first_deadline = min((deadline for _, deadline in self._asked.values()), default=None)
        return told

    def forget(self) -> list[Asked]:
        """Everything still unanswered, as no answer can come any more."""
        unanswered = [what for what, _ in self._asked.values()]
        self._asked.clear()
        self._first_deadline = None
        return unanswered

    # --- Attempts -----------------------------------------------------------------------------------------------

    def _dial(self, at: int) -> None:
        self.phase = Phase.DIALING
        self._dialed_at = at
        self._attempts.append(at)
        self._actions.append(Connect(self.connection, self._url))

    def _next_attempt(self, at: int) -> int:
        cap = min(self._pace.backoff_max_ns, self._pace.backoff_first_ns << min(self._failures, 30))
        drawn = at + int(self._random() * cap)
        if len(self._attempts) < self._pace.attempts_per_minute:
            return drawn
        return max(drawn, self._attempts[0] + MINUTE_NS)
