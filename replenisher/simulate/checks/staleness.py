"""S7: no order or amend leaves on a book that has a gap, is silent or late; and what rests then is canceled."""

import re

import msgspec

from replenisher.model.event import SessionLost, SessionOpened
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.order_frames import order_frame
from replenisher.venues.deribit.venue import MARKET

LABEL = re.compile(r'"label":"([^"]+)"')
SLACK_NS = 100 * MS_NS
CANCEL_NS = 3 * SECOND_NS  # an amend that is under way may have to be waited for


class _Book(msgspec.Struct):
    timestamp: int  # milliseconds
    change_id: int
    prev_change_id: int | None = None  # a snapshot has none


class _Params(msgspec.Struct):
    data: _Book


class _BookFrame(msgspec.Struct):
    params: _Params


_decode = msgspec.json.Decoder(_BookFrame).decode


class NoQuoteOnAStaleBook(Check):
    """Follows the frames of the book as they reach the daemon, on its own."""

    name = "S7"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._life = 0
        self._forget()

    def _forget(self) -> None:
        self._followed = MARKET  # the connection that the last snapshot came on: an heir takes over with it
        self._change_id: int | None = None  # of the book that is whole; None while there is none
        self._late_ns = 0  # how late the last frame of it was
        self._heard_at = 0
        self._bad_since: int | None = None
        self._is_in_session = self._sleeps = False
        self._known: set[str] = set()  # labels that the exchange has told this life of
        self._canceled: dict[str, int] = {}  # label -> when a cancel was last sent

    def began(self, daemon: Daemon) -> Objection:
        """Nothing is known yet."""
        self._forget()
        self._life = daemon.number
        return None

    def ended(self, daemon: Daemon, how: str) -> Objection:
        """Whoever is dead cancels nothing."""
        self._forget()
        return None

    def struck(self, fault: str) -> Objection:
        """Whoever sleeps cancels nothing."""
        self._sleeps = self._sleeps or fault in ("suspended", "stalled")
        return None

    def received(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """A frame has reached the daemon."""
        if not connection.startswith(MARKET):
            if '"label":"' in frame:
                self._known.update(LABEL.findall(frame))
            return None
        book = _book_in(frame)
        if book is not None and book.prev_change_id is None:
            self._followed = connection
        if connection != self._followed:
            return None
        self._heard_at = self.oracle.at
        if book is not None:
            if book.prev_change_id in (None, self._change_id):
                self._change_id = book.change_id
                self._late_ns = self.oracle.at - book.timestamp * MS_NS
            elif self._change_id is not None and book.change_id > self._change_id:
                self._change_id = None
        return None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """What the daemon knew of the market when this left."""
        request = order_frame(frame)
        if request is None:
            return None
        if not (request.is_place or request.verb == "edit"):
            order = self.oracle.evidence.resting.get(request.order_id)
            self._canceled[order.label if order else request.label] = self.oracle.at
            return None
        why = self._distrust(SLACK_NS)
        return f"an order or amend left on a book that {why}: {frame}" if why else None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """Whether the daemon can cancel at all."""
        self._sleeps = False
        for event in step.events:
            if isinstance(event, SessionOpened):
                self._is_in_session = True
            elif isinstance(event, SessionLost):
                self._is_in_session = False
        return None

    def told(self, link: str, frame: str) -> Objection:
        """The market goes on: a moment like any other."""
        if not self._distrust(0) or not self._is_in_session or self._sleeps:
            self._bad_since = None
            return None
        if self._bad_since is None:
            self._bad_since = self.oracle.at
        since = self._bad_since
        if self.oracle.at < since + CANCEL_NS:
            return None
        for order in self.oracle.evidence.ours():
            if order.label in self._known and self._canceled.get(order.label, 0) < since - CANCEL_NS:
                why = self._distrust(0)
                return f"order {order.label} is not canceled, though for {CANCEL_NS / 1e9:.0f} s the book {why}"
        return None

    def _distrust(self, slack_ns: int) -> str:
        """What is wrong with the book."""
        most_ns = self.oracle.setup.limits.max_data_age_ns + slack_ns
        if self._change_id is None:
            return "has a gap"
        if self.oracle.at - self._heard_at > most_ns:
            return "is silent"
        return "is late" if self._late_ns > most_ns else ""


def _book_in(frame: str) -> _Book | None:
    """What a frame says of a book; None if it says nothing that can be read."""
    if '"channel":"book.' not in frame:
        return None
    try:
        return _decode(frame).params.data
    except msgspec.DecodeError:
        return None
