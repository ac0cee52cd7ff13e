"""The port of the checks: what a check is told, and who collects what it objects to.

A check holds the whole system to one invariant, which is its `name`. It is told what crossed the network, what the
exchange wrote into its ledger, what the daemon wrote down, and when daemons began and ended; at the end of a run it
reads both books. It never asks the engine what the engine thinks of itself. Each of its methods returns a sentence
that says what is wrong, or None; it overrides those that it needs, and costs nothing for the others.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import msgspec

from replenisher.core.book import Book
from replenisher.core.setup import Setup
from replenisher.core.slots import SlotKey
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.ledger import Record
from replenisher.model.order import Side
from replenisher.model.step import Step
from replenisher.simulate.times import Promise
from replenisher.store.database import Database
from replenisher.store.journal import Policy

if TYPE_CHECKING:
    from replenisher.simulate.evidence import Evidence

Objection = str | None
OURS = "ours"  # what an exception and time that stands still count as: they say nothing of what they would have cost


class Daemon(Protocol):
    """One life of a daemon, as far as a check may look at it."""

    number: int  # counted from 1
    epoch: int  # part of all of its order ids

    @property
    def at(self) -> int:
        """What time it is for it: it may be held up in the middle of something."""

    def change_id(self, instrument: str) -> int | None:
        """The change of the exchange's book up to which its own is told; None if it trusts none, or is just hearing."""

    def book(self, instrument: str) -> Book:
        """Its book of an instrument, by key."""

    def parts(self) -> Sequence[object]:
        """All that it holds, to be measured and not to be asked."""

    def slot(self, label: str) -> SlotKey | None:
        """Where an order of ours stands that it believes to be live; None if it knows of no such order."""

    def memory(self) -> tuple[int, bytes]:
        """The number of its last step, and all that must outlive the process as of then."""


class Oracle(Protocol):
    """The truth: the exchange itself."""

    @property
    def at(self) -> int:
        """The time."""

    @property
    def exchange(self) -> Exchange:
        """Its present life; it changes when the exchange is started anew."""

    account: str  # ours, as the exchange calls it
    namespace: str  # what our order ids begin with
    instruments: Sequence[str]  # that are quoted, by key
    setup: Setup  # what a daemon was told of its limits
    record_every_ns: int  # how often the recorder looks
    policy: Policy  # when the journal is brought to the disk
    dead_man_ns: int  # after so long without a sign of life the exchange has canceled what a connection placed

    @property
    def is_journal_safe(self) -> bool:
        """Whether power loss could take nothing of what is in the journal's file."""

    @property
    def evidence(self) -> "Evidence":
        """What the ledger and the frames prove about our orders."""

    def took(self, promise: Promise, ns: int) -> None:
        """Note how long something took that a time is promised for."""


class Books(msgspec.Struct, frozen=True):
    """Both books when everything is over."""

    database: Database  # ours
    ledger: Sequence[Record]  # the exchange's, over all of its lives
    journal: Path  # the directory of all that was journaled
    secrets: Sequence[str]  # that must be found nowhere


class FillRow(msgspec.Struct, frozen=True):
    """A row of `fills`; numbers are as they stand there."""

    instrument: str
    trade_id: str
    side: Side
    order_id: str
    price: str
    amount: str
    fee: str
    fee_currency: str
    liquidity: str
    at: int


class OrderRow(msgspec.Struct, frozen=True):
    """A row of `orders`, as it stands now."""

    order_id: str
    amount: Decimal
    filled: Decimal
    status: str
    epoch: int  # of the life that last touched it, as is the next
    step: int


