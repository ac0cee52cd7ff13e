"""One connection's life without the connection: when to dial, when to doubt it, and what was asked on it.

Theory. A connection is either wanted or not. While it is wanted it goes round: dialing, open, perhaps given up,
waiting, dialing. Neither silence nor a request that is not answered proves death, so both are met with a probe first,
and only a probe that is not answered ends the connection. A frame proves one direction, an answer both: what arrives
after a probe and is not its answer, settles nothing. A connection that we give up is lost at that moment, whatever the
carrier still has to say about it. Waiting times are drawn from the whole range [0, cap), so that many clients cut off
together do not come back together, and the number of attempts in any minute is bounded whatever the draws. Whoever
waits for that bound waits a while of chance longer, or all would be in step again.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from replenisher.model.units import SECOND_NS
from replenisher.venues.limiter import Bucket
from replenisher.venues.venue import Action, Close, Connect

Asked = TypeVar("Asked")

DIAL_COST = 10
APART_NS = SECOND_NS  # within which attempts fall that may be made at the same moment


def dials() -> Bucket:
    """The attempts to connect that all sessions of a venue share: four at once, and one more every ten seconds.

    So there are never more than ten in a minute, and nobody waits a minute for the next.
    """
    return Bucket(capacity=4 * DIAL_COST, per_second=1)


class Phase(StrEnum):
    """Where a connection is in its life."""

    IDLE = "idle"  # not wanted
    WAITING = "waiting"  # for the next attempt
    DIALING = "dialing"
    OPEN = "open"
    GIVEN_UP = "given_up"  # lost to us; the carrier has yet to say that it is closed


OPEN = Phase.OPEN  # asked for with every frame


class Doubt(StrEnum):
    """What a session wants done about a connection that does not speak, or does not answer."""

    PROBE = "probe"  # ask something that must be answered
    DEAD = "dead"  # give it up


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a session is."""

    dial_ns: int = 10 * SECOND_NS
    silence_ns: int = 750_000_000  # nothing heard for so long: probe
    unanswered_ns: int = SECOND_NS  # nothing of what we asked answered for so long: probe
    answer_ns: int = 5 * SECOND_NS  # a probe not answered for so long: dead
    backoff_first_ns: int = 250_000_000
    backoff_max_ns: int = 15 * SECOND_NS
    settled_ns: int = 10 * SECOND_NS  # a connection that was ready for so long ends a series of failures
    overrun_ns: int = 5 * SECOND_NS  # the least to wait after one that ended because we had asked too often


