"""Markouts and spreads: what our quotes brought once the market had moved on, and what of the spread was left of it.

Theory. With d the taker's side (+1 bought, so we sold), p the price of a fill, m the others' mid just before it and m'
their mid some time h after it,

    effective spread    2 d (p - m)      what the taker paid
    realised spread     2 d (p - m')     what was left of that for us
    impact              2 d (m' - m)     what the taker knew; effective = realised + impact
    markout             -d (m' - p)      half of the realised one: what we had gained on one unit after h

in basis points, the spreads of m and the markout of p. The quoted spread is the others': between their best bid and ask
as the fill found them. Where nobody knows anything the markout is the half spread at every h; where a maker's spread
just pays for what takers know, the realised spread is zero.

Means are weighted by notional. The error is that of the weighted mean as if fills were independent; those of one
minute are not quite, as they share a market. A mid that nobody knows is left out and counted as missing.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.step import HORIZONS_NS
from replenisher.model.units import BPS, HOUR_NS, SECOND_NS
from replenisher.store.marked import Marked

if TYPE_CHECKING:
    from replenisher.store.marked import Floats, Times

HORIZONS_S = (0.0, *(horizon_ns / SECOND_NS for horizon_ns in HORIZONS_NS))
REALISED_S = 10.0
REALISED = HORIZONS_S.index(REALISED_S)
HOURS = 24


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The mean markout of some fills after one time."""

    after_s: float  # 0 is against the mid just before the fill
    fills: int  # of which it is known
    missing: int
    mean_bps: float | None  # None where nothing is known
    error_bps: float | None  # one standard error; None of fewer than two fills


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The markouts of the fills of one configuration version that share something."""

    config_version: str
    by: str  # `all`, `strategy`, `level`, `side` or `hour`
    key: str  # which of them; an hour is one of the day, UTC
    fills: int
    notional_quote: float
    points: tuple[Point, ...]


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the spread, for one level of one strategy under one configuration version. None is not known."""

    config_version: str
    strategy: str
    level: int | None  # None of fills that are older than what the ledger knows of levels
    fills: int
    quoted_bps: float | None
    effective_bps: float | None
    after_s: float  # of the next two, and of the effective spread beside them: of the fills of which all is known
    fills_realised: int
    effective_of_realised_bps: float | None
    realised_bps: float | None
    impact_bps: float | None


class Cell(msgspec.Struct, frozen=True):
    """Fills that are alike in all that they are told apart by."""

    config_version: str
    strategy: str
    level: int | None
    side: str


class _Sums:
    """What is added up of the fills of each cell and hour: rows of these arrays."""

    def __init__(self, rows: int, horizons: int) -> None:
        import numpy as np

        self.fills = np.zeros(rows)
        self.notional = np.zeros(rows)
        self.markout = np.zeros((rows, horizons, 6))  # count, w, wx, ww, wwx, wwxx
        self.spread = np.zeros((rows, 8))  # w and wx of quoted and effective; count, w, and wx of realised and impact


