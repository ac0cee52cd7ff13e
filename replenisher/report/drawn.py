"""What is drawn of a report: equity with its parts, fills on price, and positions, of as many points as can be seen.

What is kept does not grow with the fills. Equity is looked at after every n-th of fills and marks, as their number is
known before the first is read. Of fills and prices every n-th is kept, where n doubles whenever there are too many. A
position keeps the least and the most of every stretch that it stands for, so that no peak is lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import itemgetter

import msgspec

from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY
from replenisher.report.pnl import ZERO, Line, Parts, summed
from replenisher.store.history import Fill, Taken
from replenisher.store.presence import PresenceRow
from replenisher.store.queries import AccountKey

POINTS_MAX = 1_000  # of a curve; twice as many before it is thinned again


class EquityCurve(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of one account in one currency, from its first fill on."""

    venue: str
    account: str
    currency: str
    at: tuple[int, ...]  # the venue's clock, ns
    total: tuple[float, ...]
    parts: dict[str, tuple[float, ...]]  # those that ever were something


class FillsOnPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The fills of one instrument, and its price meanwhile."""

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
    mid: tuple[float | None, ...]  # of the book before the fill


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
    met_pct: tuple[float | None, ...]  # of the time in which the instrument traded; None if it did not
    owed_pct: tuple[float | None, ...]  # None if no mandate tells it
    is_enough: tuple[bool | None, ...]  # None if either is not known


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """All curves."""

    equity: tuple[EquityCurve, ...]
    fills: tuple[FillsOnPrice, ...]
    held: tuple[Held, ...]
    presence: tuple[Presence, ...]


def presences(key: AccountKey, recorded: Iterable[PresenceRow]) -> list[Presence]:
    """The hours of every strategy of an account that had obligations."""
    hours: dict[tuple[str, str], list[PresenceRow]] = {}
    for row in recorded:
        hours.setdefault((row.strategy, row.instrument), []).append(row)
    return [
        Presence(
            venue=key.venue,
            account=key.account,
            strategy=strategy,
            instrument=instrument,
            hour=tuple(row.hour for row in those),
            met_pct=tuple(row.met_pct for row in those),
            owed_pct=tuple(row.owed_pct for row in those),
            is_enough=tuple(row.is_enough for row in those),
        )
        for (strategy, instrument), those in sorted(hours.items())
    ]


class Thinned:
    """Every n-th of what is added; n doubles whenever there are twice too many."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, int, float, float, float | None]] = []
        self.one_in = 1
        self._skipped = 0

    def is_due(self) -> bool:
        """Whether the next one is kept; it has to be added then."""
        self._skipped += 1
        return self._skipped >= self.one_in

    def add(self, point: tuple[int, int, float, float, float | None]) -> None:
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
        self.kept: list[tuple[int, Decimal]] = []  # two of each stretch
        self._stretch: list[tuple[int, Decimal]] = []  # that is not over yet
        self._length = 1

    def hold(self, at: int, size: Decimal) -> None:
        """So much is held from now on."""
        self.held = size
        self._stretch.append((at, size))
        if len(self._stretch) >= self._length:
            self.kept += _extremes(self._stretch)
            self._stretch.clear()
            if len(self.kept) >= 4 * POINTS_MAX:
                self._merge()

    def points(self) -> list[tuple[int, Decimal]]:
        """What is to be drawn."""
        unfinished = _extremes(self._stretch) if self._stretch else []
        return list(dict.fromkeys([*self.kept, *unfinished]))

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
        self.fills = Thinned()
        self.position = Position()


class Pen:
    """Gathers the curves of one account, told every fill once it is booked; so many fills and marks will come."""

    def __init__(self, key: AccountKey, instruments: Mapping[str, Instrument], count: int) -> None:
        self._key = key
        self._instruments = instruments
        self._look_every = max(1, count // POINTS_MAX)
        self._unlooked = 0
        self._equity: dict[str, list[tuple[int, Parts]]] = {}
        self._drawn: defaultdict[str, Drawn] = defaultdict(Drawn)

    def fill(self, fill: Fill) -> bool:
        """One more; whether the P&L should be looked at now."""
        drawn, is_buy = self._drawn[fill.instrument], fill.side is BUY
        position = drawn.position
        position.hold(fill.at, position.held + fill.amount if is_buy else position.held - fill.amount)
        if drawn.fills.is_due():
            mid = None if fill.mid is None else float(fill.mid)
            drawn.fills.add((fill.at, 1 if is_buy else -1, float(fill.price), float(fill.amount), mid))
        return self.is_due()

    def is_due(self) -> bool:
        """There is one more fill or mark; whether the P&L should be looked at now."""
        self._unlooked += 1
        return self._unlooked >= self._look_every

    def take_over(self, taken: Taken) -> None:
        """A position is ours without a fill."""
        position = self._drawn[taken.instrument].position
        position.hold(taken.at, position.held + taken.amount)

    def deliver(self, name: str, at: int) -> None:
        """A position is gone without a fill."""
        self._drawn[name].position.hold(at, ZERO)

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

    def equity(self) -> list[EquityCurve]:
        """The curve of each currency."""
        return [self._curve(currency, points) for currency, points in sorted(self._equity.items())]

    def fills(self) -> list[FillsOnPrice]:
        """The curve of each instrument that was traded."""
        traded = sorted((name, drawn.fills) for name, drawn in self._drawn.items() if drawn.fills.kept)
        return [self._on_price(name, fills) for name, fills in traded]

    def held(self) -> list[Held]:
        """The position in each instrument."""
        return [
            Held(
                venue=self._key.venue,
                account=self._key.account,
                instrument=name,
                amount_unit=_unit(self._instruments[name]),
                at=tuple(at for at, _ in points),
                position=tuple(float(size) for _, size in points),
            )
            for name, points in sorted((name, drawn.position.points()) for name, drawn in self._drawn.items())
        ]

    def _curve(self, currency: str, points: list[tuple[int, Parts]]) -> EquityCurve:
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

    def _on_price(self, name: str, thinned: Thinned) -> FillsOnPrice:
        at, side, price, amount, mid = zip(*thinned.kept, strict=True)
        instrument = self._instruments[name]
        return FillsOnPrice(
            venue=self._key.venue,
            account=self._key.account,
            instrument=name,
            price_unit=instrument.quote_currency,
            amount_unit=_unit(instrument),
            one_in=thinned.one_in,
            at=at,
            side=side,
            price=price,
            amount=amount,
            mid=mid,
        )


def _unit(instrument: Instrument) -> str:
    units = {"base": instrument.base_currency, "quote": instrument.quote_currency}
    return units.get(instrument.amount_unit.value, "contracts")
