"""The charts of money: where P&L came from, how it went, and which fills at which prices made which position."""

from collections.abc import Sequence
from itertools import accumulate

import msgspec

from replenisher.report.drawn import EquityCurve, FillsOnPrice, Held
from replenisher.report.numbers import shown
from replenisher.report.page.figure import COLOURS, LOW, QUIET, TALL, Figure, line_of, milliseconds, words
from replenisher.report.pnl import Parts, Total

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
        about=f"{total.account} on {total.venue}: each part of the P&L by its own terms, and what they come to.",
        data=[data],
        layout=layout,
        is_narrow=True,
    )


def equity(curve: EquityCurve) -> Figure:
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


def fills_on_price(fills: FillsOnPrice, held: Sequence[Held]) -> Figure:
    """Fills as marks on the price, and below the position that they made."""
    at = milliseconds(fills.at)
    data = [line_of("middle of the book", at, fills.mid, QUIET, unit=fills.price_unit)]
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
        line = line_of("position", milliseconds(each.at), each.position, COLOURS["inventory"], unit=each.amount_unit)
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
