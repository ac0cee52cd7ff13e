"""Attribution: whose each part of P&L is, told everything that moved an account's money, in order.

A payment is on a position, and an account has one for all of its strategies. Most venues pay on what is held when they
pay; one that pays at settlement lets funding accrue on what was held until then, and when. Either is shared in that
proportion, as far as that can be relied on: where longs and shorts of different strategies leave less than half of what
these held, a small error in it would be a large one in every share. Nobody is told more than one and a half times what
was paid.
"""

from collections.abc import Mapping
from copy import copy
from decimal import Decimal

import msgspec

from replenisher.core.account import coins_taken
from replenisher.errors import ReplenisherError
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, EXTERNAL
from replenisher.report.curve import Course
from replenisher.report.pnl import (
    ZERO,
    Group,
    Line,
    Parts,
    as_traded,
    booked_value,
    coins_charged,
    shares,
    unit_value,
)
from replenisher.store.history import Begun, Fill, Paid, Taken
from replenisher.store.marks import Mark
from replenisher.store.queries import AccountKey

PAID_AS: dict[str, str] = {
    CashKind.FUNDING: "funding",
    CashKind.FEE: "fees",
    CashKind.LIQUIDATION: "liquidation",
}  # what else is paid is no P&L
SETTLES = (CashKind.FUNDING, CashKind.SETTLEMENT)  # a settlement is told behind the funding in it


class Desk(msgspec.Struct):
    """Where the P&L of one group counts, in the settlement currency of its instrument."""

    config_version: str
    sums: Parts
    course: Course


Whose = tuple[str, str]  # strategy and configuration version


class Book(msgspec.Struct):
    """What one strategy holds of an instrument, and where that counts."""

    desk: Desk
    size: Decimal = ZERO  # wire amount, negative is short

    def hold(self, at: int, size: Decimal) -> None:
        """So much is held from now on."""
        self.size = size
        self.desk.course.holding.hold(at, size)


class Market(msgspec.Struct):
    """One instrument: what one unit of it is worth, and who holds how much."""

    instrument: Instrument
    price: Decimal | None = None  # that it was last marked at
    value: Decimal | None = None  # v of it
    marked_at: int = 0
    books: dict[str, Book] = msgspec.field(default_factory=dict)  # by strategy
    desks: dict[Whose, Desk] = msgspec.field(default_factory=dict)  # all there ever were
    counts_from: int = 0
    left_at: int = 0  # since when another configuration is in force
    left: dict[str, Desk] = msgspec.field(default_factory=dict)  # where it counted until then, if no mark came since

    def mark(self, at: int, price: Decimal) -> Decimal:
        """The middle of its book is here now; returns what one unit is worth there."""
        before, left = self.value, self._moved_before(at) if self.left else self.left
        self.marked_at = at
        if before is not None and price == self.price:
            return before
        value = unit_value(self.instrument, price)
        self.price, self.value = price, value
        moved = value if before is None else value - before  # coins may have been taken before there was a price
        for strategy, book in self.books.items():
            if book.size:
                gained = book.size * moved
                desk = left.get(strategy, book.desk)
                desk.sums.inventory += gained
                desk.course.equity.move(at if desk is book.desk else max(self.left_at, self.counts_from), gained)
        return value

    def redefine(self, instrument: Instrument) -> None:
        """A contract is worth something else now: how much, the next mark tells."""
        self.instrument, self.price = instrument, None

    def leave(self, at: int) -> None:
        """Another configuration is in force from now; where the middle stands the next mark will tell."""
        if not self.left:
            self.left_at = at
        self.left = {strategy: book.desk for strategy, book in self.books.items()} | self.left

    def _moved_before(self, at: int) -> dict[str, Desk]:
        """Where the move up to this mark counts, if the configuration before was in force for the longer part of it."""
        left, self.left = self.left, {}
        return left if self.left_at - self.marked_at > at - self.left_at else {}

    @property
    def held(self) -> dict[str, Decimal]:
        """Who holds something."""
        return {strategy: book.size for strategy, book in self.books.items() if book.size}

    def accrued(self, at: int) -> dict[Whose, Decimal]:
        """Who held something since the last settlement: amount times seconds."""
        self._pass_until(at)
        held = {whose: Decimal(desk.course.holding.held_s) for whose, desk in self.desks.items()}
        return {whose: held_s for whose, held_s in held.items() if held_s}

    def settle(self, at: int) -> None:
        """What accrues from here on is paid the next time."""
        self._pass_until(at)
        for desk in self.desks.values():
            desk.course.holding.held_s = 0.0

    def count_from(self, at: int) -> None:
        """What is held stays, and how it fares is looked at from here."""
        self.counts_from = at
        self._pass_until(at)
        for desk in self.desks.values():
            desk.course.count_from_now()
        for book in self.books.values():
            book.hold(at, book.size)
            if book.size:
                book.desk.course.equity.move(at, ZERO)

    def _pass_until(self, at: int) -> None:
        for book in self.books.values():
            book.desk.course.holding.pass_until(at)


