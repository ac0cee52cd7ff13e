"""Every chart that there are numbers for, in the order of the page."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from replenisher.report.markouts import Curve
from replenisher.report.page.figure import Figure
from replenisher.report.page.money import came_from, equity, fills_on_price
from replenisher.report.page.quoting import markouts, presence_of, resiliences, spreads_of
from replenisher.report.report import Report

MARKOUTS_BY = {
    "all": "Markouts",
    "strategy": "Markouts by strategy",
    "level": "Markouts by level",
    "side": "Markouts by side",
    "hour": "Markouts by hour of the day, UTC",
}


def figures(report: Report) -> list[Figure]:
    """Every chart that there are numbers for."""
    found = [came_from(total) for total in report.pnl.totals if any(msgspec.structs.asdict(total.parts).values())]
    found += [equity(curve, report) for curve in report.curves.equity if any(curve.total)]
    found += [fills_on_price(fills, report) for fills in report.curves.fills]
    for by, title in MARKOUTS_BY.items():
        curves = [each for each in report.markouts if each.by == by and _is_known(each)]
        if by == "all" or len({curve.key for curve in curves}) > 1:  # a single one is all fills once more
            found += [markouts(by, title, curves)] if curves else []
    if known := [each for each in report.spreads if each.effective_bps is not None]:
        found.append(spreads_of(known))
    found += [presence_of(each, report) for each in report.curves.presence]
    return found + resiliences(report.resilience, report.sweeps)


def for_plotly(found: Iterable[Figure]) -> list[Mapping[str, Any]]:
    """What the page's own code hands to plotly."""
    return [{"key": each.key, "data": each.data, "layout": each.layout} for each in found]


def _is_known(curve: Curve) -> bool:
    return any(point.mean_bps is not None for point in curve.points)
