"""Markouts and spreads: what our quotes brought once the market had moved on, and what of the spread was left of it.

Theory. With d the taker's side (+1 bought, so we sold), p the price of a fill, m the others' mid just before it and m'
their mid some time h after it,

    effective spread    2 d (p - m)      what the taker paid
    realised spread     2 d (p - m')     what was left of that for us
    impact              2 d (m' - m)     what the taker knew; effective = realised + impact
    markout             -d (m' - p)      half of the realised one: what we had gained on one unit after h

in basis points, the spreads of m and the markout of p. A quoted spread is that between a best bid and a best ask as the
fill found them: the others', or the strategy's own, which is known where both of its sides rested. Where nobody knows
anything the markout is the half spread at every h; where a maker's spread just pays for what takers know, the realised
spread is zero. How fast they are right differs from market to market, so every h is told.

Means are weighted by notional, in quote currency: nothing is converted, so each of these has a mean of its own. The
error is that of the weighted mean where fills of one second may have anything in common (`report/moments.py`); those of
one minute are not quite independent either, as they share a market. A mid that nobody knows is left out and counted as
missing.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.step import HORIZONS_NS
from replenisher.model.units import BPS, HOUR_NS, SECOND_NS
from replenisher.report.moments import HOURS, Moments, widened
from replenisher.store.marked import Marked, Whose

if TYPE_CHECKING:
    from replenisher.store.marked import Floats, Times

HORIZONS_S = (0.0, *(horizon_ns / SECOND_NS for horizon_ns in HORIZONS_NS))
MOMENTS_BY = ("all", "strategy", "level", "side")  # the moments of an hour are some of all


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The mean markout of some fills after one time."""

    after_s: float  # 0 is against the mid just before the fill
    fills: int  # of which it is known
    missing: int
    mean_bps: float | None  # None where nothing is known
    error_bps: float | None  # one standard error; None of fewer than two moments


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The markouts of the fills of one configuration version, in one quote currency, that share something."""

    config_version: str
    by: str  # `all`, `strategy`, `level`, `side` or `hour`
    key: str  # which of them; an hour is one of the day, UTC
    quote_currency: str  # of the instruments
    fills: int
    notional_quote: float
    points: tuple[Point, ...]


class Realised(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the effective spread after one time, of the fills of which both is known; none is None."""

    after_s: float
    fills: int
    effective_bps: float | None  # of these fills: the sum of the next two
    realised_bps: float | None
    impact_bps: float | None


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The spread of one level of one strategy under one configuration version. None is not known."""

    config_version: str
    strategy: str
    level: int | None  # None of fills that are older than what the ledger knows of levels
    quote_currency: str
    fills: int
    two_sided: int  # of them, those at which the strategy showed both a bid and an ask
    own_quoted_bps: float | None  # between these, of those fills
    with_mid: int  # of them, those of which the others' mid is known: the next two are theirs
    quoted_bps: float | None  # by the others
    effective_bps: float | None
    after: tuple[Realised, ...]


class Cell(msgspec.Struct, frozen=True):
    """Fills that are alike in all that they are told apart by."""

    config_version: str
    strategy: str
    level: int | None
    side: str
    instrument: str
    quote_currency: str


class MarkoutCube:
    """Adds fills up, batch by batch, and hands out what they say by each of what they are told apart by."""

    def __init__(self) -> None:
        import numpy as np

        later = len(HORIZONS_S) - 1
        self._places: dict[Cell, int] = {}
        self._moments = {by: Moments(1 + later) for by in MOMENTS_BY}
        # What is added up of the fills of each cell and hour, which are the last axis of each of these.
        self._sums: dict[str, Floats] = {
            "fills": np.zeros((2, 0)),  # count, w
            "markout": np.zeros((3, 1 + later, 0)),  # count, w, wx, by horizon
            "spread": np.zeros((4, 0)),  # count, w, and wx of quoted and effective
            "own": np.zeros((3, 0)),  # count, w, and wx of what we quoted
            "realised": np.zeros((5, later, 0)),  # count, w, and wx of effective, realised and impact, by horizon
        }

    def add(self, fills: Marked, instruments: Mapping[str, Instrument]) -> None:
        """Some more fills."""
        import numpy as np

        if not fills.whose:
            return
        groups = {whose: number for number, whose in enumerate(dict.fromkeys(fills.whose))}
        group = np.array([*map(groups.__getitem__, fills.whose)])
        cells, signs, worth, is_inverse = zip(*(_about(whose, instruments) for whose in groups), strict=True)
        places = [self._places.setdefault(cell, len(self._places)) for cell in cells]
        rows = np.array(places)[group] * HOURS + fills.at // HOUR_NS % HOURS
        # Whoever shares a row lies together, so that each row is a stretch to be added up.
        order = np.argsort(rows, kind="stable")
        rows, group = rows[order], group[order]
        price, amount, mid = (each[order] for each in (fills.price, fills.amount, fills.mid))
        spreads = np.stack([fills.spread, fills.own_spread])[:, order]
        notional = amount * np.array(worth)[group] * np.where(np.array(is_inverse)[group], 1.0, price)
        mids = np.vstack([mid, fills.mids[:, order]])
        terms = _terms(np.array(signs)[group], price, notional, mids, spreads)
        self._add(rows, terms)
        _, weight, gained = terms["markout"]
        for by, moments in self._moments.items():
            shared = np.array([moments.place(_shared(by, cell)) for cell in cells])
            moments.add(shared[group], fills.at[order], weight, gained)

    def _add(self, rows: "Times", terms: Mapping[str, Sequence["Floats"]]) -> None:
        """Each fill's terms to the sums in its row; these are in order."""
        import numpy as np

        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        for name, values in terms.items():
            sums = self._sums[name] = widened(self._sums[name], len(self._places) * HOURS)
            for sum_, value in zip(sums, values, strict=True):
                sum_[..., rows[starts]] += np.add.reduceat(value, starts, axis=-1)

    def curves(self) -> tuple[Curve, ...]:
        """The markouts of all fills of each version and quote currency, and by strategy, level, side and hour."""
        found: list[Curve] = []
        for by in ("all", "strategy", "level", "side", "hour"):
            rows: dict[tuple[str, str, str], list[tuple[Cell, int, int]]] = {}
            for row in self._rows():
                cell, hour, _ = row
                rows.setdefault((cell.config_version, _key(by, cell, hour), cell.quote_currency), []).append(row)
            for version, key, currency in sorted(rows, key=lambda each: (each[0], _natural(each[1]), each[2])):
                found.append(self._curve(version, by, key, currency, rows[version, key, currency]))
        return tuple(found)

    def spreads(self) -> tuple[Spread, ...]:
        """What became of the spread, by configuration version, strategy, level and quote currency."""
        rows: dict[tuple[str, str, int | None, str], list[int]] = {}
        for cell, _, row in self._rows():
            rows.setdefault((cell.config_version, cell.strategy, cell.level, cell.quote_currency), []).append(row)
        order = sorted(rows, key=lambda each: (*each[:2], -1 if each[2] is None else each[2], each[3]))
        return tuple(self._spread(*whose, rows[whose]) for whose in order)

    def _curve(self, version: str, by: str, key: str, currency: str, some: list[tuple[Cell, int, int]]) -> Curve:
        rows = [row for _, _, row in some]
        count, notional = self._of("fills", rows)
        shared = "all" if by == "hour" else by
        squares = self._moments[shared].of((_shared(shared, cell), hour) for cell, hour, _ in some)
        points = tuple(
            _point(after_s, round(count), *terms)
            for after_s, *terms in zip(HORIZONS_S, self._of("markout", rows), squares, strict=True)
        )
        return Curve(
            config_version=version,
            by=by,
            key=key,
            quote_currency=currency,
            fills=round(count),
            notional_quote=notional,
            points=points,
        )

    def _spread(self, version: str, strategy: str, level: int | None, currency: str, rows: list[int]) -> Spread:
        with_mid, weight, quoted, effective = self._of("spread", rows)
        two_sided, own_weight, own_quoted = self._of("own", rows)
        return Spread(
            config_version=version,
            strategy=strategy,
            level=level,
            quote_currency=currency,
            fills=round(self._of("fills", rows)[0]),
            two_sided=round(two_sided),
            own_quoted_bps=own_quoted / own_weight if own_weight else None,
            with_mid=round(with_mid),
            quoted_bps=quoted / weight if weight else None,
            effective_bps=effective / weight if weight else None,
            after=tuple(map(_realised, HORIZONS_S[1:], self._of("realised", rows))),
        )

    def _of(self, name: str, rows: list[int]) -> Any:
        """The sums over some rows: the terms, by horizon if there are any."""
        return self._sums[name][..., rows].sum(axis=-1).T.tolist()

    def _rows(self) -> Iterator[tuple[Cell, int, int]]:
        """Every cell and hour in which there was a fill, and its row."""
        for cell, place in self._places.items():
            for hour in range(HOURS):
                if self._sums["fills"][0, row := place * HOURS + hour]:
                    yield cell, hour, row


