"""The charts of quoting: what fills were worth later, what was left of a spread, what is owed, how books come back."""

from collections.abc import Sequence

from replenisher.report.drawn import Presence
from replenisher.report.markouts import Curve, Spread
from replenisher.report.numbers import after, short_names, span, told_apart
from replenisher.report.page.figure import (
    COLOURS,
    HEIGHT,
    LOW,
    Figure,
    line_of,
    means_of,
    milliseconds,
    of_many,
    over_time,
    range_of,
)
from replenisher.report.report import Report
from replenisher.report.resilience import DayOfSweeps, SweepsRead
from replenisher.store.moment import moment

HOLLOW = "Hollow where it is the mean of fewer than ten."
ERRORS_MAX = 3  # curves whose errors can still be told apart


def markouts(by: str, title: str, curves: Sequence[Curve]) -> Figure:
    """What fills had gained after each time, a line for each kind of fills."""
    versions = short_names(curve.config_version for curve in curves)
    currencies = told_apart(curve.quote_currency for curve in curves)
    has_errors = len(curves) <= ERRORS_MAX
    sure = ", with one standard error, for which the fills of one second are one" if has_errors else ""
    data = []
    for place, curve in enumerate(curves):
        points = [point for point in curve.points if point.mean_bps is not None]
        line = means_of(
            _name(_key(by, curve.key), currencies[curve.quote_currency], versions[curve.config_version]),
            [after(point.after_s) for point in points],
            [point.mean_bps for point in points],
            [point.fills for point in points],
            of_many(place, len(curves)),
            unit="bps",
            of="fills",
        )
        if has_errors:
            errors = [point.error_bps or 0.0 for point in points]
            line["error_y"] = {"type": "data", "array": errors, "thickness": 1, "width": 3}
        data.append(line)
    return Figure(
        key=f"markouts-{by}",
        title=title,
        about="How far the others' mid had moved in our favour so long after our maker fills, in bps of the price we "
        f"traded at: above 0 we gained, below 0 we were picked off. Mean weighted by notional{sure}. {HOLLOW}",
        data=data,
        layout={
            "height": HEIGHT,
            "xaxis": {"type": "category", "title": {"text": "time after the fill"}},
            "yaxis": {"title": {"text": "markout, bps"}} | range_of(data),
            "showlegend": True,
            "hovermode": "x unified",
        },
        is_narrow=True,
    )


def spreads_of(spreads: Sequence[Spread]) -> Figure:
    """What we and the others showed, what takers paid, and what was left of that after each time, level by level."""
    versions = short_names(each.config_version for each in spreads)
    currencies = told_apart(each.quote_currency for each in spreads)
    lines = []
    for place, each in enumerate(spreads):
        level = "" if each.level is None else f"level {each.level}"
        name = _name(each.strategy, level, currencies[each.quote_currency], versions[each.config_version])
        steps = [
            "quoted by us",
            "quoted by others",
            "effective",
            *(f"realised {after(told.after_s)}" for told in each.after),
        ]
        known = [each.own_quoted_bps, each.quoted_bps, each.effective_bps, *(told.realised_bps for told in each.after)]
        counts = [each.two_sided, each.with_mid, each.with_mid, *(told.fills for told in each.after)]
        lines.append(means_of(name, steps, known, counts, of_many(place, len(spreads)), unit="bps", of="fills"))
    return Figure(
        key="spreads",
        title="From the quoted spreads to the realised one",
        about="Twice the distance from the others' mid to our price, in bps: what takers paid us at the fill "
        "(effective) and what was left of it so long after (realised); the rest is what the market moved against us. "
        f"Quoted is the spread between our best bid and ask, and between the others', at the fill. {HOLLOW}",
        data=lines,
        layout={
            "height": HEIGHT,
            "xaxis": {"type": "category"},
            "yaxis": {"title": {"text": "spread, bps"}} | range_of(lines),
            "showlegend": True,
            "hovermode": "x unified",
        },
    )


