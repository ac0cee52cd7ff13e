"""A chart: what plotly is given as plain data, and what charts are made of.

Colours of lines and marks can be seen on white and on black; the page gives those of what is around them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from replenisher.model.units import MS_NS
from replenisher.report.numbers import FEW
from replenisher.report.report import Report

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
QUIET = "#94a3b8"
SHADES = {"halted": "#ef4444", "paused": "#f59e0b", "resumed": QUIET}
MANY = ("#3b82f6", "#f97316", "#10b981", "#8b5cf6", "#ec4899", "#06b6d4", "#f59e0b", "#64748b")
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


def over_time(report: Report, venue: str, account: str, *, strategy: str = "", below: str = "y") -> Plain:
    """A layout of all the time that is told, shaded where the account, or this strategy of it, was halted or paused."""
    halts = [
        halt
        for halt in report.halts
        if (halt.venue, halt.account) == (venue, account) and (not strategy or halt.strategy in ("", strategy))
    ]
    names = [f"{halt.strategy} {halt.kind}".lstrip() for halt in halts]
    shades = [
        {
            "type": "rect",
            "name": name,
            "legendgroup": name,
            "showlegend": name not in names[:place],
            "x0": halt.since / MS_NS,
            "x1": (report.until if halt.until is None else halt.until) / MS_NS,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "fillcolor": f"{SHADES[halt.kind]}33",  # a fifth of the colour
            "line": {"width": 1, "color": SHADES[halt.kind]},  # it is seen however short it was
        }
        for place, (name, halt) in enumerate(zip(names, halts, strict=True))
    ]
    span = milliseconds((report.since, report.until))
    return {"xaxis": {"type": "date", "range": span, "anchor": below}, "shapes": shades}


def line_of(
    name: str, x: Sequence[float | str], y: Iterable[float | None], colour: str, *, width: float = 1.5, unit: str = ""
) -> Plain:
    """A line over time, or over names."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "width": width},
        "hovertemplate": f"%{{y}} {unit}".strip(),
    }


def means_of(
    name: str,
    x: Sequence[str],
    means: Sequence[float | None],
    counts: Sequence[int],
    colour: str,
    *,
    unit: str,
    of: str,
) -> Plain:
    """A line of means, each with what it is the mean of so many of; hollow where that is few."""
    line = line_of(name, x, means, colour)
    return line | {
        "mode": "lines+markers",
        "marker": {"size": 6, "symbol": ["circle-open" if count < FEW else "circle" for count in counts]},
        "customdata": list(counts),
        "hovertemplate": f"%{{y:.3f}} {unit}, of %{{customdata:,}} {of}",
    }


def range_of(lines: Iterable[Plain]) -> Plain:
    """As much of an axis as means take that do not rest on few, with a little room; all of it where there is none."""
    known = [
        mean
        for line in lines
        for mean, count in zip(line["y"], line["customdata"], strict=True)
        if mean is not None and count >= FEW
    ]
    if not known:
        return {}
    low, high = min(0.0, *known), max(0.0, *known)
    room = (high - low or 1.0) / 10
    return {"range": [low - room, high + room]}


def of_many(place: int, count: int) -> str:
    """A colour of its own for each of a few; of many, shades from one end to the other."""
    if count <= len(MANY):
        return MANY[place]
    return f"hsl({round(220 - 200 * place / (count - 1))}, 70%, 55%)"


def milliseconds(at: Iterable[int]) -> list[float]:
    """As plotly's axes take times; UTC."""
    return [each / MS_NS for each in at]


def words(name: str) -> str:
    """A part's name in words."""
    return name.replace("_", " ")
