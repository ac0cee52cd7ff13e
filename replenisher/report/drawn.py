"""What is drawn of a report: equity with its parts, fills on price, and positions, of as many points as can be seen.

What is kept does not grow with the fills. Equity is looked at after every n-th of them, as their number is known before
the first is read. Of fills and prices every n-th is kept, where n doubles whenever there are too many. A position keeps
the least and the most of every stretch that it stands for, so that no peak is lost.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY
from replenisher.report.pnl import ZERO, Line, Parts, summed
from replenisher.store import queries
from replenisher.store.history import Fill, Taken
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


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """All curves."""

    equity: tuple[EquityCurve, ...]
    fills: tuple[FillsOnPrice, ...]
    held: tuple[Held, ...]
    presence: tuple[Presence, ...]


def presences(connection: Connection, key: AccountKey) -> list[Presence]:
    """The hours of every strategy of an account that had obligations."""
    hours: dict[tuple[str, str], list[tuple[int, float | None]]] = {}
    for row in queries.presence(connection, key, 0):
        met_pct = 100 * row.met_ns / row.traded_ns if row.traded_ns else None
        hours.setdefault((row.strategy, row.instrument), []).append((row.hour, met_pct))
    return [
        Presence(
            venue=key.venue,
            account=key.account,
            strategy=strategy,
            instrument=instrument,
            hour=tuple(hour for hour, _ in those),
            met_pct=tuple(pct for _, pct in those),
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


class Extremes:
    """A value over time: of each stretch the least and the most, in their order; stretches double as points do."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, Decimal]] = []  # two of each stretch
        self._length = 1
        self._seen = 0
        self._least = self._most = (0, ZERO)

    def add(self, at: int, value: Decimal) -> None:
        """The value from here on."""
        if not self._seen:
            self._least = self._most = (at, value)
        elif value < self._least[1]:
            self._least = (at, value)
        elif value > self._most[1]:
            self._most = (at, value)
        self._seen += 1
        if self._seen == self._length:
            self._seen = 0
            self.kept += sorted((self._least, self._most))
            if len(self.kept) >= 4 * POINTS_MAX:
                self._merge()

    def points(self) -> list[tuple[int, Decimal]]:
        """What is to be drawn."""
        unfinished = sorted((self._least, self._most)) if self._seen else []
        return list(dict.fromkeys([*self.kept, *unfinished]))

    def _merge(self) -> None:
        merged: list[tuple[int, Decimal]] = []
        for place in range(0, len(self.kept), 4):
            stretch = self.kept[place : place + 4]
            merged += sorted((min(stretch, key=_value), max(stretch, key=_value)))
        self.kept = merged
        self._length *= 2


def _value(point: tuple[int, Decimal]) -> Decimal:
    return point[1]


class Pen:
    """Gathers the curves of one account, told every fill once it is booked."""

    def __init__(self, key: AccountKey, instruments: Mapping[str, Instrument], fills: int) -> None:
        self._key = key
        self._instruments = instruments
        self._look_every = max(1, fills // POINTS_MAX)
        self._unlooked = 0
        self._equity: dict[str, list[tuple[int, Parts]]] = {}
        self._fills: dict[str, Thinned] = {}
        self._positions: dict[str, Extremes] = {}
        self._held: dict[str, Decimal] = {}

    def fill(self, fill: Fill) -> bool:
        """One more; whether the P&L should be looked at now."""
        name = fill.instrument
        fills = self._fills.get(name)
        if fills is None:
            fills = self._fills[name] = Thinned()
        is_buy = fill.side is BUY
        self._hold(name, fill.at, self._held.get(name, ZERO) + (fill.amount if is_buy else -fill.amount))
        if fills.is_due():
            mid = None if fill.mid is None else float(fill.mid)
            fills.add((fill.at, 1 if is_buy else -1, float(fill.price), float(fill.amount), mid))
        self._unlooked += 1
        return self._unlooked >= self._look_every

    def take_over(self, taken: Taken) -> None:
        """A position is ours without a fill."""
        self._hold(taken.instrument, taken.at, self._held.get(taken.instrument, ZERO) + taken.amount)

    def deliver(self, name: str, at: int) -> None:
        """A position is gone without a fill."""
        self._hold(name, at, ZERO)

    def look(self, at: int, lines: Iterable[Line]) -> None:
        """The P&L is this now."""
        self._unlooked = 0
        by_currency: dict[str, list[Line]] = {}
        for line in lines:
            by_currency.setdefault(line.currency, []).append(line)
        for currency, those in by_currency.items():
            self._equity.setdefault(currency, []).append((at, summed(those)))

    def equity(self) -> list[EquityCurve]:
        """The curve of each currency."""
        return [self._curve(currency, points) for currency, points in sorted(self._equity.items())]

    def fills(self) -> list[FillsOnPrice]:
        """The curve of each instrument that was traded."""
        return [self._on_price(name, thinned) for name, thinned in sorted(self._fills.items())]

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
            for name, points in sorted((name, each.points()) for name, each in self._positions.items())
        ]

    def _hold(self, name: str, at: int, size: Decimal) -> None:
        self._held[name] = size
        extremes = self._positions.get(name)
        if extremes is None:
            extremes = self._positions[name] = Extremes()
        extremes.add(at, size)

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
