"""The audit: our SQL ledger against the exchange's own book, row by row and to the last digit.

Two parties kept these books. A trade must be in both exactly once, with the same price, amount, fee and side; an order
of ours must be in both, and have ended in both; positions and balances are added up anew from our fills (`recount`)
and must come out as the exchange's. Besides, the exchange is held to its own rule: every passive fill has a cause,
and no print fills more than its amount.

The exchange's book is its ledger file, or what it answers when asked over the wire. Only what both books can tell is
compared, and `Audit.source` says which it was: over the wire (`wire`) there are no causes and no exchange id.

Money moves on a position also after a daemon has stopped, or between two of its looks into the exchange's book of cash.
What came after the last look cannot be in ours yet: it is taken over from theirs and counted (`cash_unread`), and the
next life reads it. What came before that look must be in both.

While a desk trades, two books that are read one after the other differ by what happens meanwhile. So it is looked at
twice, and a difference is what both looks show alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Literal

import msgspec
from sqlalchemy import Connection

from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Status, is_order_id
from replenisher.report.difference import Difference, differs, fill_name, order_name
from replenisher.report.ledger import ExchangeBook, ExchangeOrder, ExchangeTrade
from replenisher.report.recount import recount
from replenisher.store import leases, queries
from replenisher.store.lived import Life, last_life
from replenisher.store.queries import AccountKey, BalanceRow, CashRow, Counts, FillRow, OrderRow

LIQUIDITY = {"M": Liquidity.MAKER, "T": Liquidity.TAKER}
ENDS = {"filled": {Status.FILLED}, "cancelled": {Status.CANCELED, Status.EXPIRED}}


class OurBook(msgspec.Struct, frozen=True, kw_only=True):
    """One account's book as our SQL ledger has it."""

    key: AccountKey
    counts: Counts
    orders: list[OrderRow]
    asked: dict[str, set[tuple[Decimal, Decimal]]]
    fills: list[FillRow]
    balances: list[BalanceRow]
    cash_moves: list[CashRow]
    cash_looks: dict[str, int]  # up to when the exchange's book of cash was read, by currency
    instruments: dict[str, Instrument]
    namespaces: frozenset[str]

    def has_named(self, label: str) -> bool:
        """Whether an order at the exchange carries a name of ours; any other is somebody else's on the account."""
        return any(is_order_id(label, namespace) for namespace in self.namespaces)


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """How much was compared, and where the books disagree."""

    source: Literal["file", "wire"]  # of the exchange's book
    is_running: bool  # the desk traded while the books were compared: its orders may rest
    is_lease_out: bool  # it stands, and its last life did not end in order: the next one brings what is missing here
    last_life: Life | None  # None while the desk runs
    orders: int
    fills: int
    refills: int
    open_orders: int  # that rest in either book
    cash_unread: int  # how often money moved after our last look
    differences: tuple[Difference, ...]

    def confirming(self, earlier: "Audit") -> "Audit":
        """This look, with those differences that an earlier one has shown as well."""
        both = tuple(each for each in self.differences if each in earlier.differences)
        return msgspec.structs.replace(self, differences=both)

    def exit_code(self, *, allow_empty: bool = False) -> int:
        """0 only if the books agree, and about something."""
        is_empty = self.orders == 0 and self.fills == 0
        return 1 if self.differences or (is_empty and not allow_empty) else 0


def audit(connection: Connection, key: AccountKey, theirs: ExchangeBook, *, is_running: bool = False) -> Audit:
    """Compare one account's two books; of a desk that does not run no order may rest."""
    ours = our_book(connection, key)
    lease = leases.standing(connection, key.venue, key.account)
    open_here = {order.order_id for order in ours.orders if not order.status.is_terminal}
    open_there = {order.label for order in theirs.orders if order.state == "open" and ours.has_named(order.label)}
    return Audit(
        source=theirs.source,
        is_running=is_running,
        is_lease_out=not is_running and lease is not None and lease.until > 0,
        last_life=None if is_running else last_life(connection, key),
        orders=ours.counts.orders,
        fills=ours.counts.fills,
        refills=ours.counts.refills,
        open_orders=len(open_here | open_there),
        cash_unread=len(unread(ours, theirs)),
        differences=tuple(compare(ours, theirs, is_running=is_running)),
    )