class Check:
    """One invariant. `at` is always the simulated time, in nanoseconds since the epoch."""

    name: ClassVar[str]
    follows_one_desk: ClassVar[bool] = False  # else it is about the account, whoever trades there

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """A daemon let a frame go."""

    def heard(self, link: str, frame: str) -> Objection:
        """A frame has reached the exchange; `link` is what the exchange calls the connection."""

    def told(self, link: str, frame: str) -> Objection:
        """The exchange let a frame go."""

    def turned_out(self, link: str, code: int) -> Objection:
        """The exchange has ended a connection, with a WebSocket code."""

    def received(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """A frame has reached a daemon, and it has not looked at it yet."""

    def recorded(self, record: Record) -> Objection:
        """The exchange wrote a line into its ledger."""

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """A daemon took a step, has journaled it if it must, and has sent what it asks for."""

    def reported(self, daemon: Daemon, verb: str, about: dict[str, Any]) -> Objection:
        """A daemon says something to its operator: what it would print as one line."""

    def wrote(self, daemon: Daemon, data: bytes) -> Objection:
        """Bytes of a daemon's went to its journal's file."""

    def booked(self, row: FillRow) -> Objection:
        """The recorder has committed a row of `fills` that was not there."""

    def ordered(self, row: OrderRow) -> Objection:
        """The recorder has committed a row of `orders`, new or changed."""

    def rewound(self) -> Objection:
        """Power loss has taken rows back: of `orders`, those that are left are told anew."""

    def committed(self, epoch: int, step: int) -> Objection:
        """The recorder has committed everything up to this step."""

    def dialed(self, daemon: Daemon, connection: str) -> Objection:
        """A daemon tries to open a connection."""

    def disconnected(self, daemon: Daemon, connection: str) -> Objection:
        """A connection that stood has broken."""

    def began(self, daemon: Daemon) -> Objection:
        """A life of a daemon began."""

    def ended(self, daemon: Daemon, how: str) -> Objection:
        """A life of a daemon is over, or could not begin: `exit N`, `killed` or `power lost`."""

    def struck(self, fault: str) -> Objection:
        """A fault befell something."""

    def calmed(self) -> Objection:
        """From now on there are no faults any more."""

    def stopping(self) -> Objection:
        """The operator is about to stop the last daemon."""

    def closed(self, books: Books) -> Objection:
        """Everything has ended and is written down."""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """An invariant that does not hold."""

    invariant: str
    after_s: float  # since the run began
    sentence: str


class Court:
    """Tells every check what it wants to hear; `stop` is called when something is found that must not be."""

    def __init__(self, checks: Sequence[Check], elapsed_s: Callable[[], float], stop: Callable[[], None]) -> None:
        self.violations: list[Violation] = []
        self._checks = checks
        self._elapsed_s, self._stop = elapsed_s, stop
        self.sent = self._hearers(checks, "sent")
        self.heard = self._hearers(checks, "heard")
        self.told = self._hearers(checks, "told")
        self.turned_out = self._hearers(checks, "turned_out")
        self.received = self._hearers(checks, "received")
        self.recorded = self._hearers(checks, "recorded")
        self.stepped = self._hearers(checks, "stepped")
        self.reported = self._hearers(checks, "reported")
        self.wrote = self._hearers(checks, "wrote")
        self.booked = self._hearers(checks, "booked")
        self.ordered = self._hearers(checks, "ordered")
        self.rewound = self._hearers(checks, "rewound")
        self.committed = self._hearers(checks, "committed")
        self.dialed = self._hearers(checks, "dialed")
        self.disconnected = self._hearers(checks, "disconnected")
        self.began = self._hearers(checks, "began")
        self.ended = self._hearers(checks, "ended")
        self.struck = self._hearers(checks, "struck")
        self.calmed = self._hearers(checks, "calmed")
        self.stopping = self._hearers(checks, "stopping")
        self.closed = self._hearers(checks, "closed")

    def of_second(self) -> "Court":
        """Where a second daemon on the account is heard: without the checks that follow the first one's desk."""
        court = Court([check for check in self._checks if not check.follows_one_desk], self._elapsed_s, self._stop)
        court.violations = self.violations
        return court

    def object(self, invariant: str, sentence: str) -> None:
        """Note what is wrong."""
        self.violations.append(Violation(invariant=invariant, after_s=self._elapsed_s(), sentence=sentence))
        self._stop()

    def _hearers(self, checks: Sequence[Check], about: str) -> "Hearers":
        heeding = [check for check in checks if getattr(type(check), about) is not getattr(Check, about)]
        return Hearers([(check.name, getattr(check, about)) for check in heeding], self.object)


class Hearers:
    """The checks that want to hear of one kind of thing; false if there are none."""

    __slots__ = ("_hear", "_object")

    def __init__(self, hear: list[tuple[str, Callable[..., Objection]]], object_: Callable[[str, str], None]) -> None:
        self._hear = hear
        self._object = object_

    def __bool__(self) -> bool:
        return bool(self._hear)

    def __call__(self, *args: Any) -> None:
        """Tell all of them, and note what they say."""
        for name, hear in self._hear:
            if (sentence := hear(*args)) is not None:
                self._object(name, sentence)
