"""The statement of a day: what the venue told us that we hold, and whether all that moved it is known.

    opening + fills - fees + funding + settlement + transfers + ... = closing

for each asset of each account: every currency, and every instrument in which a position is held. Opening and closing
are the venue's own words, the last ones before the day begins and before it ends, and the statement is about the time
between them: a day opens with what the day before closed with. If no word is older, the first one of the day opens it.
All else is ours: fills, and money that moved without one. What is left is told by name, and between which two words of
the venue's it came about.

What the venue tells while fills are under way may have them in it or not. So a word counts only if it goes together
with the one before or the one after it; a single one that does not was told amid fills. Where all of a day's are alone,
as where something is taken or earned between any two of them, all count.

What was taken over is no movement: it is how such a difference was accepted once it had been found. Times are UTC.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise

import msgspec
from sqlalchemy import Connection

from replenisher.errors import ReplenisherError
from replenisher.model.event import CashKind
from replenisher.model.instrument import Kind
from replenisher.model.units import DAY_NS, SECOND_NS
from replenisher.report.booked import Booked
from replenisher.store import history, queries, told
from replenisher.store.history import Fill, Paid, Taken
from replenisher.store.lived import Life, lived
from replenisher.store.period import ALWAYS
from replenisher.store.queries import AccountKey
from replenisher.store.told import Reading

ZERO = Decimal(0)
MOVED_BY: dict[str, str] = {
    CashKind.FUNDING: "funding",
    CashKind.SETTLEMENT: "settlement",
    CashKind.DELIVERY: "delivery",
    CashKind.TRANSFER: "transfers",
    CashKind.FEE: "charges",
    CashKind.LIQUIDATION: "charges",
}


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """By what one asset became more or less."""

    fills: Decimal = ZERO  # of a currency: what they paid at once; of a position: what was bought and sold
    fees: Decimal = ZERO  # negative; a rebate is positive
    funding: Decimal = ZERO
    settlement: Decimal = ZERO
    delivery: Decimal = ZERO
    transfers: Decimal = ZERO
    charges: Decimal = ZERO  # what else the venue took, or gave back

    @property
    def sum(self) -> Decimal:
        """All of it."""
        return sum((getattr(self, name) for name in self.__struct_fields__), ZERO)

    def less(self, other: "Moved") -> "Moved":
        """What came since then."""
        return Moved(**{name: getattr(self, name) - getattr(other, name) for name in self.__struct_fields__})


NOTHING = Moved()


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What no row explains, and the two words of the venue's between which it came about."""

    amount: Decimal
    after: int
    until: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The day of one asset. Without a word of the venue's on that day it is not known whether all is explained.

    Of an asset that it never tells, as of one in which nothing but fees are taken, that is never known.
    """

    venue: str
    account: str
    asset: str
    is_ever_told: bool
    opening: Decimal | None = None
    opened_at: int | None = None
    moved: Moved
    expected: Decimal | None = None
    closing: Decimal | None = None
    closed_at: int | None = None
    unexplained: Decimal | None = None
    gaps: tuple[Gap, ...] = ()
    moved_since: Decimal  # in the day, after the venue's last word

    @property
    def is_explained(self) -> bool:
        """Whether nothing is left, as far as the venue could have said so."""
        return self.unexplained == 0 or not self.is_ever_told


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The day of all accounts."""

    day: str
    is_over: bool
    is_explained: bool  # whether every asset is
    entries: tuple[Entry, ...]
    lives: tuple[Life, ...] = ()  # that ended on that day


def borders(day: date) -> tuple[int, int]:
    """When a day begins and ends, by UTC."""
    since = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND_NS
    return since, since + DAY_NS