def our_book(connection: Connection, key: AccountKey) -> OurBook:
    """Read one account's book from SQL."""
    return OurBook(
        key=key,
        counts=queries.counts(connection, key),
        orders=queries.orders(connection, key),
        asked=queries.asked(connection, key),
        fills=queries.fills(connection, key),
        balances=queries.balances(connection, key),
        cash_moves=queries.cash_moves(connection, key),
        cash_looks=queries.cash_looks(connection, key),
        instruments=queries.instruments(connection, key.venue),
        namespaces=queries.namespaces(connection, key),
    )


def compare(ours: OurBook, theirs: ExchangeBook, *, is_running: bool) -> Iterator[Difference]:
    """Every difference between two books of one account."""
    exchange_id = ours.key.account.partition("@")[2]
    if theirs.source == "file" and exchange_id and exchange_id != theirs.exchange_id:
        yield differs("exchange", f"account {ours.key.account}", exchange_id, theirs.exchange_id)
    yield from _compare_fills(ours, theirs.trades)
    yield from _compare_orders(ours, theirs.orders, is_running=is_running)
    yield from recount(
        fills=ours.fills,
        balances=ours.balances,
        cash_moves=[*ours.cash_moves, *unread(ours, theirs)],
        instruments=ours.instruments,
        theirs=theirs,
    )
    if theirs.source == "file":
        yield from _check_causes(theirs.trades)


def unread(ours: OurBook, theirs: ExchangeBook) -> list[CashRow]:
    """What moved our cash after we last looked, as our next look will find it."""
    heard = {(row.currency, row.kind, row.venue_id) for row in ours.cash_moves}
    return [
        CashRow(
            at=move.at,
            venue_time=move.at,
            venue_id=move.cash_id,
            kind=move.kind,
            instrument=move.instrument,
            currency=move.currency,
            amount=move.amount,
            realized=move.realized,
        )
        for move in theirs.moves
        if (move.currency, move.kind, move.cash_id) not in heard
        and move.at > ours.cash_looks.get(move.currency, move.at)
    ]


# --- Fills ----------------------------------------------------------------------------------------------------------


def _compare_fills(ours: OurBook, theirs: Iterable[ExchangeTrade]) -> Iterator[Difference]:
    """Each trade exactly once in both, and told alike; also those of others, which move the position as ours do."""
    unmatched: dict[tuple[str, str], list[FillRow]] = defaultdict(list)
    for fill in ours.fills:
        unmatched[fill.instrument, fill.trade_id].append(fill)
    seen: set[tuple[str, str]] = set()
    for trade in theirs:
        key = trade.instrument, trade.trade_id
        candidates = unmatched[key]
        if candidates:
            # Both sides of one trade can be ours; a fill with the wrong side is better than none.
            fill = next((each for each in candidates if each.side is trade.side), candidates[0])
            candidates.remove(fill)
            yield from _compare_fill(fill, trade, trade.label if ours.has_named(trade.label) else "")
        else:
            yield differs("trade_twice" if key in seen else "fill_missing", fill_name(trade), None, _gist(trade))
        seen.add(key)
    for key, fills in unmatched.items():
        for fill in fills:
            yield differs("fill_twice" if key in seen else "fill_foreign", fill_name(fill), _gist(fill), None)


def _compare_fill(ours: FillRow, theirs: ExchangeTrade, order_id: str) -> Iterator[Difference]:
    pairs: dict[str, tuple[object, object]] = {
        "side": (ours.side, theirs.side),
        "price": (ours.price, theirs.price),
        "amount": (ours.amount, theirs.amount),
        "fee": (ours.fee, theirs.fee),
        "fee_currency": (ours.fee_currency, theirs.fee_currency),
        "liquidity": (ours.liquidity, LIQUIDITY[theirs.liquidity]),
        "order": (ours.order_id, order_id),
        "venue_order": (ours.venue_order_id, theirs.order_id),
    }
    for name, (our_value, their_value) in pairs.items():
        if our_value != their_value:
            yield differs(f"fill_{name}", fill_name(ours), our_value, their_value)


def _gist(fill: FillRow | ExchangeTrade) -> str:
    return f"{fill.side} {fill.amount:f} at {fill.price:f}, fee {fill.fee:f} {fill.fee_currency}"