class Attribution:
    """Adds up the parts of one account's P&L, told everything that moved it, in order."""

    def __init__(self, key: AccountKey, instruments: Mapping[str, Instrument]) -> None:
        self.courses: dict[Group, Course] = {}
        self.fills_without_mid = 0
        self._key = key
        self._instruments = instruments
        self._version = ""
        self._left_at: dict[str, int] = {}  # by version that is not in force
        self._markets: dict[str, Market] = {}  # of what was ever held
        self._lines: dict[tuple[Group, str], Parts] = {}

    @property
    def prices(self) -> dict[str, Decimal]:
        """By instrument, the last price that it was marked at."""
        return {name: market.price for name, market in self._markets.items() if market.price is not None}

    @property
    def unit_values(self) -> dict[str, Decimal]:
        """By instrument, v of the last price that it was marked at."""
        return {name: market.value for name, market in self._markets.items() if market.value is not None}

    def begin(self, begun: Begun) -> None:
        """What is held counts for this configuration from here."""
        left, self._version = self._version, begun.config_version
        if left == self._version:
            return
        self._left_at[left] = begun.at
        self._left_at.pop(self._version, None)
        for market in self._markets.values():
            market.leave(begun.at)
            for (_, version), desk in market.desks.items():
                if version == left:
                    desk.course.leave(begun.at)
                elif version == self._version:
                    desk.course.come_back()
            for strategy, book in market.books.items():
                book.desk = self._desk(market, strategy, self._version)
                book.hold(begun.at, book.size)

    def mark(self, mark: Mark) -> None:
        """The middle of a book moved where nobody traded; what was never held has no worth here."""
        if market := self._markets.get(mark.instrument):
            market.mark(mark.at, mark.price)

    def fill(self, fill: Fill, worth: Decimal) -> None:
        """A strategy traded; `worth` is what the fill was worth, as it is booked."""
        market = self._markets.get(fill.instrument) or self._market(fill.instrument)
        is_buy, mid = fill.side is BUY, fill.mid
        instrument = as_traded(market.instrument, fill)
        if instrument is not market.instrument:
            market.redefine(instrument)
        if mid is None:
            self.fills_without_mid += 1
            mid = fill.price
        value = market.mark(fill.at, mid)
        book = market.books.get(fill.strategy) or self._open(market, fill.strategy)
        desk, at = book.desk, fill.at
        if desk.config_version != fill.config_version:
            desk = self._desk(market, fill.strategy, fill.config_version)
            at = self._in_force(fill.config_version, at)
        signed = fill.amount if is_buy else -fill.amount
        gained = signed * value - (worth if is_buy is not instrument.inverse else -worth)
        if fill.is_maker:
            desk.sums.spread += gained
        else:
            desk.sums.hedge_slippage += gained
        held = book.size + signed
        if fill.fee:
            sums, fee = desk.sums, fill.fee
            if fill.fee_currency == instrument.settlement_currency:
                gained -= fee
            elif taken := coins_taken(instrument, fee, fill.fee_currency):
                fee = taken * value
                gained -= fee
                held -= taken
            else:
                sums = self._line(fill.instrument, fill.strategy, fill.config_version, fill.fee_currency)
                if fill.fee_currency == instrument.base_currency:
                    gained -= fee * mid
                else:
                    desk.course.without_fees_in.add(fill.fee_currency)
            sums.charge(fee)
        desk.course.trade(at, gained, instrument.notional_quote(fill.amount, fill.price))
        book.hold(fill.at, held)

    def take_over(self, taken: Taken) -> None:
        """A position is ours from now on and no strategy's; what it gained since its entry is inventory."""
        market = self._market(taken.instrument)
        # Where nothing was held nobody has marked it lately: an old mark would tell of a fall that there never was.
        value = market.value if market.held and market.value is not None else market.mark(taken.at, taken.price)
        book = market.books.get(EXTERNAL) or self._open(market, EXTERNAL)
        entered = booked_value(market.instrument, abs(taken.amount), taken.price, is_buy=taken.amount > 0)
        gained = taken.amount * value - entered
        book.desk.sums.inventory += gained
        book.desk.course.equity.move(taken.at, gained)
        book.hold(taken.at, book.size + taken.amount)

    def pay(self, paid: Paid) -> None:
        """The venue paid something, or took it. What a settlement pays was gained before: it moves cash and no P&L."""
        if taken := coins_charged(self._instruments, paid):
            self._take_coins(paid, taken)
            return
        market, part = self._markets.get(paid.instrument), PAID_AS.get(paid.kind)
        if part is not None:
            for (strategy, version), share in self._divided(paid, market).items():
                sums = self._line(paid.instrument, strategy, version, paid.currency)
                setattr(sums, part, getattr(sums, part) + share)
                if market is None:
                    continue
                course = self._desk(market, strategy, version).course
                if paid.currency == market.instrument.settlement_currency:
                    course.equity.move(self._in_force(version, paid.at), share)
                elif paid.kind == CashKind.FEE:
                    course.without_fees_in.add(paid.currency)
        if market is not None and paid.kind in SETTLES:
            market.settle(paid.at)

    def deliver(self, at: int, name: str, delivered: Decimal) -> None:
        """An instrument's position came to its end; `delivered` is v of all of it at the price that it was paid at.

        Where strategies held the opposite of each other, nothing was paid that would tell the price: each keeps the
        last middle of the book.
        """
        market = self._markets.get(name)
        if market is None or market.value is None:
            return
        size = sum(market.held.values())
        if size:
            for strategy, share in shares(delivered - size * market.value, market.held).items():
                desk = market.books[strategy].desk
                desk.sums.delivery += share
                desk.course.equity.move(at, share)
        for strategy in market.held:
            market.books[strategy].hold(at, ZERO)

    def count_from(self, at: int) -> None:
        """Only what comes from here on counts. What is held stays, with what it was last marked at."""
        for sums in self._lines.values():
            for part in Parts.__struct_fields__:
                setattr(sums, part, ZERO)
        self.fills_without_mid = 0
        self._left_at = dict.fromkeys(self._left_at, at)
        for market in self._markets.values():
            market.count_from(at)

    def lines(self) -> list[Line]:
        """The P&L of each group, in each currency, as far as there was any."""
        lines: list[Line] = []
        for (group, currency), sums in sorted(self._lines.items(), key=lambda item: str(item[0])):
            parts = copy(sums)
            if parts != Parts():
                lines.append(Line(group=group, currency=currency, parts=parts, total=parts.sum))
        return lines

    def _take_coins(self, paid: Paid, taken: Decimal) -> None:
        """Coins are less, as a fee, and cost what they are worth now: to the only one who ever held some."""
        market = self._market(paid.instrument)
        strategy = next(iter(market.books)) if len(market.books) == 1 else EXTERNAL
        book = market.books.get(strategy) or self._open(market, strategy)
        cost = taken * (market.value or ZERO)
        book.desk.sums.charge(cost)
        book.desk.course.equity.move(paid.at, -cost)
        book.hold(paid.at, book.size - taken)

    def _in_force(self, version: str, at: int) -> int:
        """What comes to a configuration after its time counts at the end of that."""
        return self._left_at.get(version, at)

    def _divided(self, paid: Paid, market: Market | None) -> dict[Whose, Decimal]:
        """Whose a payment is: theirs who held the position, or of the only one who ever traded it."""
        known: list[str] = []
        if market is not None:
            accrues = market.instrument.pays_at_settlement and paid.kind == CashKind.FUNDING
            now = {(strategy, self._version): size for strategy, size in market.held.items()}
            held = market.accrued(paid.at) if accrues else now
            left = abs(sum(held.values(), ZERO))
            if left and 2 * left >= sum(map(abs, held.values())):
                return shares(paid.amount, held)
            known = list(market.books)
        return {(known[0] if len(known) == 1 else EXTERNAL, self._version): paid.amount}

    def _market(self, name: str) -> Market:
        market = self._markets.get(name)
        if market is None:
            if name not in self._instruments:
                raise ReplenisherError(f"the ledger has fills of {name}, and no row of instruments says what it is")
            market = self._markets[name] = Market(self._instruments[name])
        return market

    def _open(self, market: Market, strategy: str) -> Book:
        book = market.books[strategy] = Book(self._desk(market, strategy, self._version))
        return book

    def _desk(self, market: Market, strategy: str, version: str) -> Desk:
        desk = market.desks.get((strategy, version))
        if desk is None:
            name, currency = market.instrument.name, market.instrument.settlement_currency
            course = self.courses[Group(self._key.venue, self._key.account, name, strategy, version)] = Course()
            desk = Desk(version, self._line(name, strategy, version, currency), course)
            market.desks[strategy, version] = desk
        return desk

    def _line(self, name: str, strategy: str, version: str, currency: str) -> Parts:
        group = Group(self._key.venue, self._key.account, name, strategy, version)
        return self._lines.setdefault((group, currency), Parts())
