"""Numbers for people: few digits, and the unit that the end of a column's name says."""

import re
from collections.abc import Iterable
from decimal import Decimal

from replenisher.model.units import SECOND_NS
from replenisher.store.moment import moment

DIGITS = 6  # that are shown
FEW = 10  # what is the mean of fewer is told as such
VERSION_LENGTH = 6  # of which nearly always no two are alike
UNITS = {
    "bps": "bps",
    "pct": "%",
    "ns": "",  # told with the number
    "ms": "ms",
    "s": "s",
    "h": "h",
    "quote": "in quote currency",
    "base": "in base currency",
    "lots": "lots",
}
HEADINGS = {
    "opening": "What was there at the beginning",
    "pnl.lines": "P&L by strategy, instrument and configuration",
    "pnl.totals": "P&L by currency",
    "halts": "Halts and pauses",
    "lives": "Lives",
    "markouts": "Markouts: which fills",
    "markouts.points": "Markouts: after which time",
    "spreads": "Spreads: what we and the others quoted, what takers paid us",
    "spreads.after": "Spreads: what was left after which time",
    "latency": "Requote latency",
}
COLUMNS = {
    "pnl": "P&L, base fees at the mid",
    "turnover_quote_a_day": "turnover a day, in quote currency",
    "order_to_trade": "requests a fill",
    "own_quoted_bps": "quoted by us, bps",
    "quoted_bps": "by others, bps",
    "inventory_half_life.value_s": "inventory half life, s",
    "resilience.rho_per_s": "rho a second",
    "resilience.flow_per_s": "flow a second",
}
WITHOUT_SAYING = ("group", "parts", "resilience")
MOMENTS = ("at", "since", "until", "hour", "day")  # nanoseconds since 1970
SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
JOINT = re.compile(r"(?<=[a-z])\.(?=[a-z])")  # between two fields, and not in a number


def title(column: str) -> str:
    """A column's name in words, with its unit; what it is a part of goes without saying."""
    if column in COLUMNS:
        return COLUMNS[column]
    path = column
    for name in WITHOUT_SAYING:
        path = path.removeprefix(f"{name}.").removeprefix(f"{name} ")
    words = JOINT.sub(" ", path).split("_")
    unit = UNITS.get(words[-1]) if len(words) > 1 else None
    text = " ".join(words[:-1] if unit is not None else words)
    return f"{text}, {unit}" if unit else text


def told_apart(names: Iterable[str]) -> dict[str, str]:
    """Each name; nothing if there is only one, which then goes without saying."""
    found = set(names)
    return {name: name if len(found) > 1 else "" for name in found}


def short_names(versions: Iterable[str]) -> dict[str, str]:
    """As much of each configuration version as tells it apart; nothing if there is only one."""
    names = set(versions)
    if len(names) == 1:
        return dict.fromkeys(names, "")
    length = next(n for n in range(VERSION_LENGTH, 100) if len({name[:n] for name in names}) == len(names))
    return {name: name[:length] for name in names}


def heading(table: str) -> str:
    """A table's name in words."""
    if table in HEADINGS:
        return HEADINGS[table]
    words = table.replace(".", ", ").replace("_", " ")
    return words[0].upper() + words[1:]


def is_moment(column: str) -> bool:
    """Whether its numbers are times."""
    return column.rpartition(".")[2] in MOMENTS or column.endswith("_at")


def written(column: str, value: Decimal | float) -> str:
    """A number of a column: a time, how long something took, or just a number."""
    if is_moment(column) and isinstance(value, int):
        return moment(value).removesuffix(" 00:00:00") if column.rpartition(".")[2] == "day" else moment(value)
    return span(int(value)) if column.endswith("_ns") else shown(value)


def span(lasted_ns: int) -> str:
    """How long something took, in the largest unit of which it is two or more."""
    seconds = lasted_ns / SECOND_NS
    for size, unit in SPANS:
        if seconds >= 2 * size:
            return f"{shown(seconds / size)} {unit}"
    return f"{shown(seconds)} s"


def after(after_s: float) -> str:
    """A time after something."""
    if after_s == 0:
        return "at once"
    return f"{after_s:g} s" if after_s < 120 else f"{after_s / 60:g} min"


def shown(value: Decimal | float) -> str:
    """So many digits as say something."""
    number = Decimal(str(value)) if not isinstance(value, Decimal) else value
    if number == 0:
        return "0"
    places = max(0, DIGITS - 1 - number.adjusted())
    text = f"{round(number, places):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
