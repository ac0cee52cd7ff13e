"""The exchange on the timeline: it answers, wakes, goes away, and comes back with what its ledger tells."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from replenisher.exchange.dialects.dialect import Action, Dialect, HttpRequest
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.ledger import NO_PAST, Past, Record, read_ledger
from replenisher.exchange.words import InstrumentState
from replenisher.simulate.timeline import Timeline


class Opened(NamedTuple):
    """One life of the exchange, and how it talks to its clients."""

    exchange: Exchange
    dialect: Dialect


Open = Callable[[int, Past, Callable[[bytes], None]], Opened]  # at, its past, and where its ledger goes


class ExchangeEnd:
    """One exchange over all of its lives. `answer` is handed what the dialect wants sent."""

    def __init__(self, timeline: Timeline, open_: Open, recorded: Callable[[bytes], None]) -> None:
        self.is_open = False
        self.answer: Callable[[Sequence[Action]], None] = lambda _: None
        self._timeline = timeline
        self._open = open_
        self._recorded = recorded
        self._ledger = bytearray()
        self._wake_at = 0
        self.start()

    @property
    def address(self) -> str:
        """Where it is reached by whoever is no part of the simulation."""
        return ""

    def start(self) -> None:
        """A life begins."""
        past = read_ledger(bytes(self._ledger)) if self._ledger else NO_PAST
        self.exchange, self._dialect = self._open(self._timeline.at, past, self._append)
        self.is_open = True
        self._wake_at = 0
        self._set_alarm()

    def stop(self) -> None:
        """The process is gone."""
        self.is_open = False

    @property
    def lets_in(self) -> bool:
        """Whether a client that comes is connected."""
        return self.is_open and not self._dialect.is_shut

    def interrupt(self, state: InstrumentState, instrument: str = "") -> None:
        """An instrument, or each if none is named, is locked or halted, or open again."""
        if not self.is_open:
            return
        for view in self.exchange.views.instruments():
            if instrument in ("", view.instrument.name) and view.state is not state:
                self.exchange.interrupt(view.instrument.name, state, self._timeline.at)
        self._dialect.wake(self._timeline.at)
        self._answer()

    def ledger(self) -> Sequence[Record]:
        """Everything that it has written down."""
        return read_ledger(bytes(self._ledger)).records

    def ledger_bytes(self) -> bytes:
        """The same as it stands in the file."""
        return bytes(self._ledger)

    def opened(self, link: str) -> None:
        """A client has connected."""
        self._dialect.opened(link, self._timeline.at)
        self._answer()

    def heard(self, link: str, frame: str) -> None:
        """A client's frame is there."""
        self._dialect.received(link, frame, self._timeline.at)
        self._answer()

    def requested(self, link: str, request: HttpRequest) -> None:
        """A client asks over HTTP."""
        self._dialect.requested(link, request, self._timeline.at)
        self._answer()

    def closed(self, link: str) -> None:
        """A client's connection has ended."""
        self._dialect.closed(link, self._timeline.at)
        self._answer()

    def _append(self, data: bytes) -> None:
        self._ledger += data
        self._recorded(data)

    def _answer(self) -> None:
        self.answer(self._dialect.actions())
        self._set_alarm()

    def _set_alarm(self) -> None:
        """One alarm at a time, and never a later one than the dialect wants."""
        at = self._dialect.next_wake
        if at is not None and (self._wake_at == 0 or at < self._wake_at):
            self._wake_at = at
            self._timeline.put(at, self._ring, at, self._dialect)

    def _ring(self, wake_at: int, dialect: Dialect) -> None:
        if wake_at != self._wake_at or dialect is not self._dialect or not self.is_open:
            return  # of an earlier life, or an alarm that an earlier one has replaced
        self._wake_at = 0
        self._dialect.wake(self._timeline.at)
        self._answer()