def presence_of(presence: Presence, report: Report) -> Figure:
    """What part of each hour obligations were met; a bar is as wide as the time that was counted."""
    ends, counted = milliseconds(presence.until), milliseconds(presence.traded_ns)
    begins = [end - width for end, width in zip(ends, counted, strict=True)]
    layout = over_time(report, presence.venue, presence.account, strategy=presence.strategy)
    bars = {
        "type": "bar",
        "name": "met",
        "x": begins,
        "y": list(presence.met_pct),
        "marker": {"color": COLOURS["spread"]},
        "customdata": [span(traded_ns) for traded_ns in presence.traded_ns],
        "hovertemplate": "%{y:.2f} % of %{customdata}<extra></extra>",
        "width": counted,
        "offset": 0,
    }
    steps = [*begins, ends[-1]], [*presence.owed_pct, presence.owed_pct[-1]]
    owed = line_of("owed", *steps, COLOURS["fees"], unit="% owed")
    owed["line"]["shape"] = "hv"  # from each hour's beginning to its end
    return Figure(
        key=f"presence-{presence.venue}-{presence.account}-{presence.strategy}-{presence.instrument}",
        title=f"Obligations, {presence.strategy}",
        about=f"In what part of each hour, in %, {presence.strategy} of {presence.account} on {presence.venue} showed "
        f"what it owes on {presence.instrument}; the line is what is owed. A bar is as wide as the time that counts: "
        "of an hour that was begun or is not over, what was counted of it.",
        data=[bars, owed],
        layout=layout | {"height": LOW, "yaxis": {"title": {"text": "met, %"}, "range": [0, 100]}},
    )


def resiliences(days: Sequence[DayOfSweeps], read: SweepsRead) -> list[Figure]:
    """How each book came back on its last day, a line for each band and configuration version of that day."""
    books: dict[tuple[str, str], list[DayOfSweeps]] = {}
    for day in days:
        books.setdefault((day.venue, day.instrument), []).append(day)
    of_how_many = f" {read.told}." if read.is_part else ""
    return [_resilience(*book, _last_day(all_days), of_how_many) for book, all_days in sorted(books.items())]


def _last_day(days: Sequence[DayOfSweeps]) -> list[DayOfSweeps]:
    last = max(each.day for each in days)
    return sorted((each for each in days if each.day == last), key=lambda each: (each.config_version, each.band_bps))


def _resilience(venue: str, instrument: str, days: Sequence[DayOfSweeps], of_how_many: str) -> Figure:
    versions = short_names(day.config_version for day in days)
    lines = [
        means_of(
            ", ".join(filter(None, (_band(day.band_bps), versions[day.config_version], _count(day)))),
            list(day.resilience.back),
            [100 * share for share in day.resilience.back.values()],
            [day.resilience.seen[f"back {time}"] for time in day.resilience.back],
            of_many(place, len(days)),
            unit="%",
            of="sweeps",
        )
        for place, day in enumerate(days)
    ]
    return Figure(
        key=f"resilience-{venue}-{instrument}",
        title=f"How the book comes back, {instrument}",
        about=f"How much of the depth that a sweep on {venue} had taken was back so long after it, in %: mean of the "
        f"sweeps of {moment(days[0].day)[:10]} that no other had followed by then. {HOLLOW}"
        f"{of_how_many}",
        data=lines,
        layout={
            "height": HEIGHT,
            "xaxis": {"type": "category", "title": {"text": "time after the sweep"}},
            "yaxis": {"title": {"text": "back, %"}} | range_of(lines),
            "showlegend": True,
            "hovermode": "x unified",
        },
    )


def _band(band_bps: float) -> str:
    return f"within {band_bps:g} bps" if band_bps else "at the touch"


def _count(day: DayOfSweeps) -> str:
    return f"{day.resilience.sweeps:,} sweeps"


def _name(*words: str) -> str:
    """A line's name, of what is told."""
    return " ".join(filter(None, words))


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
