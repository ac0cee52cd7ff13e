"""One logged-in connection to Deribit: clock, login and its renewal, heartbeat, pacing. Its owner knows what for.

The order of things on a fresh connection: measure the venue's clock, log in with a time it will accept, ask for
heartbeats, and tell the owner `LoggedIn`. Anything that should not happen (a frame that cannot be read, a refused
login, a chore without an answer) ends the connection, and the next one starts clean.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

import msgspec

from replenisher.model.command import OrderCommand
from replenisher.model.event import ClockOffset, Event
from replenisher.model.units import MINUTE_NS, MS_NS, SECOND_NS, US_NS
from replenisher.venues.deribit import codec, private, requests
from replenisher.venues.deribit.refusals import is_no_login, is_no_permission, is_overrun
from replenisher.venues.deribit.scope import is_barred_from_trading
from replenisher.venues.deribit.settings import Credentials, Settings
from replenisher.venues.deribit.words import (
    Abandon,
    Answered,
    Asked,
    Check,
    Chore,
    LinkEvent,
    LoggedIn,
    Lost,
    MeasureClock,
    Notified,
    Subscribe,
    Unanswered,
    Unsubscribe,
)
from replenisher.venues.limiter import Bucket
from replenisher.venues.session import OPEN, Doubt, Pace, Phase, Session
from replenisher.venues.venue import Action, Send

# Credits, as the venue counts them for everything that does not reach the matching engine. We use less than we have.
CREDITS = 40_000
CREDITS_PER_SECOND = 8_000
REQUEST_COST = 500
SUBSCRIBE_COST = 3_000
OPENING_COST = 3 * REQUEST_COST  # of each connection, which are not kept back: the time, the login, the heartbeat

# A heartbeat bounds how long a connection that went silent keeps its orders: it is tested at the latest 2.3 s after the
# interval, and closed one interval later if it does not answer (measured with 10 s, the shortest the venue offers).
HEARTBEAT_S_MIN = 10
TESTED_LATE_S = 3
ORDER_REMEMBERED_NS = MINUTE_NS  # an answer later than this finds nobody who asked
CLOCK_WAY_MAX_NS = SECOND_NS  # there and back
LAPSES_MAX = 5  # of a login, in a minute
RENEW_AT = 0.8  # of a login's life


class Clock:
    """The venue's clock, as last measured on any of its connections."""

    def __init__(self) -> None:
        self.offset_ns = 0
        self.is_measured = False

    def venue_ms(self, at: int) -> int:
        """The venue's time at a session time."""
        return (at + self.offset_ns) // MS_NS


class _Waiting(msgspec.Struct, frozen=True):
    method: str
    params: Mapping[str, requests.Param]
    what: Asked
    deadline: int | None  # None: it has its time from when it is sent
    cost: int


