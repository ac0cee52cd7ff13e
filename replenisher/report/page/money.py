"""The charts of money: where P&L came from, how it went, and which fills at which prices made which position."""

from itertools import accumulate

import msgspec

from replenisher.report.drawn import EquityCurve, FillsOnPrice, Held, Mids
from replenisher.report.numbers import shown
from replenisher.report.page.figure import COLOURS, LOW, QUIET, TALL, Figure, line_of, milliseconds, over_time, words
from replenisher.report.pnl import Parts, Total
from replenisher.report.report import Report

BUYS, SELLS = "#3b82f6", "#f97316"


def came_from(total: Total) -> Figure:
    """What each part added, one after the other, and where that led."""
    parts = {name: float(value) for name, value in msgspec.structs.asdict(total.parts).items() if value}
    names = [*(words(name) for name in parts), "P&L"]
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
        about=f"What each part added to the P&L of {total.account} on {total.venue} or took from it, in "
        f"{total.currency}; the last bar is the P&L, with what is open at the middle of the book.",
        data=[data],
        layout=layout,
        is_narrow=True,
    )


def equity(curve: EquityCurve, report: Report) -> Figure:
    """P&L and its parts over time, and below how far it is under its peak."""
    at = milliseconds(curve.at)
    lines = [line_of("P&L", at, curve.total, COLOURS["total"], width=2.5, unit=curve.currency)]
    lines += [
        line_of(words(name), at, curve.parts[name], COLOURS[name], unit=curve.currency)
        for name in Parts.__struct_fields__
        if name in curve.parts
    ]
    peaks = accumulate(curve.total, max, initial=0.0)
    under = [value - peak for value, peak in zip(curve.total, list(peaks)[1:], strict=True)]
    fall = line_of("under the peak", at, under, COLOURS["fees"], unit=curve.currency)
    lines.append(fall | {"yaxis": "y2", "fill": "tozeroy", "showlegend": False})
    return Figure(
        key=f"equity-{curve.venue}-{curve.account}-{curve.currency}",
        title=f"P&L over time, {curve.currency}",
        about=f"P&L of {curve.account} on {curve.venue} in {curve.currency}, all strategies together, what is open at "
        f"the middle of the book; below, how far it was under its highest point so far. {len(at):,} points: a fall "
        "between two of them is in the drawdown of Performance, not here.",
        data=lines,
        layout=over_time(report, curve.venue, curve.account, below="y2")
        | {
            "height": TALL,
            "yaxis": {"title": {"text": f"P&L, {curve.currency}"}, "domain": [0.3, 1]},
            "yaxis2": {"title": {"text": f"under the peak, {curve.currency}"}, "domain": [0, 0.22]},
            "hovermode": "x unified",
        },
    )


def fills_on_price(fills: FillsOnPrice, report: Report) -> Figure:
    """Fills as marks on the price, and below the position that they made."""
    at = milliseconds(fills.at)
    data = [
        line_of("middle of the book", milliseconds(each.at), each.mid, QUIET, unit=each.price_unit)
        for each in report.curves.mids
        if _whose(each) == _whose(fills)
    ]
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
    for each in report.curves.held:
        if _whose(each) != _whose(fills):
            continue
        line = line_of("position", milliseconds(each.at), each.position, COLOURS["inventory"], unit=each.amount_unit)
        line["line"] |= {"shape": "hv"}
        data.append(line | {"yaxis": "y2", "fill": "tozeroy", "showlegend": False})
    which = "Every fill" if fills.one_in == 1 else f"One of {fills.one_in:,} fills"
    return Figure(
        key=f"fills-{fills.venue}-{fills.account}-{fills.instrument}",
        title=f"Fills and position, {fills.instrument}",
        about=f"{which} of {fills.account} on {fills.venue}, in {fills.price_unit}, on the middle of the others' book "
        "as it was before fills, up to five minutes after them and, while something was held, once a minute; between, "
        "the line is straight. "
        f"Below, what all strategies together held, in {fills.amount_unit}, with every peak.",
        data=data,
        layout=over_time(report, fills.venue, fills.account, below="y2")
        | {
            "height": TALL,
            "yaxis": {"title": {"text": f"price, {fills.price_unit}"}, "domain": [0.36, 1]},
            "yaxis2": {"title": {"text": f"position, {fills.amount_unit}"}, "domain": [0, 0.28]},
        },
    )


def _whose(curve: FillsOnPrice | Held | Mids) -> tuple[str, str, str]:
    return curve.venue, curve.account, curve.instrument
