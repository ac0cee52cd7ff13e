"""Numbers for people: few digits, and the unit that the end of a column's name says."""

from datetime import UTC, datetime
from decimal import Decimal

from replenisher.model.units import SECOND_NS

DIGITS = 6  # that are shown
UNITS = {
    "bps": "bps",
    "pct": "%",
    "ns": "ns",
    "ms": "ms",
    "s": "s",
    "h": "h",
    "quote": "in quote currency",
    "base": "in base currency",
    "lots": "lots",
}
HEADINGS = {
    "pnl.lines": "P&L by strategy, instrument and configuration",
    "pnl.totals": "P&L by currency",
    "markouts": "Markouts: which fills",
    "markouts.points": "Markouts: after which time",
    "latency": "Requote latency",
}
MOMENTS = ("at", "since", "until", "start", "end", "hour")  # nanoseconds since 1970


def title(column: str) -> str:
    """A column's name in words, with its unit; what it is a part of goes without saying."""
    words = column.removeprefix("group.").removeprefix("parts.").replace(".", " ").split("_")
    unit = UNITS.get(words[-1]) if len(words) > 1 else None
    text = " ".join(words[:-1] if unit else words)
    return f"{text}, {unit}" if unit else text


def heading(table: str) -> str:
    """A table's name in words."""
    if table in HEADINGS:
        return HEADINGS[table]
    words = table.replace(".", ", ").replace("_", " ")
    return words[0].upper() + words[1:]


def is_moment(column: str) -> bool:
    """Whether its numbers are times."""
    return column.rpartition(".")[2] in MOMENTS or column.endswith("_at")


def moment(at: int) -> str:
    """A time in UTC."""
    return datetime.fromtimestamp(at / SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M:%S")


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