class Link:
    """The machine of one connection: told frames and time, it returns what its owner must know."""

    def __init__(
        self,
        *,
        venue: str,
        connection: str,
        url: str,
        credentials: Credentials | None,
        pace: Pace,
        settings: Settings,
        clock: Clock,
        bucket: Bucket,
        attempts: Bucket,
        random: Callable[[], float],
        facts: list[Event],
        actions: list[Action],
    ) -> None:
        self.connection = connection
        self.is_logged_in = False  # or may do all that it is for without a login
        self.logged_in_at = 0
        self._venue = venue
        self._credentials = credentials
        self._settings = settings
        self._clock = clock
        self._bucket = bucket
        self._random = random
        self._facts = facts
        self._actions = actions
        self._session: Session[Asked] = Session(connection, url, pace, random, attempts, actions)
        self._waiting: deque[_Waiting] = deque()
        self._is_logging_in = False
        self._lapses: deque[int] = deque(maxlen=LAPSES_MAX)  # when an answer said that we are not logged in
        self._refresh_token = ""
        self._renew_at = 0
        self._clock_at = 0

    # --- What happens to it ---------------------------------------------------------------------------------------

    def start(self, at: int, not_before: int = 0) -> None:
        """Begin to connect."""
        self._session.start(at, not_before)

    def opened(self, at: int) -> None:
        """The carrier has the connection open."""
        self._session.opened(at)
        if self._session.phase is Phase.OPEN:
            self._measure_clock(at)

    def heard(self, at: int) -> bool:
        """Count a frame as a sign of life; false if the connection is one we no longer listen to."""
        if self._session.phase is not OPEN:
            return False
        self._session.heard(at)
        return True

    def received(self, frame: str | bytes, at: int) -> LinkEvent | None:
        """One frame that `heard` counted."""
        try:
            message = codec.decode_frame(frame)
        except codec.UNREADABLE as error:
            return self.give_up(f"unreadable frame: {error}")
        match message.method:
            case "subscription":
                return Notified(message.params.channel, message.params.data)
            case "heartbeat":
                if message.params.type == "test_request":
                    self._probe(at)
                return None
            case _:
                return self._replied(message, at)

    def closed(self, reason: str, at: int) -> Lost | None:
        """The carrier says that the connection ended."""
        lost = self._lost(reason) if self._is_up else None
        self._session.closed(at)
        return lost

    def wake(self, at: int) -> list[LinkEvent]:
        """Do what has become due."""
        match self._session.wake(at):
            case Doubt.DEAD:
                return [self.give_up("does not answer")]
            case Doubt.PROBE:
                self._probe(at)
            case None:
                pass
            case doubt:
                assert_never(doubt)
        overdue: list[LinkEvent] = []
        for what in self._session.expired(at):
            if isinstance(what, Chore | MeasureClock | Check | Subscribe | Unsubscribe):
                if what is Chore.PROBE:
                    continue  # the session's own patience decides about silence
                return [*overdue, self.give_up(f"no answer: {_name(what)}")]
            overdue.append(Unanswered(what))
        overdue += self._given_up_waiting(at)
        if self.is_logged_in:
            if self._credentials is not None and at >= self._renew_at:
                self._renew(at)
            if at >= self._clock_at:
                self._measure_clock(at)
        self._send_waiting(at)
        return overdue

    def stop(self) -> Lost | None:
        """Close for good."""
        was_up = self._is_up
        self._session.stop()
        return self._lost("stop") if was_up else None

    @property
    def next_wake(self) -> int | None:
        """When `wake` has something to do."""
        wake = self._session.next_wake
        if wake is None or not self.is_logged_in:
            return wake
        if self._clock_at < wake:
            wake = self._clock_at
        if self._credentials is not None and self._renew_at < wake:
            wake = self._renew_at
        if self._waiting:
            wake = min(wake, self._bucket.affordable_at(self._waiting[0].cost))
        return wake

    # --- What its owner asks of it --------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        params: Mapping[str, requests.Param],
        what: Asked,
        at: int,
        *,
        deadline: int | None = None,
        cost: int = REQUEST_COST,
    ) -> None:
        """Send a request that is not an order, as soon as the venue's limits allow it, and before its deadline."""
        self._waiting.append(_Waiting(method, params, what, deadline, cost))
        self._send_waiting(at)

    def order_ids(self, requests: Sequence[OrderCommand | Abandon], at: int) -> int:
        """The id under which the first of these goes out, and the next ones after it; others watch their deadlines."""
        return self._session.ask_all(requests, at + ORDER_REMEMBERED_NS, at)

    def send(self, frame: str) -> None:
        """Send one frame as it is."""
        self.send_all((frame,))

    def send_all(self, frames: Sequence[str]) -> None:
        """Send frames as they are, in this order."""
        self._actions.append(Send(self.connection, frames))

    def ready(self, at: int) -> None:
        """The owner has all it wanted: the connection counts as a success."""
        self._session.ready(at)

    def give_up(self, reason: str) -> Lost:
        """End the connection; another one follows."""
        self._session.give_up(reason)
        return self._lost(reason)

    def refused(self, what: str, error: codec.WireError, of_key: Callable[[int], bool] = is_no_permission) -> Lost:
        """End the connection as the venue does not do what it takes; `of_key` says whether a code is about the key."""
        lost = self.give_up(f"refused {what}: {error}")
        return msgspec.structs.replace(lost, is_refusal=of_key(error.code))

    def suspended(self) -> Lost | None:
        """The process did not run: end the connection if there is one; another one follows."""
        return self.give_up("suspended") if self._is_up else None

    @property
    def is_carried(self) -> bool:
        """Whether the carrier has it, and will say when it is closed."""
        return self._is_up or self._session.phase is Phase.GIVEN_UP

    @property
    def is_answered(self) -> bool:
        """Whether everything that was asked has its answer."""
        return not self._waiting and self._session.is_answered

    def lasts(self, is_lasting: bool) -> None:
        """Whether another connection follows when this one ends."""
        self._session.lasts = is_lasting

    def log_out(self, at: int) -> None:
        """Say goodbye: the venue closes the connection, and cancels nothing."""
        self._now("private/logout", {"invalidate_token": True}, Chore.LOG_OUT, at)

    def log_in(self, at: int) -> None:
        """Prove who we are, again if need be."""
        if self._is_logging_in:
            return
        assert self._credentials is not None, "who has no key does not log in"
        self._is_logging_in = True
        nonce = f"{int(self._random() * 2**52):013x}"
        number = self._session.ask(Chore.LOG_IN, at + self._settings.request_timeout_ns, at)
        self._bucket.owe(REQUEST_COST, at)
        self.send(requests.login(number, self._credentials, self._clock.venue_ms(at), nonce))

    def lapsed(self, at: int) -> Lost | None:
        """An answer says that we are not logged in: log in again. A key is refused whose logins are granted and end."""
        if self._is_logging_in:
            return None
        self._lapses.append(at)
        if len(self._lapses) < LAPSES_MAX or self._lapses[0] <= at - MINUTE_NS:
            self.log_in(at)
            return None
        self._lapses.clear()
        lost = self.give_up(f"granted the login {LAPSES_MAX} times in a minute, and forgot it")
        return msgspec.structs.replace(lost, is_refusal=True)

    # --- Inside ---------------------------------------------------------------------------------------------------

    @property
    def _is_up(self) -> bool:
        """Whether there is a connection to listen to, or one that is being dialed."""
        return self._session.phase in (Phase.DIALING, Phase.OPEN)

    def _replied(self, message: codec.Frame, at: int) -> LinkEvent | None:
        what = self._session.answered(message.id, at) if isinstance(message.id, int) else None
        if message.error and is_overrun(message.error.code):
            self._session.overran()  # the venue ends the connection
        match what:
            case None:
                return None
            case Chore.PROBE:
                self._session.proven()
                return None
            case MeasureClock():
                return self._clock_told(what, message, at)
            case Chore.LOG_IN | Chore.RENEW:
                return self._login_told(what, message, at)
            case Chore.SET_HEARTBEAT:
                if message.error:
                    return self.refused(f"to {what}", message.error)
                return None
            case _:
                return Answered(what, message)

    def _measure_clock(self, at: int) -> None:
        self._clock_at = at + self._settings.clock_every_ns
        self._now("public/get_time", {}, MeasureClock(at), at)

    def _clock_told(self, what: MeasureClock, message: codec.Frame, at: int) -> LinkEvent | None:
        if message.error:
            return self.refused("to tell the time", message.error)
        try:
            told = codec.decode_int(message.result) * MS_NS
        except codec.UNREADABLE as error:
            return self.give_up(f"unreadable time: {error}")
        # The envelope tells when the request came in and when the answer left, finer than the result's milliseconds.
        there_in = told if message.us_in is None else message.us_in * US_NS
        there_out = told if message.us_out is None else message.us_out * US_NS
        offset = ((there_in - what.sent_at) + (there_out - at)) // 2
        # The offset may be wrong by half of what the way took, so a slow way only counts where there is no other.
        if not self._clock.is_measured or at - what.sent_at <= CLOCK_WAY_MAX_NS:
            self._clock.is_measured = True
            self._clock.offset_ns = offset
            self._facts.append(ClockOffset(at=at, venue=self._venue, offset_ns=offset))
        if not self.is_logged_in:
            if self._credentials is None:
                return self._stands(at)
            self.log_in(at)
        return None

    def _login_told(self, what: Chore, message: codec.Frame, at: int) -> LinkEvent | None:
        if what is Chore.LOG_IN:
            self._is_logging_in = False
        if message.error:
            if what is Chore.RENEW:
                self.log_in(at)
                return None
            return self.refused("the login", message.error, is_no_login)
        try:
            token = private.decode_token(message.result)
        except codec.UNREADABLE as error:
            return self.give_up(f"unreadable login: {error}")
        assert self._credentials is not None, "it has logged in"
        if not self._credentials.only_reads and is_barred_from_trading(token.scope):
            lost = self.give_up(f"refused the key the right to trade: {token.scope}")
            return msgspec.structs.replace(lost, is_refusal=True)
        self._refresh_token = token.refresh_token
        self._renew_at = at + int(token.expires_in * RENEW_AT * SECOND_NS)
        return None if self.is_logged_in else self._stands(at)

    def _stands(self, at: int) -> LoggedIn:
        """It can be asked for all that it is for."""
        self.is_logged_in = True
        self.logged_in_at = at
        interval_s = max(HEARTBEAT_S_MIN, (self._settings.dead_man_switch_s - TESTED_LATE_S) // 2)
        self._now("public/set_heartbeat", {"interval": interval_s}, Chore.SET_HEARTBEAT, at)
        return LoggedIn()

    def _renew(self, at: int) -> None:
        self._renew_at = at + self._settings.request_timeout_ns  # not again before this one is answered
        params: dict[str, requests.Param] = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        self._now("public/auth", params, Chore.RENEW, at)

    def _probe(self, at: int) -> None:
        self._now("public/test", {}, Chore.PROBE, at)

    def _now(self, method: str, params: Mapping[str, requests.Param], what: Asked, at: int) -> None:
        """What keeps the connection alive does not queue behind what we are curious about."""
        self._bucket.owe(REQUEST_COST, at)
        number = self._session.ask(what, at + self._settings.request_timeout_ns, at)
        self.send(requests.request(number, method, params))

    def _given_up_waiting(self, at: int) -> list[LinkEvent]:
        """What the venue's limits have kept back until nobody waits for its answer any more: it is not sent."""
        late = [entry for entry in self._waiting if entry.deadline is not None and at >= entry.deadline]
        for entry in late:
            self._waiting.remove(entry)
        return [Unanswered(entry.what) for entry in late]

    def _send_waiting(self, at: int) -> None:
        while self._waiting and self._bucket.take(self._waiting[0].cost, at):
            entry = self._waiting.popleft()
            deadline = at + self._settings.request_timeout_ns if entry.deadline is None else entry.deadline
            number = self._session.ask(entry.what, deadline, at)
            self.send(requests.request(number, entry.method, entry.params))

    def _lost(self, reason: str) -> Lost:
        self.is_logged_in = self._is_logging_in = False
        never_sent = [entry.what for entry in self._waiting]
        self._waiting.clear()
        return Lost(reason, tuple(self._session.forget() + never_sent), is_overrun=self._session.has_overrun)


def _name(what: Asked) -> str:
    return what.value if isinstance(what, Chore) else type(what).__name__