class MarkoutCube:
    """Adds fills up, batch by batch, and hands out what they say by each of what they are told apart by."""

    def __init__(self) -> None:
        self._places: dict[Cell, int] = {}
        self._sums = _Sums(0, len(HORIZONS_S))

    def add(self, fills: Marked, instruments: Mapping[str, Instrument]) -> None:
        """Some more fills."""
        import numpy as np

        rows = np.array([self._place(Cell(*whose[:4])) for whose in fills.whose], dtype=np.int64) * HOURS
        rows += fills.at // HOUR_NS % HOURS
        self._grow(len(self._places) * HOURS)
        sums, size = self._sums, len(self._places) * HOURS
        sign = np.array([1.0 if whose[3] == Side.BUY.value else -1.0 for whose in fills.whose])
        notional = fills.amount * _unit_quote(fills, instruments)
        sums.fills += np.bincount(rows, minlength=size)
        sums.notional += np.bincount(rows, notional, size)
        mids = np.vstack([fills.mid, fills.mids])
        for place, mid in enumerate(mids):
            known = ~np.isnan(mid)
            where, weight = rows[known], notional[known]
            gained = sign[known] * (mid[known] / fills.price[known] - 1) * BPS
            terms = (None, weight, weight * gained, weight**2, weight**2 * gained, (weight * gained) ** 2)
            for term, values in enumerate(terms):
                sums.markout[:, place, term] += np.bincount(where, values, size)
        self._add_spreads(fills, rows, sign, notional)

    def _add_spreads(self, fills: Marked, rows: "Times", sign: "Floats", notional: "Floats") -> None:
        import numpy as np

        sums, size, later = self._sums.spread, len(self._sums.spread), fills.mids[REALISED - 1]
        per_mid = notional / fills.mid * BPS
        quoted = fills.spread * per_mid
        effective = 2 * sign * (fills.mid - fills.price) * per_mid
        realised = 2 * sign * (later - fills.price) * per_mid
        impact = 2 * sign * (fills.mid - later) * per_mid
        known, all_known = ~np.isnan(effective), ~np.isnan(realised)
        sums[:, 0] += np.bincount(rows[known], notional[known], size)
        sums[:, 1] += np.bincount(rows[known], quoted[known], size)
        sums[:, 2] += np.bincount(rows[known], effective[known], size)
        sums[:, 3] += np.bincount(rows[all_known], minlength=size)
        for term, values in enumerate((notional, effective, realised, impact), start=4):
            sums[:, term] += np.bincount(rows[all_known], values[all_known], size)

    def curves(self) -> tuple[Curve, ...]:
        """The markouts of all fills of each configuration version, and by strategy, level, side and hour."""
        found: list[Curve] = []
        for by in ("all", "strategy", "level", "side", "hour"):
            rows: dict[tuple[str, str], list[int]] = {}
            for cell, hour, row in self._rows():
                rows.setdefault((cell.config_version, _key(by, cell, hour)), []).append(row)
            for (version, key), some in sorted(rows.items(), key=lambda each: (each[0][0], _natural(each[0][1]))):
                found.append(self._curve(version, by, key, some))
        return tuple(found)

    def spreads(self) -> tuple[Spread, ...]:
        """What became of the spread, by configuration version, strategy and level."""
        rows: dict[tuple[str, str, int | None], list[int]] = {}
        for cell, _, row in self._rows():
            rows.setdefault((cell.config_version, cell.strategy, cell.level), []).append(row)
        order = sorted(rows, key=lambda each: (each[0], each[1], -1 if each[2] is None else each[2]))
        return tuple(self._spread(*whose, rows[whose]) for whose in order)

    def _curve(self, version: str, by: str, key: str, rows: list[int]) -> Curve:
        fills = round(self._sums.fills[rows].sum())
        points = tuple(
            _point(after_s, fills, terms)
            for after_s, terms in zip(HORIZONS_S, self._sums.markout[rows].sum(axis=0).tolist(), strict=True)
        )
        notional = float(self._sums.notional[rows].sum())
        return Curve(config_version=version, by=by, key=key, fills=fills, notional_quote=notional, points=points)

    def _spread(self, version: str, strategy: str, level: int | None, rows: list[int]) -> Spread:
        weight, quoted, effective, count, weight_all, *of_all = self._sums.spread[rows].sum(axis=0).tolist()
        effective_all, realised, impact = (each / weight_all if weight_all else None for each in of_all)
        return Spread(
            config_version=version,
            strategy=strategy,
            level=level,
            fills=round(self._sums.fills[rows].sum()),
            quoted_bps=quoted / weight if weight else None,
            effective_bps=effective / weight if weight else None,
            after_s=REALISED_S,
            fills_realised=round(count),
            effective_of_realised_bps=effective_all,
            realised_bps=realised,
            impact_bps=impact,
        )

    def _rows(self) -> Iterator[tuple[Cell, int, int]]:
        """Every cell and hour in which there was a fill, and its row."""
        for cell, place in self._places.items():
            for hour in range(HOURS):
                if self._sums.fills[row := place * HOURS + hour]:
                    yield cell, hour, row

    def _place(self, cell: Cell) -> int:
        place = self._places.get(cell)
        if place is None:
            place = self._places[cell] = len(self._places)
        return place

    def _grow(self, rows: int) -> None:
        before = self._sums
        if rows > len(before.fills):
            self._sums = after = _Sums(rows, len(HORIZONS_S))
            for name in ("fills", "notional", "markout", "spread"):
                getattr(after, name)[: len(before.fills)] = getattr(before, name)


def _unit_quote(fills: Marked, instruments: Mapping[str, Instrument]) -> "Floats":
    """What one unit of the wire amount of each fill is worth in the quote currency."""
    import numpy as np

    known = {name: instruments[name] for name in {whose[4] for whose in fills.whose}}
    worth = {name: float(instrument.contract_value) for name, instrument in known.items()}
    is_inverse = np.array([known[whose[4]].inverse for whose in fills.whose])
    units: Floats = np.where(is_inverse, 1.0, fills.price) * np.array([worth[whose[4]] for whose in fills.whose])
    return units


def _point(after_s: float, fills: int, terms: list[float]) -> Point:
    count, weight, sum_, squares, squares_of, squared = terms
    mean = sum_ / weight if weight else None
    error = None
    if mean is not None and count > 1:
        error = max(0.0, squared - 2 * mean * squares_of + mean**2 * squares) ** 0.5 / weight
    return Point(after_s=after_s, fills=round(count), missing=fills - round(count), mean_bps=mean, error_bps=error)


def _key(by: str, cell: Cell, hour: int) -> str:
    match by:
        case "all":
            return ""
        case "hour":
            return f"{hour:02}"
        case "level":
            return "unknown" if cell.level is None else str(cell.level)
        case _:
            return str(getattr(cell, by))


def _natural(key: str) -> tuple[int, str]:
    """Numbers by size, and before words."""
    return (int(key), "") if key.isdecimal() else (1 << 62, key)
