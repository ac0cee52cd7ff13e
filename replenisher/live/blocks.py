"""The blocks of the screen, as lines: book, money, requests, our own ladder and the fills of one instrument."""

from collections.abc import Sequence
from decimal import Decimal

from replenisher.live.lines import (
    BLANK,
    DIM,
    EMPTY,
    Cell,
    Column,
    Line,
    decimals_of,
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
from replenisher.live.picture import Picture, SeenFill
from replenisher.live.standing import BookLevel, BookTop, EmptySlot, Holding, LiveOrder, MarkSource
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.order import Request, Side

BID, ASK, OWN, ALARM = "green", "red", "bold", "yellow"

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


class Blocks:
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
        for currency, fees in held.fees_elsewhere.items():
            lines.append(pair("  not in P&L", f"{_signed(fees)} {currency}", width, DIM))
        lines.append(pair("unrealized", f"{_signed(held.unrealized)} {settled}", width))
        style = "bold red" if held.pnl is not None and held.pnl < 0 else "bold"
        lines.append(pair("P&L", f"{_signed(held.pnl)} {settled}", width, style))
        if held.mark is not None and held.pnl_quote is not None:
            mark = number(held.mark, self._price_decimals + 1, 14)
            quote = _signed(held.pnl_quote, max(2, self._price_decimals))
            note = "" if held.mark_source is MarkSource.MID else f" {held.mark_source}"
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
