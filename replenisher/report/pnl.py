"""P&L in parts: what was made and lost by quoting, by holding, by fees and by funding.

Theory. Let v(m) be what one unit of the wire amount is worth at a price m, in the settlement currency: `c m` for a
linear contract and for spot, `-c / m` for an inverse one, whose worth in coins grows as 1 / m falls (c is the contract
value). With q units held, the P&L of a book changes by

    side (v(m) - v(p)) amount      spread: a fill at p while the middle of the book was m
    q (v(m') - v(m))               inventory: the middle moved while q was held
    - fee, + rebate                in whatever asset it is taken
    + funding, + delivery, ...     what the venue pays and takes without a fill

Every part is added up from its own terms, and none is what the others leave. A fill counts with the value that was
booked for it (half-even to 1e-8, as venues do), and v is one number for each price, so nothing is rounded besides and
the parts come to what the ledger has booked (`booked`), to the last digit.

What takes liquidity is no quote of ours, as quotes are post-only: its spread is the slippage of a hedge. What was held
is told by strategy, and goes to the configuration version that was in force meanwhile; a fill and its fee, to the
version of its own. The currency of a line is the settlement currency of its instrument, but for fees that were taken in
another asset: these stand on a line of their own. Spot counts as what was bought and sold since it is traded here.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from replenisher.core.account import EXTERNAL, booked
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY
from replenisher.store.history import Begun, Fill, Paid, Taken
from replenisher.store.queries import AccountKey

ZERO = Decimal(0)
SMALLEST = Decimal("1e-18")  # of what a division is rounded to


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Where P&L came from; a loss is negative."""

    spread: Decimal = ZERO  # of fills that gave liquidity
    hedge_slippage: Decimal = ZERO  # of fills that took it
    inventory: Decimal = ZERO
    fees: Decimal = ZERO
    rebates: Decimal = ZERO
    funding: Decimal = ZERO
    delivery: Decimal = ZERO  # what a contract was delivered at, against the last middle of its book
    liquidation: Decimal = ZERO

    @property
    def sum(self) -> Decimal:
        """All of them together."""
        return sum((getattr(self, name) for name in self.__struct_fields__), ZERO)


class Group(msgspec.Struct, frozen=True):
    """Whose P&L: one strategy on one instrument under one configuration version."""

    venue: str
    account: str
    instrument: str  # empty if it was about none
    strategy: str  # `external` if it was none of ours
    config_version: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of one group in one currency."""

    group: Group
    currency: str
    parts: Parts
    total: Decimal


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of one account in one currency, and what the ledger has booked."""

    venue: str
    account: str
    currency: str
    parts: Parts
    total: Decimal
    booked: Decimal

    @property
    def unexplained(self) -> Decimal:
        """What the ledger has and no part explains; never anything else than 0, or the report is wrong."""
        return self.booked - self.parts.sum


