"""Sync: bringing our state in line with one venue, whose word it is, before the first quote of every session.

Three stages. First *orders*: which of ours rest, and what traded since the last fill we know; whatever rests from
before is canceled, because nothing is permitted yet. Then, when nothing of ours can fill any more, the *trades* once
more; and when they are booked, *holdings*: position and cash, which therefore cannot change while they are read, and
which our fills must explain in whatever order the venue answers. Only then may anything be shown.

While we quote the same questions are asked again and again, each a while after its last answer: `comparison` says what
follows from the answers. A question without an answer is asked again. An order whose fate is unknown is asked for by
its own id at any time.

A question is about one instrument, or about all that we trade at the venue where one answer tells that (`Setup.scope`).
"""

from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from enum import StrEnum
from typing import assert_never

import msgspec

from replenisher.core.orders import Order
from replenisher.core.topic import Topic
from replenisher.model.command import AskBalance, AskCash, AskOpenOrders, AskOrder, AskPosition, AskTrades, Question
from replenisher.model.units import NEVER_NS

RETRY_NS = 1_000_000_000
CASH_EVERY_NS = 60_000_000_000  # how often a venue is asked for what it does not tell by itself
CASH_PAUSE_NS = 1_000_000_000  # and how often at most, whatever happens: such a question is dear
CASH_OVERLAP_NS = 60_000_000_000  # a book of cash may be written a while after what it tells
OVERLAP_NS = 1_000_000_000  # how far before the newest known fill trades are asked for again


class Stage(StrEnum):
    """How far the sync of a session has come."""

    CLOSED = "closed"
    ORDERS = "orders"
    TRADES = "trades"
    HOLDINGS = "holdings"
    SYNCED = "synced"


HOLDINGS = (Topic.POSITION, Topic.BALANCE)
COMPARED = (Topic.TRADES, *HOLDINGS)
CLOSED, SYNCED = Stage.CLOSED, Stage.SYNCED  # asked for at every step


class Doubt(msgspec.Struct):
    """A holding that the venue tells and our books do not explain."""

    told: Decimal
    ours: Decimal
    reads: int = 1  # in a row that differed
    agreeing: int = 1  # of them, the last ones that said just this

    def read(self, told: Decimal, ours: Decimal) -> None:
        """It differs again."""
        self.reads += 1
        self.agreeing = self.agreeing + 1 if (told, ours) == (self.told, self.ours) else 1
        self.told, self.ours = told, ours


