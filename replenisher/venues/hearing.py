"""What a venue's own session tells without being asked for more than balances and positions: facts in, answers out.

It is all that can be known of a venue whose REST we do not speak ourselves.
"""

from collections.abc import Sequence
from decimal import Decimal

from replenisher.errors import Unreachable
from replenisher.model.command import AskBalance, AskPosition, Question
from replenisher.model.event import (
    BalanceReported,
    BookSnapshot,
    ClockOffset,
    Event,
    InstrumentDefined,
    InstrumentStateChanged,
    Level,
    PositionReported,
    QuestionFailed,
    SessionLost,
    SessionOpened,
)
from replenisher.model.instrument import Instrument, Kind
from replenisher.venues.doctor import Answers, Clock, Key, Listing, Unanswered

NOT_TOLD = Unanswered("a session does not tell")


class Hearing:
    """Notes what a session tells of an account and of the instruments that are traded there."""

    def __init__(self, venue: str, instruments: Sequence[str], begun: int) -> None:
        self.reason = ""  # why the last connection ended
        self.is_refused = False  # for good: the key, or an instrument that is not offered
        self.opened_at: int | None = None
        self._venue, self._names, self._begun = venue, instruments, begun
        self._offset_ns: int | None = None
        self._instruments: dict[str, Instrument] = {}
        self._books: dict[str, BookSnapshot] = {}
        self._closed: dict[str, str] = {}
        self._balances: dict[str, Decimal] = {}
        self._positions: dict[str, Decimal] = {}
        self._failed: dict[str, str] = {}  # what was asked about -> why it was not answered

    @property
    def is_open(self) -> bool:
        """Whether the session stood, with everything that protects us."""
        return self.opened_at is not None

    @property
    def has_every_book(self) -> bool:
        """Whether each instrument has shown its book, or is closed."""
        return all(name in self._books or name in self._closed for name in self._names)

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is to be expected."""
        told = {*self._balances, *self._positions, *self._failed}
        return (
            self.is_open
            and self.has_every_book
            and all(_name(question.subject) in told for question in self.questions(0))
        )

    def note(self, fact: Event) -> None:
        """One fact."""
        match fact:
            case SessionOpened():
                self.opened_at = self.opened_at or fact.at
            case SessionLost() if not self.is_refused:  # a refusal for good says more than what follows from it
                self.reason, self.is_refused = fact.reason, fact.is_refusal
            case ClockOffset():
                self._offset_ns = fact.offset_ns
            case InstrumentDefined():
                self._instruments[fact.instrument.name] = fact.instrument
            case InstrumentStateChanged():
                self._state_changed(fact)
            case BookSnapshot():
                self._books[_name(fact.instrument)] = fact
            case BalanceReported():
                self._balances[fact.currency] = fact.balance
            case PositionReported():
                self._positions[_name(fact.instrument)] = fact.amount
            case QuestionFailed():
                self._failed[_name(fact.subject)] = fact.message
            case _:
                pass

    def questions(self, deadline: int) -> list[Question]:
        """What the session is to be asked once it stands."""
        asked: list[Question] = []
        for instrument in self._instruments.values():
            currencies = {instrument.settlement_currency: None}
            if instrument.kind is Kind.SPOT:
                currencies[instrument.base_currency] = None
            else:
                asked.append(AskPosition(scope=instrument.key, deadline=deadline))
            asked += [AskBalance(venue=self._venue, currency=each, deadline=deadline) for each in currencies]
        return asked

    def session(self) -> int | Unanswered:
        """How long it took until the session stood, or why it does not."""
        if self.opened_at is None:
            return Unanswered(self.reason or "it did not come to stand in time")
        return self.opened_at - self._begun

    def answers(self) -> Answers:
        """All of it; raises `Unreachable` if nobody has said a word."""
        if not self.is_open and not self.is_refused and not self._instruments:
            raise Unreachable(self.reason or f"venue {self._venue} did not answer in time")
        key = Key(trades=None, arms_switch=None, withdraws=None, told="", is_taken=self.is_open)
        return Answers(
            clock=NOT_TOLD if self._offset_ns is None else Clock(self._offset_ns, 0),
            key=Unanswered(self.reason) if self.is_refused and not self._closed else key,
            session_ns=self.session(),
            switch_by_default=NOT_TOLD,
            rate=Unanswered("the session tells no limits"),
            balances=self._balances or Unanswered(next(iter(self._failed.values()), NOT_TOLD.reason)),
            positions=self._positions,
            listings={name: self._listing(name) for name in self._names},
        )

    def _state_changed(self, fact: InstrumentStateChanged) -> None:
        name = _name(fact.instrument)
        if fact.is_open:
            self._closed.pop(name, None)
            return
        self._closed[name] = fact.reason
        if fact.is_final and name not in self._instruments:
            self.reason, self.is_refused = f"{name}: {fact.reason}", True

    def _listing(self, name: str) -> Listing | Unanswered:
        instrument, book = self._instruments.get(name), self._books.get(name)
        if instrument is None:
            return Unanswered(self._closed.get(name, "the venue has not told its terms"))
        return Listing(
            instrument=instrument,
            state=self._closed.get(name, "open"),
            is_open=name not in self._closed,
            bid=_best(instrument, book.bids) if book else None,
            ask=_best(instrument, book.asks) if book else None,
            has_book=book is not None,
        )


def _best(instrument: Instrument, levels: tuple[Level, ...]) -> tuple[Decimal, Decimal] | None:
    return (instrument.price(levels[0][0]), instrument.amount(levels[0][1])) if levels else None


def _name(key: str) -> str:
    """An instrument's name in its key; any other word as it is."""
    return key.partition("/")[2] or key
