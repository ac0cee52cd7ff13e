"""The live screen: one page of text that says what is quoted, what was filled, and what it has brought.

`page` turns a picture into lines that fit a given size, and is all there is to see. `Screen` brings pages to a
terminal from a thread of its own, so that a terminal that does not take its text holds up nothing but itself.
"""

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from replenisher.core.stopping import Verdict
from replenisher.live.blocks import (
    ALARM,
    BOOK,
    BOOK_WIDE,
    FILLS,
    FILLS_WIDE,
    LADDER,
    LADDER_WIDE,
    Blocks,
)
from replenisher.live.lines import (
    DIM,
    EMPTY,
    Cell,
    Line,
    Page,
    beside,
    clock,
    ends,
    fitted,
    printable,
    width_of,
)
from replenisher.live.picture import Picture, Summary
from replenisher.model.order import Side

GOOD = "green"
WIDE = 150  # characters from which everything has room
NARROW = 78  # and from which the book has room beside the money
GAP = 2
FAREWELL_WIDTH = 48
FILL_ROWS_MAX = 12  # where the book would rather have the room
LAST_FRAME_S = 1.0  # how long the end waits for a terminal


@dataclass(frozen=True, slots=True)
class Backstage:
    """How the memory of the daemon is doing, in a few words each; the last two are what an operator must see."""

    journal: str = ""
    recorder: str = ""
    alarm: str = ""  # why rows wait
    not_explained: str = ""  # of the days that are over


@dataclass(frozen=True, slots=True)
class Title:
    """What never changes in a life: the mode, and the instrument that the screen is about."""

    mode: str
    instrument: str  # key