class Session(Generic[Asked]):
    """The timers and the request table of one connection; it appends what the carrier has to do to `actions`."""

    def __init__(
        self,
        connection: str,
        url: str,
        pace: Pace,
        random: Callable[[], float],
        attempts: Bucket,
        actions: list[Action],
    ) -> None:
        self.connection = connection
        self.phase = Phase.IDLE
        self.lasts = True  # another attempt follows when the connection ends
        self._url = url
        self._pace = pace
        self._random = random
        self._attempts = attempts
        self._actions = actions
        self._failures = 0
        self.has_overrun = False
        self._dial_at = 0
        self._dialed_at = 0
        self.heard_at = 0
        self._unproven_since: int | None = None  # since when nothing has been answered although we ask
        self._probed_at: int | None = None
        self._ready_at: int | None = None
        self._last_id = 0
        self._asked: dict[int, tuple[Asked, int]] = {}
        self._first_deadline: int | None = None  # never later than the earliest deadline in the table

    def start(self, at: int, not_before: int = 0) -> None:
        """Want the connection: dial at once, or as soon as that may be."""
        assert self.phase is Phase.IDLE, "a session is started once"
        if at < not_before:
            self.phase, self._dial_at = Phase.WAITING, not_before
        else:
            self._dial_or_wait(at)

    def opened(self, at: int) -> None:
        """The carrier has it open."""
        if self.phase is Phase.DIALING:
            self.phase = Phase.OPEN
            self.heard_at = at
            self._unproven_since = self._probed_at = None

    def heard(self, at: int) -> None:
        """A frame arrived: the venue reaches us."""
        self.heard_at = at

    def proven(self) -> None:
        """The probe is answered: the connection is whole, whatever became of other requests."""
        self._unproven_since = self._probed_at = None

    def overran(self) -> None:
        """The venue ends the connection because we have asked too often: leave it in peace for a while."""
        self.has_overrun = True

    def ready(self, at: int) -> None:
        """Login and subscriptions are done: from here on the connection counts as a success."""
        self._ready_at = at

    def closed(self, at: int) -> None:
        """The carrier says that it is closed, or never opened: wait before the next attempt."""
        if self.phase in (Phase.IDLE, Phase.WAITING):
            return
        if not self.lasts:
            self.phase = Phase.IDLE
            return
        has_settled = self._ready_at is not None and at - self._ready_at >= self._pace.settled_ns
        if has_settled and not self.has_overrun:
            self._failures = 0
        cap = min(self._pace.backoff_max_ns, self._pace.backoff_first_ns << min(self._failures, 30))
        self._dial_at = at + int(self._random() * cap) + (self._pace.overrun_ns if self.has_overrun else 0)
        self._failures += 1
        self._ready_at = None
        self.has_overrun = False
        self.phase = Phase.WAITING

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
        """Dial if it is time to, and say what to do about a connection in doubt."""
        match self.phase:
            case Phase.WAITING if at >= self._dial_at:
                self._dial_or_wait(at)
            case Phase.DIALING if at >= self._dialed_at + self._pace.dial_ns:
                return Doubt.DEAD
            case Phase.OPEN if self._probed_at is None and at >= self._doubtful_at:
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
            if probed_at is not None:
                due = probed_at + self._pace.answer_ns
            elif self._unproven_since is None:
                due = self.heard_at + self._pace.silence_ns
            else:
                due = self._doubtful_at
            return due if first is None or due < first else first
        if phase is Phase.WAITING:
            return self._dial_at
        if phase is Phase.DIALING:
            return self._dialed_at + self._pace.dial_ns
        return None

    # --- The request table --------------------------------------------------------------------------------------

    def ask(self, what: Asked, deadline: int, at: int) -> int:
        """Remember what is asked now, under the id that it goes out with."""
        return self.ask_all((what,), deadline, at)

    def ask_all(self, whats: Sequence[Asked], deadline: int, at: int) -> int:
        """The same of several that go out together; the first one's id, upon which the others' follow one by one."""
        first = number = self._last_id + 1
        for what in whats:
            self._asked[number] = (what, deadline)
            number += 1
        self._last_id = number - 1
        if self._unproven_since is None:
            self._unproven_since = at
        if self._first_deadline is None or deadline < self._first_deadline:
            self._first_deadline = deadline
        return first

    def answered(self, request_id: int, at: int) -> Asked | None:
        """What this id asked, once; None if it was answered before, expired, or never asked."""
        entry = self._asked.pop(request_id, None)
        if entry is None:
            return None
        self._unproven_since = at if self._asked else None  # what is still to be answered is given as long again
        return entry[0]

    @property
    def is_answered(self) -> bool:
        """Whether everything that was asked has its answer."""
        return not self._asked

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

    # --- Inside ---------------------------------------------------------------------------------------------------

    @property
    def _doubtful_at(self) -> int:
        """When we may no longer take it for granted that each side reaches the other."""
        silent_at = self.heard_at + self._pace.silence_ns
        if self._unproven_since is None:
            return silent_at
        return min(silent_at, self._unproven_since + self._pace.unanswered_ns)

    def _dial_or_wait(self, at: int) -> None:
        """Dial, as soon as all sessions together may."""
        if not self._attempts.take(DIAL_COST, at):
            self.phase = Phase.WAITING
            self._dial_at = max(at + 1, self._attempts.affordable_at(DIAL_COST) + int(self._random() * APART_NS))
            return
        self.phase = Phase.DIALING
        self._dialed_at = at
        self._actions.append(Connect(self.connection, self._url))
