"""S7: no order or amend leaves on a book that cannot be trusted; and what rests then is canceled at once.

A book cannot be trusted when it has a gap, when its connection has been silent for longer than X = `max_data_age_ms`
(a quiet market is none: whatever comes proves the link), when its last change came later than X after it happened, and
as much as a daemon may be wrong about the exchange's clock, or when the process stood still for longer than
`max_loop_lag_ms`: then what rests is canceled before anything new leaves, but for an order that was being amended: its
answer is read first, with all that arrived meanwhile.
Each is measured at the moment at which bytes leave. An order that rests has its cancel within DELTA_NS, or as much
later as it has to wait for the answer to what was asked about it before, or for the end of a halt in which the exchange
takes no cancel. Who may adopt what an earlier life has left waits for its first book for ADOPT_NS_MAX. What arrives
while the process stands still, for no longer than it may, is known to the turn after the next one.

Two reasons for distrust cannot be met here: the exchange's own book is never crossed (S12 holds ours beside it), and
its clock is the world's.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from replenisher.core.setup import OnStart
from replenisher.core.starting import ADOPT_NS_MAX
from replenisher.exchange.words import STILL
from replenisher.model.event import SessionLost, SessionOpened
from replenisher.model.instrument import name_of
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.checks.orphans import prefix
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.evidence import Resting
from replenisher.simulate.network import DELAYS_NS
from replenisher.simulate.order_frames import order_frame
from replenisher.venues.deribit.venue import MARKET

LABEL = re.compile(r'"label":"([^"]+)"')
DELTA_NS = SECOND_NS
UNSEEN_NS = SECOND_NS // 2  # of a standstill, which a process notices by looking at its clock that often
CLOCK_NS = DELAYS_NS[1] // 2  # by so much it may be wrong: it takes the way there to be as long as the way back
REPEAT_NS = 3 * SECOND_NS  # a cancel that was sent so lately still counts: it is repeated less and less often


class _Book(msgspec.Struct):
    instrument_name: str
    timestamp: int  # milliseconds
    change_id: int
    prev_change_id: int | None = None  # a snapshot has none


class _Params(msgspec.Struct):
    data: _Book


class _BookFrame(msgspec.Struct):
    params: _Params


_decode = msgspec.json.Decoder(_BookFrame).decode


class _Heard:
    """What a daemon has heard on one connection."""

    def __init__(self) -> None:
        self._at = 0
        self._change_ids: dict[str, int] = {}  # of the books that are whole
        self._late_ns: dict[str, int] = {}  # how late the last change of each was

    def arrived(self, at: int) -> None:
        """A frame has come, or is read at last: the connection is whole."""
        self._at = at

    def read(self, at: int, book: _Book) -> None:
        """One that came then was of a book."""
        name, known = book.instrument_name, self._change_ids.get(book.instrument_name)
        if book.prev_change_id is None:
            self._change_ids[name], self._late_ns[name] = book.change_id, 0  # it says when the book last moved, if ever
        elif book.prev_change_id == known:
            self._change_ids[name], self._late_ns[name] = book.change_id, at - book.timestamp * MS_NS
        elif known is not None and book.change_id > known:
            del self._change_ids[name]

    def distrust(self, name: str, at: int, age_ns_max: int) -> str:
        """What is wrong with a book."""
        if name not in self._change_ids:
            return "has a gap"
        if at - self._at > age_ns_max:
            return "is silent"
        return "is late" if self._late_ns[name] > age_ns_max + CLOCK_NS else ""


class NoQuoteOnAStaleBook(Check):
    """Follows the frames of the book as they reach the daemon, on its own."""

    name = "S7"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._forget()

    def _forget(self) -> None:
        self._daemon: Daemon | None = None
        self._names: Sequence[str] = ()  # of what is quoted, as the exchange calls it
        self._heard: dict[str, _Heard] = {}  # by connection: while an heir takes over there are two
        self._unread: deque[tuple[_Heard, int, _Book]] = deque()
        self._read_until = 0  # what had arrived by then has been looked at
        self._bad_since: dict[str, int] = {}
        self._is_in_session = False
        self._known: set[str] = set()  # labels that the exchange has told this life of
        self._asked: dict[str, int] = {}  # label -> when a place or amend was last sent
        self._awaited: set[str] = set()  # labels of which it has read nothing since it last asked for something
        self._canceled: dict[str, int] = {}  # label -> when a cancel was last sent
        self._still_since: int | None = None
        self._stands_until = 0
        self._to_pull: set[str] = set()  # labels that must be canceled before anything new leaves
        self._opened: set[str] = set()  # instruments whose feed the daemon has called whole
        self._adopts_until = 0

    def began(self, daemon: Daemon) -> Objection:
        """Nothing is known yet."""
        self._forget()
        self._names = [name_of(key) for key in self.oracle.instruments]
        setup = self.oracle.setup
        self._age_ns_max = setup.limits.max_data_age_ns
        self._lag_ns_max = (setup.limits.max_loop_lag_ns or 0) + UNSEEN_NS
        self._waits_ns = setup.venues[0].request_timeout_ns
        self._daemon = daemon
        self._own = prefix(self.oracle.namespace, daemon.epoch)
        return None

    def ended(self, daemon: Daemon, how: str) -> Objection:
        """Whoever is dead cancels nothing."""
        self._forget()
        return None

    def received(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """A frame has reached the daemon, which may stand still."""
        at = self.oracle.at
        self._look_whether_it_runs(daemon, at)
        if not connection.startswith(MARKET):
            if '"label":"' in frame:
                labels = LABEL.findall(frame)
                self._known.update(labels)
                if self._still_since is None:
                    self._awaited.difference_update(labels)
            return None
        heard = self._heard.setdefault(connection, _Heard())
        heard.arrived(max(at, self._stands_until))
        if (book := _book_in(frame)) is not None:
            self._unread.append((heard, at, book))
        if self._still_since is None:
            self._read(at)
        return None

    def _read(self, until: int) -> None:
        """What had arrived by then is looked at."""
        while self._unread and self._unread[0][1] <= until:
            heard, at, book = self._unread.popleft()
            heard.read(at, book)

    def dialed(self, daemon: Daemon, connection: str) -> Objection:
        """What was heard on the connection before is void."""
        self._heard.pop(connection, None)
        return None

    def _look_whether_it_runs(self, daemon: Daemon, at: int) -> None:
        if daemon.at > at:
            self._still_since = at if self._still_since is None else self._still_since
            self._stands_until = daemon.at
        elif self._still_since is not None:
            self._runs(self._still_since)

    def _runs(self, still_since: int) -> None:
        """It does not stand still any more; whether it did for too long."""
        if self._stands_until - still_since > self._lag_ns_max and self._is_in_session:
            self._to_pull = ({order.label for order in self.oracle.evidence.ours()} & self._known) - self._awaited
        self._read_until = still_since  # of what came since then nobody knows how much its turn has read
        self._still_since = None

    def wrote(self, daemon: Daemon, data: bytes) -> Objection:
        """Whoever writes runs, and may wait for its disk from now on: one slow turn after another is no standstill."""
        at = self.oracle.at
        if self._still_since is not None and self._stands_until <= at:
            self._runs(self._still_since)
        self._look_whether_it_runs(daemon, at)
        return None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """What the daemon knew of the market when this left."""
        at = self.oracle.at
        self._look_whether_it_runs(daemon, at)
        request = order_frame(frame)
        if request is None:
            return None
        order = self.oracle.evidence.resting.get(request.order_id)
        label, name = (request.label, request.instrument) if order is None else (order.label, order.instrument)
        self._awaited.add(label)
        if not (request.is_place or request.verb == "edit"):
            self._canceled[label] = at
            self._to_pull.discard(label)
            return None
        self._asked[label] = at
        if name and (why := self._still_distrusted(name, at)):  # an amend of what has ended comes to nothing
            return f"an order or amend left on a book that {why}: {frame}"
        ours = self.oracle.evidence.ours()
        self._to_pull &= {order.label for order in ours if not self._takes_nothing(order.instrument)}
        if left := self._to_pull:
            return f"after a standstill this left before {', '.join(sorted(left))} was canceled: {frame}"
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """It has looked at what had arrived, and may be able to cancel or not."""
        self._read(self.oracle.at)
        for event in step.events:
            if isinstance(event, SessionOpened):
                self._is_in_session = True
                if self.oracle.setup.on_start is OnStart.ADOPT and not self._adopts_until:
                    self._adopts_until = event.at + ADOPT_NS_MAX
            elif isinstance(event, SessionLost):
                self._is_in_session = False
                self._to_pull.clear()
        return None

    def reported(self, daemon: Daemon, verb: str, about: dict[str, Any]) -> Objection:
        """All channels of an instrument are subscribed, and its book is there: whoever may adopt does so now."""
        if verb in ("feed_opened", "feed_back"):
            self._opened.add(name_of(about["instrument"]))
        return None

    def told(self, link: str, frame: str) -> Objection:
        """The market goes on: a moment like any other, also for a process that stands still and is told nothing."""
        at = self.oracle.at
        if self._daemon is not None:
            self._look_whether_it_runs(self._daemon, at)
        runs = self._is_in_session and self._still_since is None
        for name in self._names:
            why = self._distrust(name, at)
            if not runs or not why or self._takes_nothing(name):
                self._bad_since.pop(name, None)
            elif at >= (since := self._bad_since.setdefault(name, at)) + DELTA_NS:
                for order in self.oracle.evidence.ours():
                    if order.instrument == name and not self._may_wait(order) and self._is_left(order.label, since):
                        return f"order {order.label} has no cancel though for {(at - since) / 1e9:.1f} s the book {why}"
        return None

    def _may_wait(self, order: Resting) -> bool:
        """Whether an order was left by an earlier life, and may be adopted once there is a book."""
        is_early = order.instrument not in self._opened and self.oracle.at < self._adopts_until + DELTA_NS
        return is_early and not order.label.startswith(self._own)

    def _is_left(self, label: str, since: int) -> bool:
        """Whether an order that may be canceled is not."""
        free_at = max(since, self._asked.get(label, 0) + self._waits_ns)
        is_canceled = self._canceled.get(label, 0) >= since - REPEAT_NS
        return label in self._known and self.oracle.at >= free_at + DELTA_NS and not is_canceled

    def _takes_nothing(self, name: str) -> bool:
        """Whether the exchange takes no cancel there, for a halt or a maintenance."""
        return any(
            view.state in STILL for view in self.oracle.exchange.views.instruments() if view.instrument.name == name
        )

    def _still_distrusted(self, name: str, at: int) -> str:
        """What is wrong with a book, however much of what has arrived lately was read before this leaves."""
        self._read(self._read_until)
        while (why := self._distrust(name, at)) and self._unread:
            self._read(self._unread[0][1])
        return why

    def _distrust(self, name: str, at: int) -> str:
        """What is wrong with a book, on whichever connection it is best."""
        first = ""
        for heard in self._heard.values():
            if not (why := heard.distrust(name, at, self._age_ns_max)):
                return ""
            first = first or why
        return first or "has a gap"


def _book_in(frame: str) -> _Book | None:
    """What a frame says of a book; None if it says nothing that can be read."""
    if '"channel":"book.' not in frame:
        return None
    try:
        return _decode(frame).params.data
    except msgspec.DecodeError:
        return None