class Screen:
    """A live page on a terminal. Everything on it is drawn by one thread; `show` only hands it the next page."""

    def __init__(self, console: Console, title: Title) -> None:
        self._console = console
        self._title = title
        self._next: tuple[Picture, Backstage] | None = None
        self._due = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._draw, name="screen", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over = True
        self._due.set()
        self._thread.join(LAST_FRAME_S)

    def show(self, picture: Picture, backstage: Backstage) -> None:
        """Have this drawn as soon as the terminal is ready for it; what it was not ready for is left out."""
        self._next = (picture, backstage)
        self._due.set()

    def _draw(self) -> None:
        with Live(
            Page(()),
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            while not self._is_over:
                self._due.wait()
                self._due.clear()
                if self._next is not None:
                    picture, backstage = self._next
                    width, height = self._console.size
                    live.update(page(self._title, picture, backstage, width, height), refresh=True)


def page(title: Title, picture: Picture, backstage: Backstage, width: int, height: int) -> Page:
    """The whole page, no wider and no higher than asked for."""
    lines = _head(title, picture, backstage, width)
    instrument = picture.instruments.get(title.instrument)
    rows = height - len(lines) - 1  # the last line is the foot
    if instrument is not None and rows > 0:
        lines += _arranged(Blocks(instrument, picture), width, rows)[:rows]
    lines = [*lines, *[EMPTY] * (height - 1 - len(lines)), _foot(picture.summary, width)]
    return Page(fitted(line, width) for line in lines[:height])


def farewell(title: Title, picture: Picture, width: int) -> Page:
    """What is left on the terminal when the live page is gone: how it ended, and what it has brought."""
    sign, words, style = _session(picture, Backstage())
    lines: list[Line] = [((f" {sign} ", style), (printable(words), ""))]
    instrument = picture.instruments.get(title.instrument)
    if instrument is not None:
        lines += [((" ", ""), *line) for line in Blocks(instrument, picture).money(min(FAREWELL_WIDTH, width - 1))]
    return Page(fitted(line, width) for line in [*lines, _foot(picture.summary, 0)])


# --- Where things stand on the page ------------------------------------------------------------------------------


def _arranged(blocks: Blocks, width: int, rows: int) -> list[Line]:
    if width >= WIDE:
        return _wide(blocks, width, rows)
    if width >= NARROW:
        return _narrow(blocks, width, rows)
    return _tiny(blocks, width, rows)


def _tiny(blocks: Blocks, width: int, rows: int) -> list[Line]:
    """What fits where hardly anything does: the money, and the book below it."""
    money = blocks.money(min(width, 40))[: max(1, rows - 6)]
    return [*money, *blocks.book(BOOK, rows - len(money))]


def _narrow(blocks: Blocks, width: int, rows: int) -> list[Line]:
    """Book and money side by side, below them the ladder, below it the fills."""
    money = blocks.money(width - width_of(BOOK) - GAP)
    ladder_rows = min(blocks.ladder_height(), max(1, rows // 3))
    fill_rows = max(1, min(FILL_ROWS_MAX, rows - ladder_rows - len(money) - 2))
    upper_rows = max(0, rows - ladder_rows - fill_rows - 2)
    bids, asks = (blocks.ladder(side, LADDER, ladder_rows) for side in Side)
    return [
        *beside(blocks.book(BOOK, upper_rows), money[:upper_rows], width_of(BOOK), GAP),
        *beside(bids, asks, (width - GAP) // 2, GAP),
        *blocks.last_fills(FILLS, fill_rows, width),
    ]


def _wide(blocks: Blocks, width: int, rows: int) -> list[Line]:
    """The book over the whole height on the left, everything else on the right."""
    gap = GAP + 1
    right_width = width - width_of(BOOK_WIDE) - gap
    half = (right_width - gap) // 2
    columns = LADDER_WIDE if half >= width_of(LADDER_WIDE) else LADDER
    money, requests = blocks.money(half), blocks.requests(half)
    upper_rows = max(len(money), len(requests))
    ladder_rows = min(blocks.ladder_height(), max(1, (rows - upper_rows) // 2))
    fill_rows = max(1, rows - upper_rows - ladder_rows - 4)
    fills = FILLS_WIDE if right_width >= width_of(FILLS_WIDE) else FILLS
    bids, asks = (blocks.ladder(side, columns, ladder_rows) for side in Side)
    right = [
        *beside(money, requests, half, gap),
        EMPTY,
        *beside(bids, asks, half, gap),
        EMPTY,
        *blocks.last_fills(fills, fill_rows, right_width),
    ]
    return beside(blocks.book(BOOK_WIDE, rows), right, width_of(BOOK_WIDE), gap)


def _head(title: Title, picture: Picture, backstage: Backstage, width: int) -> list[Line]:
    venue, _, name = title.instrument.partition("/")
    others = len(picture.instruments) - 1
    left: Line = (
        (" replenisher ", "bold"),
        (f" {title.mode.upper()} ", "reverse" if title.mode == "paper" else "bold reverse red"),
        (f"  {venue} {name}", ""),
        (f" and {others} more" if others > 0 else "", DIM),
    )
    up = f"up {clock(int(picture.summary.uptime_s))} "
    sign, words, style = _session(picture, backstage)
    state: Line = ((f" {sign} ", style), (printable(words), style if sign == "!" else ""))
    notes = [
        f"{about} {note}" for about, note in (("journal", backstage.journal), ("rows", backstage.recorder)) if note
    ]
    lines = [ends(left, ((up, DIM),), width), ends(state, ((f"{' · '.join(notes)} ", DIM),), width)]
    if backstage.not_explained:
        lines.append(((" ! ", ALARM), (printable(backstage.not_explained), ALARM)))
    return lines


def _session(picture: Picture, backstage: Backstage) -> tuple[str, str, str]:
    """The one thing to know first: something is wrong, nothing is shown and why, or all is well."""
    summary = picture.summary
    if backstage.alarm:
        return "!", backstage.alarm, ALARM
    if summary.stop is not None and summary.stop.verdict:
        if summary.stop.verdict == Verdict.FLAT:
            return "○", f"stopped, verified flat: {summary.stop.reason}", ALARM if summary.halts else GOOD
        left = ", ".join(summary.stop.left) or "orders"
        return "!", f"stopped, but there may be left: {left}", ALARM
    absent = {strategy: reason for strategy, reason in summary.not_quoting.items() if reason}
    if absent and len(absent) == len(summary.not_quoting):
        return "○", " · ".join([next(iter(absent.values())), *summary.lost.values()]), ALARM
    short = {strategy: reason for strategy, reason in summary.withheld.items() if reason and strategy not in absent}
    words = [f"{strategy}: {reason}" for strategy, reason in (absent | short).items()]
    if not summary.live_orders:
        return "○", " · ".join(words) or "no order rests", ALARM
    orders = f"quoting, {summary.live_orders} order{'' if summary.live_orders == 1 else 's'}"
    return "●", " · ".join([orders, *words]), ALARM if absent else GOOD


def _foot(summary: Summary, width: int) -> Line:
    pieces: list[Cell] = []
    for label, count in (
        ("placed", summary.orders),
        ("amended", summary.amended),
        ("canceled", summary.canceled),
        ("rejected", summary.rejected),
        ("denied", summary.denied),
        ("unanswered", summary.unanswered),
    ):
        pieces += [(f" {label} ", DIM), (f"{count:,} ", ALARM if count and label == "unanswered" else "")]
    return ends(tuple(pieces), (("Ctrl-C stops ", DIM),), width)
