"""One of ccxt's exchanges as a place to trade: what is public and what is ours, behind one door.

Streams begin with the exchange's markets and clock. Whatever makes us doubt what ccxt remembers (a socket that ended,
a book that went back in time) ends all of them: books are lost, the carrier ends every stream and forgets, and after a
while they begin anew with nothing old in them. The private session outlives that, as requests travel on their own: what
must be canceled is canceled at once. It ends when what is ours cannot be read or asked for any more.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from replenisher.model.command import OrderCommand, Question
from replenisher.model.event import ClockOffset, Event, SessionLost
from replenisher.model.order import is_order_id
from replenisher.model.units import MINUTE_NS, MS_NS, SECOND_NS
from replenisher.venues.ccxt.calls import Action, Call, Calls, Failure, Restart
from replenisher.venues.ccxt.errors import refuses_key
from replenisher.venues.ccxt.link import (
    Asked,
    Clock,
    Exchange,
    FetchBook,
    FetchTicker,
    FetchTrades,
    HoldSwitch,
    Link,
    LoadMarkets,
    LogIn,
    LookAtRights,
    MeasureClock,
    Settings,
)
from replenisher.venues.ccxt.market import ANEW, BOOK, TRADES, Market
from replenisher.venues.ccxt.tickers import TICKER
from replenisher.venues.ccxt.trading import Trading

LIVES_APART_NS = SECOND_NS


class Phase(StrEnum):
    """Where the streams are."""

    IDLE = "idle"  # not wanted
    WAITING = "waiting"  # for the next attempt
    LOADING = "loading"  # the markets and the clock
    UP = "up"


class CcxtVenue:
    """The machine of one account: told values and time, it answers with facts and actions."""

    def __init__(
        self,
        *,
        name: str,
        exchange: Exchange,
        instruments: Sequence[str],
        namespace: str,
        random: Callable[[], float],
        settings: Settings | None = None,
        followed: Sequence[str] = (),
        tickers: Sequence[str] = (),
        only_listens: bool = False,
    ) -> None:
        """Who `only_listens` needs no key: the public side alone begins."""
        assert instruments, "at a venue at least one instrument is traded"
        self.name = name
        self._exchange = exchange
        self._namespace = namespace
        self._only_listens = only_listens
        self._random = random
        self._settings = settings = settings or Settings()
        self._facts: list[Event] = []
        self._actions: list[Action] = []
        self._calls: Calls[Asked] = Calls(self._actions)
        self._clock = Clock()
        link = Link(name, exchange, settings, self._calls, self._clock, self._facts.append, self._actions)
        self._market = Market(link, instruments, followed, tickers)
        self._trading = Trading(link, self._market.traded, self._is_ours)
        self._phase = Phase.IDLE
        self._failures = 0
        self._attempt_at = 0
        self._up_at = 0
        self._clock_at = 0
        self._markets_at = 0

    # --- What happens to it ---------------------------------------------------------------------------------------

    def start(self, at: int, *, follows: bool = False) -> None:
        """Begin to connect, a while after an earlier life may have asked: what it has spent nobody can say."""
        assert self._phase is Phase.IDLE, "a venue is started once"
        if follows:
            self._phase, self._attempt_at = Phase.WAITING, at + LIVES_APART_NS
            self._trading.follow(at)
        else:
            self._begin(at)

    def answered(self, number: int, value: Any, at: int) -> None:
        """A call came back with a value."""
        call = self._returned(number)
        if call is None:
            return
        match call.what:
            case LoadMarkets():
                self._markets_told(value, at)
            case MeasureClock():
                self._clock_told(call, value, at)
            case FetchBook() | FetchTrades() | FetchTicker():
                self._doubt(self._market.answered(call, value, at), at)
            case LogIn() | LookAtRights() | HoldSwitch() if not self._trading.is_open:
                if reason := self._trading.answered(call, value, at):
                    self._end_session(reason, at)
            case _:
                self._distrust(self._trading.answered(call, value, at), at)

    def failed(self, number: int, failure: Failure, at: int) -> None:
        """A call ended with an exception."""
        call = self._returned(number)
        if call is None:
            return
        match call.what:
            case LoadMarkets():
                if self._phase is Phase.LOADING:
                    self._end_session(str(failure), at, is_refusal=refuses_key(self._exchange.id, failure))
            case MeasureClock():
                self._loaded(at)  # without a clock of its own, the venue's is taken to be ours
            case FetchBook() | FetchTrades() | FetchTicker():
                self._market.failed(call, failure, at)
            case LogIn() | LookAtRights() | HoldSwitch() if not self._trading.is_open:
                if reason := self._trading.failed(call, failure, at):
                    self._end_session(reason, at, is_refusal=refuses_key(self._exchange.id, failure))
            case _:
                reason = self._trading.failed(call, failure, at)
                self._distrust(reason, at, is_refusal=failure.kind == "NotSupported")

    def watched(self, stream: str, value: Any, at: int) -> None:
        """A stream has news."""
        if self._phase is not Phase.UP:
            return
        if stream.startswith((BOOK, TRADES, TICKER)):
            self._doubt(self._market.watched(stream, value, at), at)
        else:
            self._distrust(self._trading.watched(stream, value, at), at)

    def cut(self, reason: str, at: int) -> None:
        """A stream or a socket of ccxt's has ended."""
        self._doubt(reason, at)

    def wake(self, at: int) -> None:
        """`next_wake` has come."""
        if self._phase is Phase.WAITING and at >= self._attempt_at:
            self._begin(at)
        self._trading.wake(at)
        if self._phase is not Phase.UP:
            return
        if at >= self._clock_at:
            self._measure_clock(at)
        if at >= self._markets_at:
            self._load_markets(at, True)
        self._doubt(self._market.wake(at), at)

    @property
    def next_wake(self) -> int | None:
        """The session time at which `wake` wants to be called."""
        dues = [self._trading.next_wake]
        if self._phase is Phase.WAITING:
            dues.append(self._attempt_at)
        elif self._phase is Phase.UP:
            dues += [self._market.next_wake, self._clock_at, self._markets_at]
        return min((due for due in dues if due is not None), default=None)

    def send(self, commands: Sequence[OrderCommand | Question], at: int) -> None:
        """Ask the venue, in this order."""
        self._trading.send(commands, at)

    def suspended(self, at: int) -> None:
        """The process did not run for a while: what is open may be dead or far behind, so it starts over."""
        if self._phase is Phase.UP:
            self._end_session("suspended", at)

    def stop(self, at: int, *, is_flat: bool = False) -> None:
        """End everything and begin nothing again."""
        if is_flat:
            self._trading.say_farewell(at)
        if self._phase is not Phase.IDLE:
            self._end_session("stop", at)
        self._phase = Phase.IDLE

    def facts(self) -> list[Event]:
        """What was learned since the last call."""
        told = self._facts.copy()
        self._facts.clear()
        return told

    def actions(self) -> list[Action]:
        """What the carrier has to do, in order."""
        wanted = self._actions.copy()
        self._actions.clear()
        return wanted

    # --- The session ----------------------------------------------------------------------------------------------

    def _begin(self, at: int) -> None:
        self._phase = Phase.LOADING
        self._load_markets(at, bool(self._market.traded))

    def _load_markets(self, at: int, afresh: bool) -> None:
        self._markets_at = at + self._settings.markets_every_ns
        self._calls.ask(LoadMarkets(), at, "load_markets", afresh)

    def _markets_told(self, markets: Any, at: int) -> None:
        is_changed = self._market.offered(markets, at)
        if self._phase is Phase.UP and is_changed:
            self._doubt(ANEW, at)
        elif self._phase is Phase.LOADING and not self._market.traded:
            self._end_session("none of the instruments is offered", at)
        elif self._phase is Phase.LOADING:
            self._measure_clock(at)

    def _measure_clock(self, at: int) -> None:
        self._clock_at = at + self._settings.clock_every_ns
        if self._exchange.can("fetchTime"):
            self._calls.ask(MeasureClock(), at, "fetch_time")
        else:
            self._loaded(at)

    def _clock_told(self, call: Call[Asked], value: Any, at: int) -> None:
        if isinstance(value, int | float) and at - call.asked_at < SECOND_NS:
            self._clock.offset_ns = int(value) * MS_NS - (call.asked_at + at) // 2
            self._facts.append(ClockOffset(at=at, venue=self.name, offset_ns=self._clock.offset_ns))
        self._loaded(at)

    def _loaded(self, at: int) -> None:
        if self._phase is Phase.LOADING:
            self._phase = Phase.UP
            self._up_at = at
            self._market.begin(at)
            if self._trading.is_open:
                self._trading.watch(at)
            elif not self._only_listens:
                self._trading.log_in(at)

    def _returned(self, number: int) -> Call[Asked] | None:
        """The call that has come back, unless the streams have ended that it was for: it says nothing of these."""
        call = self._calls.answered(number)
        if call is None or (self._phase is Phase.UP and call.asked_at >= self._up_at):
            return call
        match call.what:
            case FetchBook() | FetchTrades() | FetchTicker() | LogIn() | LookAtRights():
                return None
            case HoldSwitch() if not self._trading.is_open:
                return None
            case _:
                return call

    def _doubt(self, reason: str, at: int) -> None:
        """If there is a reason to, begin every stream anew."""
        if reason and self._phase is Phase.UP:
            self._begin_anew(reason, at)

    def _distrust(self, reason: str, at: int, *, is_refusal: bool = False) -> None:
        """If there is a reason to, begin the session anew as well."""
        if reason and self._trading.is_open:
            self._end_session(reason, at, is_refusal=is_refusal)

    def _end_session(self, reason: str, at: int, *, is_refusal: bool = False) -> None:
        self._trading.lose()
        is_refusal = is_refusal and not self._only_listens  # there was no key
        self._facts.append(SessionLost(at=at, venue=self.name, reason=reason, is_refusal=is_refusal))
        self._begin_anew(reason, at)

    def _begin_anew(self, reason: str, at: int) -> None:
        self._market.lose(reason, at)
        self._actions.append(Restart(reason))
        if self._phase is Phase.UP and at - self._up_at >= MINUTE_NS:
            self._failures = 0
        cap = min(self._settings.backoff_first_ns << min(self._failures, 30), self._settings.backoff_max_ns)
        self._phase = Phase.WAITING
        self._attempt_at = at + cap // 2 + int(self._random() * cap / 2)
        self._failures += 1

    def _is_ours(self, name: str) -> bool:
        return is_order_id(name, self._namespace)
