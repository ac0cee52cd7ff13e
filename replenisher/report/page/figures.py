"""The charts: what plotly draws, as plain data made of the report's own numbers.

Colours of lines and marks can be seen on white and on black; the page gives those of what is around them.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec

from replenisher.model.units import HOUR_NS, MS_NS
from replenisher.report.drawn import EquityCurve, FillsOnPrice, Held, Presence
from replenisher.report.markouts import Curve, Spread
from replenisher.report.numbers import after, moment, short_names, shown
from replenisher.report.pnl import Parts, Total
from replenisher.report.report import Report
from replenisher.report.resilience import DayOfSweeps

COLOURS = {
    "total": "#3b82f6",
    "spread": "#10b981",
    "hedge_slippage": "#ec4899",
    "inventory": "#f59e0b",
    "fees": "#ef4444",
    "rebates": "#06b6d4",
    "funding": "#8b5cf6",
    "delivery": "#78716c",
    "liquidation": "#b91c1c",
}
BUYS, SELLS, QUIET = "#3b82f6", "#f97316", "#94a3b8"
MANY = ("#3b82f6", "#f97316", "#10b981", "#8b5cf6", "#ec4899", "#06b6d4", "#f59e0b", "#64748b")
MARKOUTS_BY = {
    "all": "Markouts",
    "strategy": "Markouts by strategy",
    "level": "Markouts by level",
    "side": "Markouts by side",
    "hour": "Markouts by hour of the day, UTC",
}
ERRORS_MAX = 3  # curves whose errors can still be told apart
HOUR_MS = HOUR_NS / MS_NS
HEIGHT, TALL, LOW = 420, 520, 320  # pixels
Plain = dict[str, Any]


class Figure(msgspec.Struct, frozen=True):
    """One chart: what it shows in a sentence, and what plotly is given."""

    key: str
    title: str
    about: str
    data: list[Plain]
    layout: Plain
    is_narrow: bool = False  # two of them fit beside each other


def figures(report: Report) -> list[Figure]:
    """Every chart that there are numbers for."""
    found = [_came_from(total) for total in report.pnl.totals if any(msgspec.structs.asdict(total.parts).values())]
    found += [_equity(curve) for curve in report.curves.equity if any(curve.total)]
    for fills in report.curves.fills:
        held = [each for each in report.curves.held if _same(each, fills)]
        found.append(_fills(fills, held))
    for by, title in MARKOUTS_BY.items():
        curves = [each for each in report.markouts if each.by == by and _is_known(each)]
        if by == "all" or len({curve.key for curve in curves}) > 1:  # a single one is all fills once more
            found += [_markouts(by, title, curves)] if curves else []
    if known := [each for each in report.spreads if each.realised_bps is not None]:
        found.append(_spreads(known))
    found += [_presence(each) for each in report.curves.presence]
    return found + _resiliences(report.resilience)


def _is_known(curve: Curve) -> bool:
    return any(point.mean_bps is not None for point in curve.points)


def _same(held: Held, fills: FillsOnPrice) -> bool:
    return (held.venue, held.account, held.instrument) == (fills.venue, fills.account, fills.instrument)


def _came_from(total: Total) -> Figure:
    """What each part added, one after the other, and where that led."""
    parts = {name: float(value) for name, value in msgspec.structs.asdict(total.parts).items() if value}
    names = [*(_words(name) for name in parts), "P&L"]
    data = {
        "type": "waterfall",
        "orientation": "v",
        "x": names,
        "y": [*parts.values(), float(total.total)],
        "measure": [*("relative" for _ in parts), "total"],
        "text": [shown(value) for value in (*parts.values(), float(total.total))],
        "textposition": "outside",
        "cliponaxis": False,
        "increasing": {"marker": {"color": COLOURS["spread"]}},
        "decreasing": {"marker": {"color": COLOURS["fees"]}},
        "totals": {"marker": {"color": COLOURS["total"]}},
        "connector": {"line": {"color": QUIET, "width": 1}},
        "hovertemplate": f"%{{x}}: %{{y}} {total.currency}<extra></extra>",
    }
    layout = {"height": LOW, "yaxis": {"title": {"text": total.currency}}, "showlegend": False}
    return Figure(
        key=f"parts-{total.venue}-{total.account}-{total.currency}",
        title=f"Where it came from, {total.currency}",
        about=f"{total.account} on {total.venue}: each part of the P&L by its own terms, and what they come to.",
        data=[data],
        layout=layout,
        is_narrow=True,
    )


def _equity(curve: EquityCurve) -> Figure:
    """P&L and its parts over time, and below how far it is under its peak."""
    at = _milliseconds(curve.at)
    lines = [_line("P&L", at, curve.total, COLOURS["total"], width=2.5, unit=curve.currency)]
    lines += [
        _line(_words(name), at, curve.parts[name], COLOURS[name], unit=curve.currency)
        for name in Parts.__struct_fields__
        if name in curve.parts
    ]
    peaks = accumulate(curve.total, max, initial=0.0)
    under = [value - peak for value, peak in zip(curve.total, list(peaks)[1:], strict=True)]
    fall = _line("under the peak", at, under, COLOURS["fees"], unit=curve.currency)
    lines.append(fall | {"yaxis": "y2", "fill": "tozeroy", "showlegend": False})
    layout = {
        "height": TALL,
        "xaxis": {"type": "date", "anchor": "y2"},
        "yaxis": {"title": {"text": f"P&L, {curve.currency}"}, "domain": [0.3, 1]},
        "yaxis2": {"title": {"text": "under the peak"}, "domain": [0, 0.22]},
        "hovermode": "x unified",
    }
    return Figure(
        key=f"equity-{curve.venue}-{curve.account}-{curve.currency}",
        title=f"P&L over time, {curve.currency}",
        about=f"{curve.account} on {curve.venue}: the P&L and its parts since the first fill, and how far it is under "
        f"its highest point. {len(at):,} points; a fall between two of them is in the table of performance only.",
        data=lines,
        layout=layout,
    )


def _fills(fills: FillsOnPrice, held: Sequence[Held]) -> Figure:
    """Fills as marks on the price, and below the position that they made."""
    at = _milliseconds(fills.at)
    data = [_line("middle of the book", at, fills.mid, QUIET, unit=fills.price_unit)]
    for name, sign, colour, symbol in (("buy", 1, BUYS, "triangle-up"), ("sell", -1, SELLS, "triangle-down")):
        those = [place for place, side in enumerate(fills.side) if side == sign]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [at[place] for place in those],
                "y": [fills.price[place] for place in those],
                "customdata": [fills.amount[place] for place in those],
                "marker": {"color": colour, "symbol": symbol, "size": 7, "opacity": 0.75},
                "hovertemplate": f"{name} %{{customdata}} {fills.amount_unit} at %{{y}}<extra></extra>",
            }
        )
    for each in held:
        line = _line("position", _milliseconds(each.at), each.position, COLOURS["inventory"], unit=each.amount_unit)
        line["line"] |= {"shape": "hv"}
        data.append(line | {"yaxis": "y2", "fill": "tozeroy", "showlegend": False})
    which = "every fill" if fills.one_in == 1 else f"one of {fills.one_in:,} fills"
    return Figure(
        key=f"fills-{fills.venue}-{fills.account}-{fills.instrument}",
        title=f"Fills and position, {fills.instrument}",
        about=f"{fills.account} on {fills.venue}: {which} on the price, and below what was held, with every peak.",
        data=data,
        layout={
            "height": TALL,
            "xaxis": {"type": "date", "anchor": "y2"},
            "yaxis": {"title": {"text": f"price, {fills.price_unit}"}, "domain": [0.36, 1]},
            "yaxis2": {"title": {"text": f"position, {fills.amount_unit}"}, "domain": [0, 0.28]},
        },
    )


def _markouts(by: str, title: str, curves: Sequence[Curve]) -> Figure:
    """What fills had gained after each time, a line for each kind of fills."""
    versions = short_names(curve.config_version for curve in curves)
    data = []
    for place, curve in enumerate(curves):
        points = [point for point in curve.points if point.mean_bps is not None]
        line = _line(
            f"{_key(by, curve.key)} {versions[curve.config_version]}".strip(),
            [after(point.after_s) for point in points],
            [point.mean_bps for point in points],
            _of_many(place, len(curves)),
            unit="bps",
        )
        line |= {"mode": "lines+markers", "marker": {"size": 5}}
        if len(curves) <= ERRORS_MAX:
            errors = [point.error_bps or 0.0 for point in points]
            line["error_y"] = {"type": "data", "array": errors, "thickness": 1, "width": 3}
        data.append(line)
    return Figure(
        key=f"markouts-{by}",
        title=title,
        about="What one unit had gained, against the others' mid, so long after its fill; mean weighted by notional"
        + (", with one standard error." if len(curves) <= ERRORS_MAX else "."),
        data=data,
        layout={
            "height": HEIGHT,
            "xaxis": {"type": "category", "title": {"text": "time after the fill"}},
            "yaxis": {"title": {"text": "markout, bps"}},
            "showlegend": True,
            "hovermode": "x unified",
        },
        is_narrow=True,
    )


def _spreads(spreads: Sequence[Spread]) -> Figure:
    """What the others showed, what takers paid us, and what was left of it."""
    versions = short_names(each.config_version for each in spreads)
    names = []
    for each in spreads:
        level = "" if each.level is None else f" level {each.level}"
        names.append(f"{each.strategy}{level} {versions[each.config_version]}".strip())
    bars = [
        ("quoted by others", [each.quoted_bps for each in spreads], QUIET),
        ("effective", [each.effective_bps for each in spreads], COLOURS["total"]),
        ("realised", [each.realised_bps for each in spreads], COLOURS["spread"]),
        ("impact", [each.impact_bps for each in spreads], COLOURS["fees"]),
    ]
    return Figure(
        key="spreads",
        title="From the quoted spread to the realised one",
        about=f"What takers paid, and what was left of it {spreads[0].after_s:g} s later; impact is what they knew.",
        data=[
            {
                "type": "bar",
                "name": name,
                "x": names,
                "y": values,
                "marker": {"color": colour},
                "hovertemplate": "%{y} bps",
            }
            for name, values, colour in bars
        ],
        layout={
            "height": HEIGHT,
            "barmode": "group",
            "bargap": 0.35,
            "xaxis": {"type": "category"},
            "yaxis": {"title": {"text": "spread, bps"}},
            "hovermode": "x unified",
        },
    )


def _presence(presence: Presence) -> Figure:
    """What part of each hour obligations were met."""
    begins = _milliseconds(presence.hour)
    bars = {
        "type": "bar",
        "x": begins,
        "y": list(presence.met_pct),
        "marker": {"color": COLOURS["spread"]},
        "hovertemplate": "%{y:.2f} %<extra></extra>",
        "width": HOUR_MS,
        "offset": 0,
    }
    return Figure(
        key=f"presence-{presence.strategy}-{presence.instrument}",
        title=f"Obligations, {presence.strategy}",
        about=f"What part of each hour {presence.strategy} met its obligations on {presence.instrument}.",
        data=[bars],
        layout={
            "height": LOW,
            "xaxis": {"type": "date", "range": [min(begins) - HOUR_MS, max(begins) + 2 * HOUR_MS]},
            "yaxis": {"title": {"text": "met, %"}, "range": [0, 100]},
            "showlegend": False,
        },
    )


def _resiliences(days: Sequence[DayOfSweeps]) -> list[Figure]:
    """How each book came back on its last day, a line for each band."""
    books: dict[tuple[str, str], dict[float, DayOfSweeps]] = {}
    for day in sorted(days, key=lambda each: each.day):
        books.setdefault((day.venue, day.instrument), {})[day.band_bps] = day
    return [_resilience(*book, list(bands.values())) for book, bands in sorted(books.items())]


def _resilience(venue: str, instrument: str, days: Sequence[DayOfSweeps]) -> Figure:
    lines = [
        _line(
            f"within {day.band_bps:g} bps" if day.band_bps else "at the touch",
            list(day.resilience.back),
            [100 * share for share in day.resilience.back.values()],
            _of_many(place, len(days)),
            unit="%",
        )
        | {"mode": "lines+markers", "marker": {"size": 5}}
        for place, day in enumerate(sorted(days, key=lambda each: each.band_bps))
    ]
    return Figure(
        key=f"resilience-{venue}-{instrument}",
        title=f"How the book comes back, {instrument}",
        about=f"After a sweep on {venue}, how much of the depth that was taken is back after each time; mean of the "
        f"{max(day.resilience.sweeps for day in days):,} sweeps of {moment(max(day.day for day in days))[:10]}.",
        data=lines,
        layout={
            "height": HEIGHT,
            "xaxis": {"type": "category", "title": {"text": "time after the sweep"}},
            "yaxis": {"title": {"text": "back, %"}},
            "showlegend": True,
            "hovermode": "x unified",
        },
    )


def _key(by: str, key: str) -> str:
    match by:
        case "all":
            return "all fills"
        case "hour":
            return f"{key}:00"
        case "level" if key.isdecimal():
            return f"level {key}"
        case _:
            return key


def _of_many(place: int, count: int) -> str:
    """A colour of its own for each of a few; of many, shades from one end to the other."""
    if count <= len(MANY):
        return MANY[place]
    return f"hsl({round(220 - 200 * place / (count - 1))}, 70%, 55%)"


def _line(
    name: str, x: Sequence[float | str], y: Iterable[float | None], colour: str, *, width: float = 1.5, unit: str = ""
) -> Plain:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "width": width},
        "hovertemplate": f"%{{y}} {unit}".strip(),
    }


def _milliseconds(at: Iterable[int]) -> list[float]:
    """As plotly's axes take times; UTC."""
    return [each / MS_NS for each in at]


def _words(name: str) -> str:
    return name.replace("_", " ")


def for_plotly(found: Iterable[Figure]) -> list[Mapping[str, Any]]:
    """What the page's own code hands to plotly."""
    return [{"key": each.key, "data": each.data, "layout": each.layout} for each in found]
