"""What is drawn of a report: equity with its parts, fills on price, and positions, of as many points as can be seen.

What is kept does not grow with the fills. Equity is looked at after every n-th of fills and marks, as their number is
known before the first is read. Of fills and prices every n-th is kept, where n doubles whenever there are too many. A
position keeps the least and the most of every stretch that it stands for, so that no peak is lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from math import isnan
from operator import itemgetter
from typing import Generic, TypeVar

import msgspec

from replenisher.core.account import coins_taken
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY
from replenisher.model.step import HORIZONS_NS
from replenisher.report.pnl import ZERO, Line, Parts, coins_charged, summed
from replenisher.store.history import Event, Fill, Paid, Taken
from replenisher.store.marked import Marked
from replenisher.store.marks import Mark
from replenisher.store.presence import PresenceRow
from replenisher.store.queries import AccountKey

POINTS_MAX = 1_000  # of a curve; twice as many before it is thinned again
Point = TypeVar("Point")
Shown = tuple[int, int, float, float, float | None]  # of a fill: when, 1 or -1, price, amount, mid


class EquityCurve(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of one account in one currency, from its first fill on."""

    venue: str
    account: str
    currency: str
    at: tuple[int, ...]  # the venue's clock, ns
    total: tuple[float, ...]
    parts: dict[str, tuple[float, ...]]  # those that ever were something


class FillsOnPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The fills of one instrument."""

    venue: str
    account: str
    instrument: str
    price_unit: str
    amount_unit: str  # of the wire amount
    one_in: int  # fills that each of these stands for
    at: tuple[int, ...]
    side: tuple[int, ...]  # 1 is a buy, -1 a sell
    price: tuple[float, ...]
    amount: tuple[float, ...]


class Mids(msgspec.Struct, frozen=True, kw_only=True):
    """Where the others' book of one instrument stood: before fills and after them, and each minute that it was held."""

    venue: str
    account: str
    instrument: str
    price_unit: str
    at: tuple[int, ...]
    mid: tuple[float, ...]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The position of one account in one instrument, all strategies together."""

    venue: str
    account: str
    instrument: str
    amount_unit: str
    at: tuple[int, ...]
    position: tuple[float, ...]  # the least and the most of every stretch


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """What part of each hour one strategy met its obligations."""

    venue: str
    account: str
    strategy: str
    instrument: str
    hour: tuple[int, ...]  # when it begins
    until: tuple[int, ...]  # when it was last counted
    traded_ns: tuple[int, ...]  # the time that counts: in which the instrument traded
    met_pct: tuple[float | None, ...]  # of that time; None if there was none
    owed_pct: tuple[float | None, ...]  # None if no mandate tells it
    is_enough: tuple[bool | None, ...]  # None if either is not known


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """All curves."""

    equity: tuple[EquityCurve, ...]
    fills: tuple[FillsOnPrice, ...]
    mids: tuple[Mids, ...]
    held: tuple[Held, ...]
    presence: tuple[Presence, ...]


OF_AN_HOUR = ("hour", "until", "traded_ns", "met_pct", "owed_pct", "is_enough")


def joined(curves: Sequence[Curves]) -> Curves:
    """The curves of several accounts."""
    by_name = ((name, [getattr(each, name) for each in curves]) for name in Curves.__struct_fields__)
    return Curves(**{name: tuple(chain.from_iterable(those)) for name, those in by_name})


def presences(key: AccountKey, recorded: Iterable[PresenceRow]) -> tuple[Presence, ...]:
    """The hours of every strategy of an account that had obligations."""
    hours: dict[tuple[str, str], list[PresenceRow]] = {}
    for row in recorded:
        hours.setdefault((row.strategy, row.instrument), []).append(row)
    return tuple(
        Presence(
            venue=key.venue,
            account=key.account,
            strategy=strategy,
            instrument=instrument,
            **{name: tuple(getattr(row, name) for row in those) for name in OF_AN_HOUR},
        )
        for (strategy, instrument), those in sorted(hours.items())
    )


class Thinned(Generic[Point]):
    """Every n-th of what is added; n doubles whenever there are twice too many."""

    def __init__(self) -> None:
        self.kept: list[Point] = []
        self.one_in = 1
        self._skipped = 0

    def is_due(self) -> bool:
        """Whether the next one is kept; it has to be added then."""
        self._skipped += 1
        return self._skipped >= self.one_in

    def add(self, point: Point) -> None:
        """Keep one."""
        self._skipped = 0
        self.kept.append(point)
        if len(self.kept) >= 2 * POINTS_MAX:
            del self.kept[::2]
            self.one_in *= 2


class Position:
    """What is held over time: of each stretch the least and the most, in their order; stretches double as points do."""

    def __init__(self) -> None:
        self.held = ZERO
        self._at: int | None = None  # since when; None if nothing ever was
        self.kept: list[tuple[int, Decimal]] = []  # two of each stretch
        self._stretch: list[tuple[int, Decimal]] = []  # that is not over yet
        self._length = 1

    def hold(self, at: int, size: Decimal) -> None:
        """So much is held from now on."""
        self.held, self._at = size, at
        self._stretch.append((at, size))
        if len(self._stretch) >= self._length:
            self.kept += _extremes(self._stretch)
            self._stretch.clear()
            if len(self.kept) >= 4 * POINTS_MAX:
                self._merge()

    def points(self, until: int) -> list[tuple[int, Decimal]]:
        """What is to be drawn; what is held now is held until then."""
        if self._at is None:
            return []
        unfinished = _extremes(self._stretch) if self._stretch else []
        return list(dict.fromkeys([*self.kept, *unfinished, (self._at, self.held), (until, self.held)]))

    def _merge(self) -> None:
        stretches = (self.kept[place : place + 4] for place in range(0, len(self.kept), 4))
        self.kept = [point for stretch in stretches for point in _extremes(stretch)]
        self._length *= 2


def _extremes(stretch: list[tuple[int, Decimal]]) -> list[tuple[int, Decimal]]:
    """The first of the least and the first of the most, in their order."""
    return sorted((min(stretch, key=_size), max(stretch, key=_size)))


_size = itemgetter(1)


class Drawn:
    """What is drawn of one instrument."""

    def __init__(self) -> None:
        self.fills = Thinned[Shown]()
        self.marks = Thinned[tuple[int, float]]()
        self.after = list[tuple[int, float]]()  # where the book stood some time after some fills
        self.position = Position()

    def mids(self) -> list[tuple[int, float]]:
        """Where the book stood, as far as that is known."""
        of_fills = ((at, mid) for at, *_, mid in self.fills.kept if mid is not None)
        return sorted([*of_fills, *self.marks.kept, *self.after])


class Pen:
    """Gathers the curves of one account, told every fill once it is booked; so many fills and marks will come."""

    def __init__(self, key: AccountKey, instruments: Mapping[str, Instrument], count: int) -> None:
        self._key = key
        self._instruments = instruments
        self._look_every = max(1, count // POINTS_MAX)
        self._after_every = max(1, count * len(HORIZONS_NS) // POINTS_MAX)
        self._unlooked = 0
        self._equity: dict[str, list[tuple[int, Parts]]] = {}
        self._drawn: defaultdict[str, Drawn] = defaultdict(Drawn)

    def begin(self, at: int, name: str, size: Decimal) -> None:
        """So much is held when all that is drawn begins."""
        self._drawn[name].position.hold(at, size)

    def fill(self, fill: Fill) -> bool:
        """One more; whether the P&L should be looked at now."""
        drawn, is_buy = self._drawn[fill.instrument], fill.side is BUY
        position = drawn.position
        held = position.held + fill.amount if is_buy else position.held - fill.amount
        position.hold(fill.at, held - coins_taken(self._instruments[fill.instrument], fill.fee, fill.fee_currency))
        if drawn.fills.is_due():
            mid = None if fill.mid is None else float(fill.mid)
            drawn.fills.add((fill.at, 1 if is_buy else -1, float(fill.price), float(fill.amount), mid))
        return self._is_due()

    def happen(self, event: Event) -> bool:
        """The same of something that is no fill."""
        match event:
            case Mark():
                marks = self._drawn[event.instrument].marks
                if marks.is_due():
                    marks.add((event.at, float(event.price)))
                return self._is_due()
            case Taken():
                position = self._drawn[event.instrument].position
                position.hold(event.at, position.held + event.amount)
            case Paid(kind=CashKind.DELIVERY):
                self._drawn[event.instrument].position.hold(event.at, ZERO)
            case Paid() if taken := coins_charged(self._instruments, event):
                position = self._drawn[event.instrument].position
                position.hold(event.at, position.held - taken)
            case _:
                pass
        return False

    def after(self, marked: Marked) -> None:
        """Where the book stood after some fills that were told before; few of them are kept."""
        for place in range(0, len(marked.whose), self._after_every):
            drawn, at = self._drawn[marked.whose[place][0]], int(marked.at[place])
            mids = zip(HORIZONS_NS, marked.mids[:, place].tolist(), strict=True)
            drawn.after += [(at + horizon_ns, mid) for horizon_ns, mid in mids if not isnan(mid)]

    def _is_due(self) -> bool:
        self._unlooked += 1
        return self._unlooked >= self._look_every

    def look(self, at: int, lines: Iterable[Line]) -> None:
        """The P&L is this now."""
        self._unlooked = 0
        by_currency: dict[str, list[Line]] = {}
        for line in lines:
            by_currency.setdefault(line.currency, []).append(line)
        for currency, those in by_currency.items():
            points = self._equity.setdefault(currency, [])
            if points and points[-1][0] == at:
                points.pop()  # a time has one point, as of all that happened then
            points.append((at, summed(those)))

    def curves(self, until: int, hours: Iterable[PresenceRow]) -> Curves:
        """All of the account, which stays as it is until then, and what is recorded of its obligations."""
        drawn = sorted(self._drawn.items())
        mids = [(name, each.mids()) for name, each in drawn]
        held = [(name, each.position.points(until)) for name, each in drawn]
        return Curves(
            equity=tuple(self._curve(currency, points, until) for currency, points in sorted(self._equity.items())),
            fills=tuple(self._on_price(name, each.fills) for name, each in drawn if each.fills.kept),
            mids=tuple(self._mids(name, points) for name, points in mids if points),
            held=tuple(self._held(name, points) for name, points in held if points),
            presence=presences(self._key, hours),
        )

    def _mids(self, name: str, points: Iterable[tuple[int, float]]) -> Mids:
        at, mid = zip(*points, strict=True)
        unit = self._instruments[name].quote_currency
        return Mids(venue=self._key.venue, account=self._key.account, instrument=name, price_unit=unit, at=at, mid=mid)

    def _held(self, name: str, points: Iterable[tuple[int, Decimal]]) -> Held:
        at, sizes = zip(*points, strict=True)
        return Held(
            venue=self._key.venue,
            account=self._key.account,
            instrument=name,
            amount_unit=_unit(self._instruments[name]),
            at=at,
            position=tuple(map(float, sizes)),
        )

    def _curve(self, currency: str, points: list[tuple[int, Parts]], until: int) -> EquityCurve:
        last_at, last = points[-1]
        if last_at < until:
            points = [*points, (until, last)]
        parts = {
            name: tuple(float(getattr(parts, name)) for _, parts in points)
            for name in Parts.__struct_fields__
            if any(getattr(parts, name) for _, parts in points)
        }
        return EquityCurve(
            venue=self._key.venue,
            account=self._key.account,
            currency=currency,
            at=tuple(at for at, _ in points),
            total=tuple(float(parts.sum) for _, parts in points),
            parts=parts,
        )

    def _on_price(self, name: str, fills: Thinned[Shown]) -> FillsOnPrice:
        at, side, price, amount, _ = zip(*fills.kept, strict=True)
        instrument = self._instruments[name]
        return FillsOnPrice(
            venue=self._key.venue,
            account=self._key.account,
            instrument=name,
            price_unit=instrument.quote_currency,
            amount_unit=_unit(instrument),
            one_in=fills.one_in,
            at=at,
            side=side,
            price=price,
            amount=amount,
        )


def _unit(instrument: Instrument) -> str:
    units = {"base": instrument.base_currency, "quote": instrument.quote_currency}
    return units.get(instrument.amount_unit.value, "contracts")
