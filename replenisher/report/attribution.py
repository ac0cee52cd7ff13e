"""Attribution: whose each part of P&L is, told everything that moved an account's money, in order."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from replenisher.core.account import EXTERNAL
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY
from replenisher.report.curve import Course
from replenisher.report.pnl import ZERO, Group, Line, Sums, booked_value, shares, unit_value
from replenisher.store.history import Begun, Fill, Paid, Taken
from replenisher.store.queries import AccountKey

PAID_AS: dict[str, str] = {
    CashKind.FUNDING: "funding",
    CashKind.FEE: "fees",
    CashKind.LIQUIDATION: "liquidation",
}  # what else is paid is no P&L


class Book(msgspec.Struct):
    """What one strategy holds of an instrument, and on which line that counts."""

    sums: Sums
    course: Course
    size: Decimal = ZERO  # wire amount, negative is short

    def revalue(self, at: int, moved: Decimal) -> None:
        """One unit of what is held is worth so much more."""
        gained = self.size * moved
        self.sums.inventory += gained
        self.course.equity.move(at, gained)

    def hold(self, at: int, size: Decimal) -> None:
        """So much is held from now on."""
        self.size = size
        self.course.holding.hold(at, float(size))


class Attribution:
    """Adds up the parts of one account's P&L, told everything that moved it, in order."""

    def __init__(self, key: AccountKey, instruments: Mapping[str, Instrument]) -> None:
        self.fills_without_mid = 0
        self.unit_values: dict[str, Decimal] = {}  # by instrument: v of the last price that it was marked at
        self._key = key
        self._instruments = instruments
        self._version = ""
        self._books: dict[str, dict[str, Book]] = {}  # instrument -> strategy -> book
        self._lines: dict[tuple[Group, str], Sums] = {}
        self.courses: dict[Group, Course] = {}

    def begin(self, begun: Begun) -> None:
        """What is held counts for this configuration from here."""
        self._version = begun.config_version
        for name, books in self._books.items():
            for strategy, book in books.items():
                book.course.holding.pass_until(begun.at)
                book.sums, book.course = self._own(name, strategy, begun.config_version)
                book.hold(begun.at, book.size)

    def mark(self, at: int, name: str, price: Decimal) -> Decimal:
        """The middle of an instrument's book is here now; returns what one unit is worth there."""
        value = unit_value(self._instruments[name], price)
        moved = value - self.unit_values.get(name, value)
        self.unit_values[name] = value
        if moved:
            for book in self._books.get(name, {}).values():
                book.revalue(at, moved)
        return value

    def fill(self, fill: Fill) -> None:
        """A strategy traded."""
        instrument = self._instruments[fill.instrument]
        self.fills_without_mid += fill.mid is None
        value = self.mark(fill.at, fill.instrument, fill.price if fill.mid is None else fill.mid)
        signed = fill.amount if fill.side is BUY else -fill.amount
        gained = signed * value - booked_value(instrument, fill)
        sums, course = self._own(fill.instrument, fill.strategy, fill.config_version)
        if fill.is_maker:
            sums.spread += gained
        else:
            sums.hedge_slippage += gained
        if fill.fee:
            if fill.fee_currency == instrument.settlement_currency:
                gained -= fill.fee
            else:
                sums = self._line(fill.instrument, fill.strategy, fill.fee_currency, fill.config_version)
            if fill.fee > 0:
                sums.fees -= fill.fee
            else:
                sums.rebates -= fill.fee
        course.trade(fill.at, gained, instrument.notional_quote(fill.amount, fill.price))
        book = self._book(fill.instrument, fill.strategy)
        book.hold(fill.at, book.size + signed)

    def take_over(self, taken: Taken) -> None:
        """A position is ours from now on and no strategy's; what it gained since its entry is inventory."""
        instrument, book = self._instruments[taken.instrument], self._book(taken.instrument, EXTERNAL)
        value = self.unit_values.get(taken.instrument)
        if value is None:
            value = self.mark(taken.at, taken.instrument, taken.price)
        gained = taken.amount * value - booked_value(instrument, taken)
        book.sums.inventory += gained
        book.course.equity.move(taken.at, gained)
        book.hold(taken.at, book.size + taken.amount)

    def pay(self, paid: Paid) -> None:
        """The venue paid something, or took it. What a settlement pays was gained before: it moves cash and no P&L."""
        part = PAID_AS.get(paid.kind)
        if part is None:
            return
        instrument = self._instruments.get(paid.instrument)
        for strategy, share in self._divided(paid).items():
            sums = self._line(paid.instrument, strategy, paid.currency, self._version)
            setattr(sums, part, getattr(sums, part) + share)
            if instrument is not None and paid.currency == instrument.settlement_currency:
                self._own(paid.instrument, strategy, self._version)[1].equity.move(paid.at, share)

    def deliver(self, at: int, name: str, delivered: Decimal) -> None:
        """An instrument's position came to its end; `delivered` is v of all of it at the price that it was paid at."""
        held = {strategy: book.size for strategy, book in self._books.get(name, {}).items() if book.size}
        if not held:
            return
        value, size = self.unit_values[name], sum(held.values())
        if size:
            for strategy, share in shares(delivered - size * value, held).items():
                book = self._books[name][strategy]
                book.sums.delivery += share
                book.course.equity.move(at, share)
        for strategy in held:
            self._books[name][strategy].hold(at, ZERO)

    def lines(self) -> list[Line]:
        """The P&L of each group, in each currency."""
        return [
            Line(group=group, currency=currency, parts=(parts := sums.parts()), total=parts.sum)
            for (group, currency), sums in sorted(self._lines.items(), key=lambda item: str(item[0]))
        ]

    def _divided(self, paid: Paid) -> dict[str, Decimal]:
        """Whose a payment is: theirs who hold the position, as they hold it, or of the only one who ever traded it."""
        books = self._books.get(paid.instrument, {})
        held = {strategy: book.size for strategy, book in books.items() if book.size}
        if sum(held.values()):
            return shares(paid.amount, held)
        return {next(iter(books)) if len(books) == 1 else EXTERNAL: paid.amount}

    def _book(self, name: str, strategy: str) -> Book:
        books = self._books.setdefault(name, {})
        book = books.get(strategy)
        if book is None:
            book = books[strategy] = Book(*self._own(name, strategy, self._version))
        return book

    def _own(self, name: str, strategy: str, version: str) -> tuple[Sums, Course]:
        """What counts in the settlement currency."""
        group = Group(self._key.venue, self._key.account, name, strategy, version)
        course = self.courses.get(group)
        if course is None:
            course = self.courses[group] = Course()
        return self._line(name, strategy, self._instruments[name].settlement_currency, version), course

    def _line(self, name: str, strategy: str, currency: str, version: str) -> Sums:
        group = Group(self._key.venue, self._key.account, name, strategy, version)
        sums = self._lines.get((group, currency))
        if sums is None:
            sums = self._lines[group, currency] = Sums()
        return sums
