"""Lines of aligned text: cells that never grow out of their column, and numbers as a trader reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from replenisher.model.units import SECOND_NS

DAY_S = 86_400
DIM = "dim"
Cell = tuple[str, str]  # text, style
BLANK: Cell = ("", "")
EMPTY: tuple[Cell, ...] = ()

Line = tuple[Cell, ...]  # one line of text: what it says, piece by piece


class Page:
    """Lines that are drawn as they are: nothing is wrapped, measured or parsed again."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = tuple(lines)

    @property
    def plain(self) -> str:
        """The page without its colours."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines)

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        for index, line in enumerate(self.lines):
            if index:
                yield Segment.line()
            for text, style in line:
                yield Segment(text, console.get_style(style) if style else None)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, how wide it is, and to which side it leans."""

    title: str
    width: int
    is_left: bool = False


def width_of(columns: Sequence[Column]) -> int:
    """How wide a row of these columns is."""
    return sum(column.width for column in columns) + len(columns) - 1


def length_of(line: Line) -> int:
    """How many characters a line has."""
    return sum(len(text) for text, _ in line)


def heading(columns: Sequence[Column], width: int = 0) -> Line:
    """The titles, set into a thin rule, which goes on up to `width`."""
    text = " ".join(_title(column) for column in columns)
    return ((text if len(text) >= width else f"{text} ".ljust(width, "─"), DIM),)


def rule(title: str, width: int) -> Line:
    """A thin rule that says what is below it."""
    return ((f"── {title} ".ljust(width, "─")[:width], DIM),)


def row(columns: Sequence[Column], cells: Sequence[Cell]) -> Line:
    """One line of cells, each cut to its column."""
    pieces: list[Cell] = []
    for index, (column, (text, style)) in enumerate(zip(columns, cells, strict=True)):
        if index:
            pieces.append((" ", ""))
        pieces.append((_justified(cut(text, column.width), column, " "), style))
    return tuple(pieces)


def pair(label: str, value: str, width: int, style: str = "") -> Line:
    """A label on the left and its value on the right."""
    value = cut(value, width)
    return (cut(label, max(0, width - len(value) - 1)).ljust(width - len(value)), DIM), (value, style)


def beside(left: Sequence[Line], right: Sequence[Line], width: int, gap: int) -> list[Line]:
    """Two blocks next to each other; the left one is `width` wide."""
    lines: list[Line] = []
    for index in range(max(len(left), len(right))):
        line = fitted(left[index] if index < len(left) else EMPTY, width)
        space = " " * (width - length_of(line) + gap)
        lines.append((*line, (space, ""), *(right[index] if index < len(right) else EMPTY)))
    return lines


def ends(left: Line, right: Line, width: int) -> Line:
    """One line with something at both ends; what is on the right gives way."""
    room = width - length_of(left) - length_of(right)
    return left if room < 1 else (*left, (" " * room, ""), *right)


def fitted(line: Line, width: int) -> Line:
    """The line, or as much of it as fits."""
    room = width
    pieces: list[Cell] = []
    for text, style in line:
        if len(text) > room:
            return (*pieces, (cut(text, room), style))
        pieces.append((text, style))
        room -= len(text)
    return line


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits and a sign that there is more."""
    return text if len(text) <= width else (text[: max(0, width - 1)] + "…")[:width]


def printable(text: str) -> str:
    """Words of others, without anything that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def decimals_of(step: Decimal) -> int:
    """How many decimals a multiple of `step` needs."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def number(value: Decimal, decimals: int, width: int) -> str:
    """A number with thousands apart; a size too long for its column is told in thousands, millions, billions."""
    text = f"{value:,.{decimals}f}"
    for power, unit in ((3, "k"), (6, "M"), (9, "B")):
        if len(text) <= width:
            break
        text = f"{value.scaleb(-power):,.1f}{unit}"
    return text


def span(duration_ns: int) -> str:
    """How long something has lasted, in at most four characters up to ten thousand days."""
    seconds = max(0, duration_ns) / SECOND_NS
    if seconds < 9.95:  # beyond it the tenth would round to a digit more
        return f"{seconds:.1f}s"
    for limit, unit_s, unit in ((120, 1, "s"), (7_200, 60, "m"), (2 * DAY_S, 3_600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit_s)}{unit}"
    return f"{int(seconds // DAY_S)}d"


def clock(seconds: int) -> str:
    """Hours, minutes and seconds; days in front where there are any."""
    days, rest = divmod(seconds, DAY_S)
    text = f"{rest // 3_600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {text}" if days else text


def time_of_day(at: int) -> str:
    """The time of day, UTC, to the millisecond."""
    return f"{clock(at // SECOND_NS % DAY_S)}.{at // 1_000_000 % 1_000:03}"


def _title(column: Column) -> str:
    title = column.title
    if title and len(title) < column.width:
        title = f"{title} " if column.is_left else f" {title}"
    return _justified(title, column, "─")


def _justified(text: str, column: Column, filler: str) -> str:
    return text.ljust(column.width, filler) if column.is_left else text.rjust(column.width, filler)