def _about(whose: Whose, instruments: Mapping[str, Instrument]) -> tuple[Cell, float, float, bool]:
    """Its cell, the sign of its side, what a unit is worth at a price of 1, and whether at any."""
    name, strategy, version, side, level, contract_value = whose
    instrument = instruments[name]
    cell = Cell(version, strategy, level, side, name, instrument.quote_currency)
    sign = 1.0 if side == Side.BUY.value else -1.0
    worth = instrument.contract_value if contract_value is None else contract_value
    return cell, sign, float(worth), instrument.inverse


def _terms(
    sign: "Floats", price: "Floats", notional: "Floats", mids: "Floats", spreads: "Floats"
) -> dict[str, Sequence["Floats"]]:
    """What each fill adds to the sums; 0 where something is not known."""
    import numpy as np

    is_known = (~np.isnan(mids)).astype(float)
    mids = np.nan_to_num(mids)
    was_known, mid, later = is_known[0], mids[0], mids[1:]
    both = is_known[1:] * was_known
    weight = is_known * notional
    markout = sign * (mids / price - 1) * BPS
    gained = weight * markout
    # In basis points of the mid, and weighted; of what is not known nothing is added.
    per_mid = np.divide(notional * BPS, mid, out=np.zeros_like(mid), where=mid > 0)
    spread, own_spread = np.nan_to_num(spreads)
    is_two_sided = was_known * ~np.isnan(spreads[1])
    effective, per_later = 2 * sign * (mid - price) * per_mid, both * (2 * sign * per_mid)
    return {
        "fills": (np.ones_like(notional), notional),
        "markout": (is_known, weight, gained),
        "spread": (was_known, was_known * notional, spread * per_mid, effective),
        "own": (is_two_sided, is_two_sided * notional, own_spread * per_mid),
        "realised": (both, both * notional, both * effective, per_later * (later - price), per_later * (mid - later)),
    }


def _realised(after_s: float, terms: list[float]) -> Realised:
    count, weight, *sums = terms
    effective, realised, impact = (each / weight if weight else None for each in sums)
    return Realised(
        after_s=after_s, fills=round(count), effective_bps=effective, realised_bps=realised, impact_bps=impact
    )


def _point(after_s: float, fills: int, terms: list[float], squares: list[float]) -> Point:
    count, weight, sum_ = terms
    moments, ww, wx, xx = squares
    mean = sum_ / weight if weight else None
    error = None
    if mean is not None and moments > 1:
        error = max(0.0, xx - 2 * mean * wx + mean**2 * ww) ** 0.5 / weight
    return Point(after_s=after_s, fills=round(count), missing=fills - round(count), mean_bps=mean, error_bps=error)


def _shared(by: str, cell: Cell) -> Hashable:
    """What fills of one moment have in common in the curves of this kind."""
    return cell.config_version, cell.instrument, cell.quote_currency, _key(by, cell, hour=0)


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
