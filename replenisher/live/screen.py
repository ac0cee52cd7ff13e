"""The live screen: one page of text that says what is quoted, what was filled, and what it has brought.

`page` turns a picture into lines that fit a given size, and is all there is to see. `Screen` brings pages to a
terminal from a thread of its own, so that a terminal that does not take its text holds up nothing but itself.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from replenisher.core.stopping import Verdict
from replenisher.live.lines import (
    BLANK,
    DIM,
    EMPTY,
    Cell,
    Column,
    Line,
    Page,
    beside,
    clock,
    decimals_of,
    ends,
    fitted,
    heading,
    number,
    pair,
    printable,
    row,
    rule,
    span,
    time_of_day,
    width_of,
)
from replenisher.live.monitor import Picture, SeenFill, Summary
from replenisher.live.standing import BookLevel, BookTop, EmptySlot, Holding, LiveOrder
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.order import Request, Side

BID, ASK, OWN, ALARM, GOOD = "green", "red", "bold", "yellow", "green"
WIDE = 150  # characters from which everything has room
NARROW = 78  # and from which the book has room beside the money
GAP = 2
FAREWELL_WIDTH = 48
FILL_ROWS_MAX = 12  # where the book would rather have the room
LAST_FRAME_S = 1.0  # how long the end waits for a terminal

ASKING = {Request.PLACE: "placing", Request.AMEND: "amending", Request.CANCEL: "leaving"}

BOOK = (Column("own", 7), Column("bid", 8), Column("price", 10), Column("ask", 8), Column("own", 7))
BOOK_WIDE = (
    Column("own", 8),
    Column("total", 9),
    Column("bid", 9),
    Column("price", 10),
    Column("ask", 9),
    Column("total", 9),
    Column("own", 8),
)
LADDER = (
    Column("#", 2),
    Column("{side}", 9),
    Column("size", 6),
    Column("filled", 6),
    Column("age", 4),
    Column("is", 7, is_left=True),
)
LADDER_WIDE = (
    Column("#", 2),
    Column("{side}", 10),
    Column("bps", 6),
    Column("size", 8),
    Column("filled", 8),
    Column("age", 5),
    Column("is", 8, is_left=True),
    Column("strategy", 8, is_left=True),
)
FILLS = (
    Column("fills", 12, is_left=True),
    Column("side", 4, is_left=True),
    Column("#", 2),
    Column("price", 10),
    Column("size", 8),
    Column("fee", 18),
    Column("refilled", 9),
)
FILLS_WIDE = (
    *FILLS,
    Column("by", 5, is_left=True),
    Column("strategy", 8, is_left=True),
    Column("order", 15, is_left=True),
    Column("trade", 16, is_left=True),
)


@dataclass(frozen=True, slots=True)
class Backstage:
    """How the memory of the daemon is doing, in a few words each; `alarm` is what an operator must see."""

    journal: str = ""
    recorder: str = ""
    alarm: str = ""


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
        lines += _arranged(_Blocks(instrument, picture), width, rows)[:rows]
    lines = [*lines, *[EMPTY] * (height - 1 - len(lines)), _foot(picture.summary, width)]
    return Page(fitted(line, width) for line in lines[:height])


def farewell(title: Title, picture: Picture, width: int) -> Page:
    """What is left on the terminal when the live page is gone: how it ended, and what it has brought."""
    sign, words, style = _session(picture, Backstage())
    lines: list[Line] = [((f" {sign} ", style), (printable(words), ""))]
    instrument = picture.instruments.get(title.instrument)
    if instrument is not None:
        lines += [((" ", ""), *line) for line in _Blocks(instrument, picture).money(min(FAREWELL_WIDTH, width - 1))]
    return Page(fitted(line, width) for line in [*lines, _foot(picture.summary, 0)])


# --- Where things stand on the page ------------------------------------------------------------------------------


def _arranged(blocks: "_Blocks", width: int, rows: int) -> list[Line]:
    if width >= WIDE:
        return _wide(blocks, width, rows)
    if width >= NARROW:
        return _narrow(blocks, width, rows)
    return _tiny(blocks, width, rows)


def _tiny(blocks: "_Blocks", width: int, rows: int) -> list[Line]:
    """What fits where hardly anything does: the money, and the book below it."""
    money = blocks.money(min(width, 40))[: max(1, rows - 6)]
    return [*money, *blocks.book(BOOK, rows - len(money))]


def _narrow(blocks: "_Blocks", width: int, rows: int) -> list[Line]:
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


def _wide(blocks: "_Blocks", width: int, rows: int) -> list[Line]:
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
    return [ends(left, ((up, DIM),), width), ends(state, ((f"{' · '.join(notes)} ", DIM),), width)]


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
    reasons = {strategy: reason for strategy, reason in summary.not_quoting.items() if reason}
    if reasons and len(reasons) == len(summary.not_quoting):
        return "○", next(iter(reasons.values())), ALARM
    words = f"quoting, {summary.live_orders} order{'' if summary.live_orders == 1 else 's'}"
    for strategy, reason in [*reasons.items(), *summary.withheld.items()]:
        if reason:
            words += f" · {strategy}: {reason}"
    return "●", words, ALARM if reasons else GOOD


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


# --- What stands there -------------------------------------------------------------------------------------------


class _Blocks:
    """One instrument of a picture, block by block."""

    def __init__(self, instrument: Instrument, picture: Picture) -> None:
        self._instrument = instrument
        self._picture = picture
        self._price_decimals = decimals_of(instrument.tick)
        self._amount_decimals = decimals_of(instrument.lot)
        self._orders = [order for order in picture.ladder if order.instrument == instrument.key]
        self._empty = [slot for slot in picture.empty_slots if slot.instrument == instrument.key]
        self._holding: Holding = picture.summary.instruments[instrument.key]

    def book(self, columns: Sequence[Column], height: int) -> list[Line]:
        """The book around the touch and wherever we stand, asks above bids, `height` lines in all."""
        top: BookTop = self._picture.book[self._instrument.key]
        lines = [heading(columns)]
        if top.distrust:
            return [*lines, EMPTY, ((f"  {printable(top.distrust)}", ALARM),)]
        depth = max(1, (height - 2) // 2)
        asks, bids = _nearest(top.asks, depth), _nearest(top.bids, depth)
        lines += [EMPTY] * (depth - len(asks))
        lines += [self._book_row(columns, Side.SELL, level, total) for level, total in reversed(asks)]
        lines.append(self._spread(top, width_of(columns)))
        lines += [self._book_row(columns, Side.BUY, level, total) for level, total in bids]
        return lines

    def money(self, width: int) -> list[Line]:
        """What we hold, what it has brought, and how soon it was refilled."""
        held, summary = self._holding, self._picture.summary
        settled = held.settlement_currency
        lines = [rule("inventory and P&L", width)]
        lines.append(pair("position", f"{self._amount(held.position)} {self._unit()}", width, OWN))
        if len(held.inventory) > 1:
            for strategy, amount in held.inventory.items():
                lines.append(pair(f"  {strategy}", self._amount(amount), width))
        lines.append(pair("realized", f"{_signed(held.realized)} {settled}", width))
        lines.append(pair("fees", f"{_signed(held.fees)} {settled}", width))
        lines.append(pair("unrealized", f"{_signed(held.unrealized)} {settled}", width))
        style = "bold red" if held.pnl is not None and held.pnl < 0 else "bold"
        lines.append(pair("P&L", f"{_signed(held.pnl)} {settled}", width, style))
        if held.mark is not None and held.pnl_quote is not None:
            mark = number(held.mark, self._price_decimals + 1, 14)
            quote = _signed(held.pnl_quote, max(2, self._price_decimals))
            note = "" if held.mark_source == "mid" else f" {held.mark_source}"
            lines.append(pair("", f"{quote} {held.quote_currency} at{note} {mark}", width))
        else:
            lines.append(pair("", "no mark", width, DIM))
        balance = self._picture.summary.balances.get(f"{self._instrument.venue}/{settled}")
        lines.append(pair("balance", "—" if balance is None else f"{balance:,.8f} {settled}", width))
        lines.append(pair("fills", f"{summary.fills:,}, {summary.fills_per_minute:,} in a minute", width))
        p50, p99 = _ms(summary.refill_p50_ms), _ms(summary.refill_p99_ms)
        lines.append(pair("refills", f"{summary.refills:,}, p50 {p50} p99 {p99} ms", width))
        return lines

    def requests(self, width: int) -> list[Line]:
        """What we asked of the venue, and what became of it."""
        summary = self._picture.summary
        lines = [rule("orders", width)]
        lines.append(pair("live", f"{summary.live_orders:,}", width, OWN))
        for label, count in (
            ("in flight", summary.in_flight),
            ("unanswered", summary.unanswered),
            ("placed", summary.orders),
            ("amended", summary.amended),
            ("canceled", summary.canceled),
            ("rejected by the venue", summary.rejected),
            ("denied by our gate", summary.denied),
        ):
            lines.append(pair(label, f"{count:,}", width))
        synced = ", ".join(f"{venue} {stage}" for venue, stage in summary.sync.items())
        lines.append(pair("session", synced, width))
        return lines

    def ladder_height(self) -> int:
        """How many rows the longer side of our own ladder needs."""
        return max(1, *(len(self._rungs(side)) for side in Side))

    def ladder(self, side: Side, columns: Sequence[Column], rows: int) -> list[Line]:
        """One side of our own ladder, from the touch outwards, with the slots that wait for a refill."""
        name = "bids" if side is Side.BUY else "asks"
        titled = [Column(column.title.format(side=name), column.width, column.is_left) for column in columns]
        rungs = self._rungs(side)
        lines = [heading(titled)]
        shown = rungs if len(rungs) <= rows else rungs[: rows - 1]
        lines += [row(columns, self._rung_cells(rung, columns)) for rung in shown]
        if len(shown) < len(rungs):
            lines.append(((f"   and {len(rungs) - len(shown)} more", DIM),))
        return [*lines, *[EMPTY] * (rows + 1 - len(lines))]

    def last_fills(self, columns: Sequence[Column], rows: int, width: int) -> list[Line]:
        """The newest fills, and how soon each was refilled."""
        fills = [fill for fill in self._picture.fills if fill.instrument == self._instrument.key][:rows]
        lines = [heading(columns, width)]
        if not fills:
            lines.append(((" none yet", DIM),))
        return lines + [row(columns, self._fill_cells(fill)[: len(columns)]) for fill in fills]

    # --- Rows ----------------------------------------------------------------------------------------------------

    def _book_row(self, columns: Sequence[Column], side: Side, level: BookLevel, total: Decimal) -> Line:
        style, width = (BID if side is Side.BUY else ASK), columns[0].width
        own = (self._amount(level.own, width) if level.own else "", OWN)
        cells = [own]
        if len(columns) == len(BOOK_WIDE):
            cells.append((self._amount(total, columns[1].width), DIM))
        cells.append((self._amount(level.amount, 8), style))
        blanks = [BLANK] * len(cells)
        price = (self._price(level.price), OWN if level.own else "")
        return row(columns, [*cells, price, *blanks] if side is Side.BUY else [*blanks, price, *reversed(cells)])

    def _spread(self, top: BookTop, width: int) -> Line:
        if not top.bids or not top.asks:
            return (("one side is empty".center(width), ALARM),)
        bid, ask = top.bids[0].price, top.asks[0].price
        mid = (bid + ask) / 2
        spread_bps = (ask - bid) / mid * 10_000
        words = f"spread {self._price(ask - bid)} · {spread_bps:.2f} bps"
        return ((words.center(width), DIM),)

    def _rungs(self, side: Side) -> list[LiveOrder | EmptySlot]:
        rungs: list[LiveOrder | EmptySlot] = [*self._orders, *self._empty]
        return sorted((rung for rung in rungs if rung.side is side), key=lambda rung: (rung.strategy, rung.level))

    def _rung_cells(self, rung: LiveOrder | EmptySlot, columns: Sequence[Column]) -> list[Cell]:
        by_title: dict[str, Cell] = {
            "#": (str(rung.level), DIM),
            "age": (span(rung.age_ns), DIM),
            "strategy": (rung.strategy, DIM),
        }
        if isinstance(rung, EmptySlot):
            by_title["is"] = ("eaten", ALARM)
        else:
            widths = {column.title: column.width for column in columns}
            style = BID if rung.side is Side.BUY else ASK
            by_title["{side}"] = (self._price(rung.price), style)
            by_title["bps"] = (self._distance(rung.price), DIM)
            by_title["size"] = (self._amount(rung.amount, widths["size"]), "")
            by_title["filled"] = (self._amount(rung.filled, widths["filled"]) if rung.filled else "·", "")
            by_title["is"] = _doing(rung)
        return [by_title.get(column.title, BLANK) for column in columns]

    def _fill_cells(self, fill: SeenFill) -> list[Cell]:
        return [
            (time_of_day(fill.at), DIM),
            (fill.side, BID if fill.side is Side.BUY else ASK),
            ("" if fill.level is None else str(fill.level), DIM),
            (self._price(fill.price), ""),
            (self._amount(fill.amount, 8), ""),
            (f"{_signed(fill.fee)} {fill.fee_currency}", DIM),
            _refill(fill),
            (fill.liquidity, DIM),
            (fill.strategy, DIM),
            (fill.order_id, DIM),
            (fill.trade_id, DIM),
        ]

    # --- Numbers -------------------------------------------------------------------------------------------------

    def _price(self, price: Decimal) -> str:
        return f"{price:,.{self._price_decimals}f}"

    def _amount(self, amount: Decimal, width: int = 20) -> str:
        return number(amount, self._amount_decimals, width)

    def _distance(self, price: Decimal) -> str:
        mark = self._holding.mark
        return "" if mark is None else f"{(price - mark) / mark * 10_000:+.1f}"

    def _unit(self) -> str:
        match self._instrument.amount_unit:
            case AmountUnit.QUOTE:
                return self._instrument.quote_currency
            case AmountUnit.BASE:
                return self._instrument.base_currency
            case AmountUnit.CONTRACT:
                return "contracts"


def _nearest(levels: Sequence[BookLevel], depth: int) -> list[tuple[BookLevel, Decimal]]:
    """The levels worth showing, best first, each with the amount up to and including it.

    Half of the room belongs to the touch; the rest shows where we stand further out, and what is left of it the
    levels in between.
    """
    totals: list[tuple[BookLevel, Decimal]] = []
    total = Decimal(0)
    for level in levels:
        total += level.amount
        totals.append((level, total))
    near = (depth + 1) // 2
    ours = [index for index, (level, _) in enumerate(totals) if index >= near and level.own][: depth - near]
    chosen = [*range(min(near, len(totals))), *ours]
    spare = [index for index in range(near, len(totals)) if index not in ours][: depth - len(chosen)]
    return [totals[index] for index in sorted([*chosen, *spare])]


def _doing(order: LiveOrder) -> Cell:
    """What an order is doing, in one word."""
    if order.pending is not None:
        return ASKING[order.pending], ALARM
    return (order.status, "" if not order.reason else ALARM)


def _refill(fill: SeenFill) -> Cell:
    """How soon what this fill ate was back, or why it is not."""
    if fill.refilled_after_ns is not None:
        ms = fill.refilled_after_ns / 1e6
        return (f"{ms:.1f} ms" if ms < 1_000 else f"{ms / 1_000:,.1f} s"), ""
    if not fill.emptied:
        return "part", DIM
    return ("not yet", ALARM)


def _signed(value: Decimal | None, decimals: int = 8) -> str:
    return "—" if value is None else f"{value:{'+' if value else ''},.{decimals}f}"


def _ms(value: float | None) -> str:
    return "—" if value is None else f"{value:,.1f}"