class Sync(msgspec.Struct):
    """The sync of one venue."""

    venue: str
    stage: Stage = CLOSED
    open_questions: dict[tuple[Topic, str], int] = msgspec.field(default_factory=dict)  # -> when to ask (again)
    first_due: int | None = None  # the soonest of these times; None until it is looked up
    cash_asked_at: dict[str, int] = msgspec.field(default_factory=dict)  # currency -> when it was last asked for
    reading_since: dict[str, int] = msgspec.field(default_factory=dict)  # scope -> when its first page was asked for
    trades_as_of: dict[str, int] = msgspec.field(default_factory=dict)  # the same of what was read to its end last
    sought: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)  # orders asked for -> (instrument, since)
    doubts: dict[tuple[Topic, str], Doubt] = msgspec.field(default_factory=dict)  # what is told and not explained

    @property
    def is_open(self) -> bool:
        """Whether the venue can be asked anything at all."""
        return self.stage is not CLOSED

    @property
    def is_synced(self) -> bool:
        """Whether quotes may be shown."""
        return self.stage is SYNCED

    @property
    def is_looking(self) -> bool:
        """Whether the venue was asked what we hold, and has not told all of it."""
        return any(topic in HOLDINGS for topic, _ in self.open_questions)

    def open(self, orders: Iterable[str], trades: Iterable[str], at: int) -> None:
        """A session began, or what we believe is in doubt: ask for everything that rests or may have traded."""
        self.close()
        self.stage = Stage.ORDERS
        for scope in orders:
            self.ask(Topic.OPEN_ORDERS, scope, at)
        for scope in trades:
            self.ask(Topic.TRADES, scope, at)

    def close(self) -> None:
        """The session ended: nothing we were told still counts as current."""
        self.stage = CLOSED
        self.open_questions.clear()
        self.first_due = None
        self.sought.clear()
        self.doubts.clear()
        self.reading_since.clear()

    def rest(self) -> None:
        """Nothing is shown any more, so what we hold is compared no more."""
        for key in [key for key in self.open_questions if key[0] in COMPARED]:
            del self.open_questions[key]
        self.first_due = None

    def ask(self, topic: Topic, subject: str, at: int) -> None:
        """Put a question on the list, to be asked at `at`, or sooner if it stands there already."""
        self.open_questions[topic, subject] = min(at, self.open_questions.get((topic, subject), NEVER_NS))
        self.first_due = None

    def hasten_cash(self, currency: str, at: int) -> None:
        """Look into the book of one currency as soon as may be."""
        self.ask(Topic.CASH, currency, max(at, self.cash_asked_at.get(currency, 0) + CASH_PAUSE_NS))

    def ask_order(self, order: Order, at: int) -> None:
        """Put the question for one order on the list, unless it is there already."""
        if self.stage is not CLOSED and (Topic.ORDER, order.order_id) not in self.open_questions:
            self.sought[order.order_id] = (order.instrument, order.created_at)
            self.ask(Topic.ORDER, order.order_id, at)

    def answered(self, topic: Topic, subject: str) -> None:
        """A question has its answer."""
        self.open_questions.pop((topic, subject), None)
        self.first_due = None
        if topic is Topic.ORDER:
            self.sought.pop(subject, None)

    def doubt(self, topic: Topic, subject: str, told: Decimal, ours: Decimal) -> Doubt:
        """What the venue tells of a holding is not what our books say."""
        doubt = self.doubts.get((topic, subject))
        if doubt is None:
            doubt = self.doubts[topic, subject] = Doubt(told, ours)
        else:
            doubt.read(told, ours)
        return doubt

    def failed(self, question: str, subject: str, at: int) -> None:
        """A question got no answer: ask again a little later."""
        key = (Topic(question), subject)
        if key in self.open_questions:
            self.ask(*key, at + RETRY_NS)

    def advance(
        self,
        trades: Iterable[str],
        currencies: Iterable[str],
        anything_live: bool,
        at: int,
        *,
        positions: Iterable[str],
        unsure: Collection[str],
        cash: Iterable[str],
    ) -> bool:
        """Go to the next stage if this one is complete; True when that makes it synced.

        `trades` and `positions` are what to ask of, `unsure` those of them to ask again, `cash` the currencies of which
        the venue keeps a book.
        """
        if any(topic is not Topic.ORDER for topic, _ in self.open_questions):
            return False
        if self.stage is Stage.ORDERS and not anything_live:
            self.stage = Stage.TRADES
            for scope in trades:
                self.ask(Topic.TRADES, scope, at)
            for currency in cash:
                self.ask(Topic.CASH, currency, at)
        elif self.stage is Stage.TRADES:
            self.stage = Stage.HOLDINGS
            for scope in positions:
                self.ask(Topic.POSITION, scope, at)
            for currency in currencies:
                self.ask(Topic.BALANCE, currency, at)
        elif self.stage is Stage.HOLDINGS and unsure:
            for scope in unsure:
                self.ask(Topic.POSITION, scope, at)
        elif self.stage is Stage.HOLDINGS:
            self.stage = SYNCED
            return True
        return False

    def due(self, read_until: Callable[[str], int], timeout_ns: int, at: int) -> list[Question]:
        """The questions to ask now, if any is due; `read_until` tells the venue time up to which something was read."""
        return [
            self._question(topic, subject, read_until, at, at + timeout_ns)
            for (topic, subject), ask_at in self.open_questions.items()
            if ask_at <= at
        ]

    def asked(self, question: Question, at: int) -> None:
        """A question is about to leave: it is asked again if it has no answer a while after its deadline."""
        topic, subject = key = Topic(type(question).__name__), question.subject
        if key not in self.open_questions:
            return  # an earlier life has asked it that knew of more
        self.open_questions[key] = question.deadline + RETRY_NS
        self.first_due = None
        if topic is Topic.CASH:
            self.cash_asked_at[subject] = at
        elif topic is Topic.TRADES:
            self.reading_since.setdefault(subject, at)  # an answer does not say to which of two it is

    @property
    def next_due(self) -> int:
        """When the next question is due; never while there is nobody to ask."""
        if self.stage is CLOSED:
            return NEVER_NS
        if self.first_due is None:
            self.first_due = min(self.open_questions.values(), default=NEVER_NS)
        return self.first_due

    def _question(
        self, topic: Topic, subject: str, read_until: Callable[[str], int], at: int, deadline: int
    ) -> Question:
        match topic:
            case Topic.OPEN_ORDERS:
                return AskOpenOrders(scope=subject, deadline=deadline, asked_at=at)
            case Topic.ORDER:
                instrument, placed_at = self.sought[subject]
                return AskOrder(order_id=subject, instrument=instrument, placed_at=placed_at, deadline=deadline)
            case Topic.TRADES:
                return AskTrades(scope=subject, since=max(0, read_until(subject) - OVERLAP_NS), deadline=deadline)
            case Topic.POSITION:
                return AskPosition(scope=subject, deadline=deadline)
            case Topic.CASH:
                since = max(0, read_until(f"{self.venue}/{subject}") - CASH_OVERLAP_NS)
                return AskCash(venue=self.venue, currency=subject, since=since, deadline=deadline)
            case Topic.BALANCE:
                return AskBalance(venue=self.venue, currency=subject, deadline=deadline)
            case _:
                assert_never(topic)