def read_statement(
    connection: Connection,
    keys: Sequence[AccountKey],
    day: date,
    now: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Statement:
    """The statement of a day of these accounts. `progress` is told how many fills of how many are read."""
    since, until = borders(day)
    if since > now:
        raise ReplenisherError(f"{day} has not come yet, by UTC")
    entries: list[Entry] = []
    lives: list[Life] = []
    for key in keys:
        told_of = lived(connection, key, ALWAYS)
        lives += (life for life in told_of if life.until is not None and since <= life.until < until)
        entries += Following(connection, key, since, until).entries(progress)
    if not entries:
        names = ", ".join(f"{key.account} on {key.venue}" for key in keys) or "any account"
        raise ReplenisherError(
            f"there is nothing to state: on {day} the ledger has neither a word nor a move of {names}"
        )
    is_explained = all(entry.is_explained for entry in entries)
    return Statement(
        day=day.isoformat(),
        is_over=until <= now,
        is_explained=is_explained,
        entries=tuple(entries),
        lives=tuple(lives),
    )


class Point(msgspec.Struct, frozen=True):
    """A word of the venue's, and what had moved until then."""

    at: int
    held: Decimal
    moved: Moved

    @property
    def origin(self) -> Decimal:
        """What there was before anything moved: always the same, if every word is true and every move is known."""
        return self.held - self.moved.sum


class Border(msgspec.Struct, frozen=True):
    """The day begins, or ends."""

    at: int


class Following:
    """Follows what one account holds, up to the end of a day."""

    def __init__(self, connection: Connection, key: AccountKey, since: int, until: int) -> None:
        self._connection, self._key, self._since, self._until = connection, key, since, until
        self._instruments = queries.instruments(connection, key.venue)
        self._booked = Booked(self._instruments)
        self._moved: dict[str, Moved] = {}  # by asset, since the ledger began
        self._points: dict[str, list[Point]] = defaultdict(list)
        self._borders: list[dict[str, Moved]] = []  # what had moved when the day began, and when it ended

    def entries(self, progress: Callable[[int, int], None]) -> Iterator[Entry]:
        """One for each asset of which there was a word that day, or that moved."""
        self._follow(told.readings(self._connection, self._key, self._since, self._until), progress)
        for asset in sorted({*self._points, *self._moved}):
            entry = self._entry(asset, self._points[asset])
            if entry is not None:
                yield entry

    def _follow(self, readings: Sequence[Reading], progress: Callable[[int, int], None]) -> None:
        """Everything up to the last word, in order. What moved at the time of a word is in it."""
        key, done, count = self._key, 0, history.fill_count(self._connection, self._key, ALWAYS)
        events: list[Paid | Taken | Border | Reading] = [
            *history.paid(self._connection, key, ALWAYS),
            *history.taken(self._connection, key, ALWAYS),
            *(Border(at) for at in (self._since, self._until)),
            *readings,
        ]
        last = max(self._until, *(reading.at for reading in readings), 0)
        waiting = deque(sorted(events, key=lambda event: (event.at, isinstance(event, Reading))))
        for some in history.fills(self._connection, key):
            for fill in some:
                while waiting and waiting[0].at < fill.at:
                    self._happen(waiting.popleft())
                if fill.at > last:
                    return
                self._fill(fill)
            done += len(some)
            progress(done, count)
        for event in waiting:
            self._happen(event)

    def _happen(self, event: Paid | Taken | Border | Reading) -> None:
        match event:
            case Border():
                self._borders.append(dict(self._moved))
            case Reading():
                moved = self._moved.get(event.asset, NOTHING)
                self._points[event.asset].append(Point(event.at, event.held, moved))
            case Taken():
                self._booked.take_over(event)
            case Paid():
                self._pay(event)

    def _pay(self, paid: Paid) -> None:
        self._move(paid.currency, MOVED_BY[paid.kind], paid.amount)
        if paid.kind == CashKind.DELIVERY and (size := self._booked.size(paid.instrument)):
            self._move(paid.instrument, "delivery", -size)
        self._booked.pay(paid)

    def _fill(self, fill: Fill) -> None:
        instrument = self._instruments[fill.instrument]
        bought, worth = fill.amount * fill.side.sign, self._booked.value(fill)
        if fill.fee:
            self._move(fill.fee_currency, "fees", -fill.fee)
        if instrument.kind is Kind.SPOT:
            self._move(instrument.base_currency, "fills", bought)
            self._move(instrument.settlement_currency, "fills", -fill.side.sign * worth)
            return
        self._move(fill.instrument, "fills", bought)
        realized = self._booked.fill(fill, worth)
        if realized and not instrument.pays_at_settlement:
            self._move(instrument.settlement_currency, "fills", realized)

    def _move(self, asset: str, why: str, amount: Decimal) -> None:
        moved = self._moved.get(asset, NOTHING)
        self._moved[asset] = msgspec.structs.replace(moved, **{why: getattr(moved, why) + amount})

    def _of_day(self, points: Sequence[Point]) -> list[Point]:
        return [point for point in points if self._since <= point.at < self._until]

    def _entry(self, asset: str, points: Sequence[Point]) -> Entry | None:
        began, ended = (border.get(asset, NOTHING) for border in self._borders)
        good = trusted(points)
        counting = good if self._of_day(good) else points
        before, within = [point for point in counting if point.at < self._since], self._of_day(counting)
        if not within and began == ended:
            return None
        venue, account = self._key.venue, self._key.account
        if not within:
            return Entry(
                venue=venue,
                account=account,
                asset=asset,
                is_ever_told=bool(points),
                moved=ended.less(began),
                moved_since=ZERO,
            )
        words = [*before[-1:], *within]
        opening, closing = words[0], words[-1]
        moved = closing.moved.less(opening.moved)
        expected = opening.held + moved.sum
        return Entry(
            venue=venue,
            account=account,
            asset=asset,
            is_ever_told=True,
            opening=opening.held,
            opened_at=opening.at,
            moved=moved,
            expected=expected,
            closing=closing.held,
            closed_at=closing.at,
            unexplained=closing.held - expected,
            gaps=tuple(gaps(words)),
            moved_since=ended.less(closing.moved).sum,
        )


def trusted(points: Sequence[Point]) -> list[Point]:
    """Those that go together with the one before or the one after; the first and the last one have only one of them."""
    kept = []
    for number, point in enumerate(points):
        around = [each.origin for each in (*points[max(number - 1, 0) : number], *points[number + 1 : number + 2])]
        if len(around) < 2 or point.origin in around:
            kept.append(point)
    return kept


def gaps(words: Sequence[Point]) -> Iterator[Gap]:
    """Where what the venue says moved away from what we know."""
    for before, after in pairwise(words):
        if after.origin != before.origin:
            yield Gap(amount=after.origin - before.origin, after=before.at, until=after.at)