class Pnl(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of all accounts."""

    lines: tuple[Line, ...]
    totals: tuple[Total, ...]
    fills_without_mid: int  # the middle of the book was not stored, so their own price stands for it


def unit_value(instrument: Instrument, price: Decimal) -> Decimal:
    """What one unit of the wire amount is worth at a price, in the settlement currency: v(m) of the theory."""
    if instrument.inverse:
        return -(instrument.contract_value / price).quantize(SMALLEST, ROUND_HALF_EVEN)
    return instrument.contract_value * price


def booked_value(instrument: Instrument, fill: Fill | Taken) -> Decimal:
    """`side v(p) amount`, as it is booked."""
    value = booked(instrument.value(abs(fill.amount), fill.price))
    is_buy = fill.side is BUY if isinstance(fill, Fill) else fill.amount > 0
    return value if is_buy is not instrument.inverse else -value


def shares(amount: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """An amount, divided in proportion; what rounding leaves goes to the last one. The weights must not add up to 0."""
    if len(weights) == 1:
        return dict.fromkeys(weights, amount)
    whole, left = sum(weights.values()), amount
    divided: dict[str, Decimal] = {}
    for name, weight in weights.items():
        divided[name] = (amount * weight / whole).quantize(SMALLEST, ROUND_HALF_EVEN)
        left -= divided[name]
    divided[name] += left
    return divided


class Sums(msgspec.Struct):
    """The parts of one line, while they are added up."""

    spread: Decimal = ZERO
    hedge_slippage: Decimal = ZERO
    inventory: Decimal = ZERO
    fees: Decimal = ZERO
    rebates: Decimal = ZERO
    funding: Decimal = ZERO
    delivery: Decimal = ZERO
    liquidation: Decimal = ZERO

    def parts(self) -> Parts:
        """As they are now."""
        return Parts(**msgspec.structs.asdict(self))


class Book(msgspec.Struct):
    """What one strategy holds of an instrument, and on which line that counts."""

    sums: Sums
    size: Decimal = ZERO  # wire amount, negative is short


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

    def begin(self, begun: Begun) -> None:
        """What is held counts for this configuration from here."""
        self._version = begun.config_version
        for name, books in self._books.items():
            for strategy, book in books.items():
                book.sums = self._line(name, strategy, self._instruments[name].settlement_currency)

    def mark(self, name: str, price: Decimal) -> Decimal:
        """The middle of an instrument's book is here now; returns what one unit is worth there."""
        value = unit_value(self._instruments[name], price)
        moved = value - self.unit_values.get(name, value)
        self.unit_values[name] = value
        if moved:
            for book in self._books.get(name, {}).values():
                book.sums.inventory += book.size * moved
        return value

    def fill(self, fill: Fill) -> None:
        """A strategy traded."""
        instrument = self._instruments[fill.instrument]
        self.fills_without_mid += fill.mid is None
        value = self.mark(fill.instrument, fill.price if fill.mid is None else fill.mid)
        signed = fill.amount if fill.side is BUY else -fill.amount
        gained = signed * value - booked_value(instrument, fill)
        sums = self._line(fill.instrument, fill.strategy, instrument.settlement_currency, fill.config_version)
        if fill.is_maker:
            sums.spread += gained
        else:
            sums.hedge_slippage += gained
        if fill.fee:
            if fill.fee_currency != instrument.settlement_currency:
                sums = self._line(fill.instrument, fill.strategy, fill.fee_currency, fill.config_version)
            if fill.fee > 0:
                sums.fees -= fill.fee
            else:
                sums.rebates -= fill.fee
        self._book(fill.instrument, fill.strategy).size += signed

    def take_over(self, taken: Taken) -> None:
        """A position is ours from now on and no strategy's; what it gained since its entry is inventory."""
        instrument, book = self._instruments[taken.instrument], self._book(taken.instrument, EXTERNAL)
        value = self.unit_values.get(taken.instrument)
        if value is None:
            value = self.mark(taken.instrument, taken.price)
        book.sums.inventory += taken.amount * value - booked_value(instrument, taken)
        book.size += taken.amount

    def pay(self, paid: Paid) -> None:
        """The venue paid something, or took it. What a settlement pays was gained before: it moves cash and no P&L."""
        match paid.kind:
            case CashKind.FUNDING:
                for strategy, share in self._divided(paid).items():
                    self._line(paid.instrument, strategy, paid.currency).funding += share
            case CashKind.FEE:
                for strategy, share in self._divided(paid).items():
                    self._line(paid.instrument, strategy, paid.currency).fees += share
            case CashKind.LIQUIDATION:
                for strategy, share in self._divided(paid).items():
                    self._line(paid.instrument, strategy, paid.currency).liquidation += share
            case _:
                pass

    def deliver(self, name: str, delivered: Decimal) -> None:
        """An instrument's position came to its end; `delivered` is v of all of it at the price that it was paid at."""
        held = {strategy: book.size for strategy, book in self._books.get(name, {}).items() if book.size}
        if not held:
            return
        value, size = self.unit_values[name], sum(held.values())
        if size:
            for strategy, share in shares(delivered - size * value, held).items():
                self._books[name][strategy].sums.delivery += share
        for strategy in held:
            self._books[name][strategy].size = ZERO

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
            sums = self._line(name, strategy, self._instruments[name].settlement_currency)
            book = books[strategy] = Book(sums)
        return book

    def _line(self, name: str, strategy: str, currency: str, version: str | None = None) -> Sums:
        version = self._version if version is None else version
        group = Group(self._key.venue, self._key.account, name, strategy, version)
        sums = self._lines.get((group, currency))
        if sums is None:
            sums = self._lines[group, currency] = Sums()
        return sums


def summed(lines: Iterable[Line]) -> Parts:
    """The parts of several lines of one currency."""
    sums = Sums()
    for line in lines:
        for name in Parts.__struct_fields__:
            setattr(sums, name, getattr(sums, name) + getattr(line.parts, name))
    return sums.parts()