# --- Orders ---------------------------------------------------------------------------------------------------------


def _compare_orders(ours: OurBook, theirs: Iterable[ExchangeOrder], *, is_running: bool) -> Iterator[Difference]:
    """Each order of ours in both books, and ended in both; nothing else that carries our name at the exchange."""
    unmatched = {order.order_id: order for order in ours.orders}
    seen: set[str] = set()
    for order in theirs:
        if order.label not in unmatched and not ours.has_named(order.label):
            continue
        if own := unmatched.pop(order.label, None):
            yield from _compare_order(own, order, ours.asked.get(own.order_id, set()), is_running=is_running)
        else:
            kind = "order_twice" if order.label in seen else "order_missing"
            yield differs(kind, order_name(order), None, f"exchange order {order.order_id}, {order.state}")
        seen.add(order.label)
    for own in unmatched.values():
        if own.order_id not in ours.asked or _was_at_the_exchange(own):
            yield differs("order_foreign", f"orders: {own.order_id}", own.status, None)
        elif not is_running and not own.status.is_terminal:
            yield differs("order_open", f"orders: {own.order_id}", own.status, None)


def _was_at_the_exchange(order: OrderRow) -> bool:
    """Whether we believe the exchange took it. One that it refused, or that never reached it, is in our book only."""
    return bool(order.venue_order_id) or order.filled != 0 or order.status in (Status.WORKING, Status.FILLED)


def _compare_order(
    ours: OrderRow, theirs: ExchangeOrder, asked: set[tuple[Decimal, Decimal]], *, is_running: bool
) -> Iterator[Difference]:
    row = f"orders: {ours.order_id}"
    pairs: dict[str, tuple[object, object]] = {
        "instrument": (ours.instrument, theirs.instrument),
        "side": (ours.side, theirs.side),
        "filled": (ours.filled, theirs.filled_amount),
        "venue_order": (ours.venue_order_id or theirs.order_id, theirs.order_id),
    }
    for name, (our_value, their_value) in pairs.items():
        if our_value != their_value:
            yield differs(f"order_{name}", row, our_value, their_value)
    if not _may_be_earlier(ours, theirs, asked):
        # What an order ended with may not have reached us; what it never had is wrong.
        if ours.price not in theirs.prices:
            yield differs("order_price", row, ours.price, theirs.prices[-1])
        if ours.amount not in theirs.amounts:
            yield differs("order_amount", row, ours.amount, theirs.amounts[-1])
    if theirs.state == "open":
        if not is_running or ours.status.is_terminal:
            yield differs("order_open", row, ours.status, theirs.state)
    elif ours.status not in ENDS[theirs.state]:
        yield differs("order_state", row, ours.status, theirs.state)


def _may_be_earlier(ours: OrderRow, theirs: ExchangeOrder, asked: set[tuple[Decimal, Decimal]]) -> bool:
    """Whether we may know an order as it was before an amend that the exchange tells only the end of.

    Then we have asked for both.
    """
    return theirs.knows_only_last and {(ours.price, ours.amount), (theirs.prices[-1], theirs.amounts[-1])} <= asked


# --- The exchange's own rule ----------------------------------------------------------------------------------------


def _check_causes(trades: Iterable[ExchangeTrade]) -> Iterator[Difference]:
    """Every passive fill names the print that caused it, and no print fills more of ours than its amount."""
    filled: dict[tuple[str, int, str], Decimal] = defaultdict(Decimal)
    allowed: dict[tuple[str, int, str], Decimal] = {}
    for trade in trades:
        if trade.liquidity != "M":
            continue
        if trade.cause is None or not trade.cause.trade_id:
            yield differs("cause_missing", fill_name(trade), None, _gist(trade))
            continue
        key = trade.instrument, trade.life, trade.cause.trade_id
        filled[key] += trade.amount
        allowed[key] = min(trade.cause.amount, allowed.get(key, trade.cause.amount))
    for (instrument, life, trade_id), amount in filled.items():
        if amount > allowed[instrument, life, trade_id]:
            row = f"fills: {instrument}, all caused by {trade_id}"
            yield differs("cause_exceeded", row, amount, allowed[instrument, life, trade_id])
