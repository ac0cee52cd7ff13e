"""The exchange: instruments, orders, trades and accounts behind one door, told requests and time.

A dialect turns wire requests into calls and the reports back into wire frames; the server carries them. A market behind
its port decides what the book shows and what fills an order; here requests are judged, money moves, and every record
goes to the ledger before the answer leaves. No clock, no socket, no random source of its own: `at` is nanoseconds since
the epoch, UTC, and comes in with every call. `words` has the values that go in and come out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from replenisher.exchange import ledger
from replenisher.exchange.accounts import ZERO, fee
from replenisher.exchange.board import Board
from replenisher.exchange.candles import Candles
from replenisher.exchange.judging import margin, objection_to_numbers, post_only_price
from replenisher.exchange.ledger import NO_PAST, Append, Ledger, Past
from replenisher.exchange.market import Cause, ClientOrder, Depth, Happening, Market, Traded
from replenisher.exchange.register import OrderEntry, Register
from replenisher.exchange.words import (
    AccountUpdate,
    AccountView,
    Action,
    BookLevel,
    BookUpdate,
    BookView,
    InstrumentClosed,
    InstrumentView,
    OrderRequest,
    OrderState,
    OrderType,
    OrderView,
    Outcome,
    PositionView,
    Print,
    Refusal,
    Report,
    TimeInForce,
    TradeView,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side

__all__ = [
    "AccountUpdate",
    "AccountView",
    "Action",
    "BookLevel",
    "BookUpdate",
    "BookView",
    "Exchange",
    "InstrumentClosed",
    "InstrumentView",
    "Listing",
    "OrderRequest",
    "OrderState",
    "OrderType",
    "OrderView",
    "Outcome",
    "PositionView",
    "Print",
    "Refusal",
    "Report",
    "TimeInForce",
    "TradeView",
]

# A market that is behind, after a suspend or on a busy machine, catches up in pieces so small (a few milliseconds) that
# whoever has asked something meanwhile is answered in between.
MOMENTS_A_CALL = 10
IDS_A_LIFE = 10**9  # public prints are not in the ledger, so each life numbers trades in a block of its own


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A market with what the exchange charges on it; rates are fractions, negative is a rebate."""

    market: Market
    maker_rate: Decimal
    taker_rate: Decimal
    expires_at: int | None = None  # nanoseconds; None for what never ends


class Exchange:
    """Judges requests, moves money, writes the ledger, and tells what happened."""

    def __init__(
        self,
        *,
        exchange_id: str,
        seed: int,
        listings: Sequence[Listing],
        balances: Mapping[str, Mapping[str, Decimal]],
        append: Append,
        at: int,
        past: Past = NO_PAST,
        max_leverage: int = 50,
    ) -> None:
        """Open for a first life, or after `past` for the next: then its id and all it tells are taken over.

        `balances` (account, currency, amount) are paid in where an account has never had a deposit in that currency.
        """
        assert listings, "an exchange lists something"
        self._register = Register()
        self._register.fold(past.records)
        self._at = max(at, self._register.last_at)
        self._ledger = Ledger(append)
        self._reports: list[Report] = []
        self._max_leverage = max_leverage
        self._write(
            ledger.Opened(
                exchange_id=self._register.exchange_id or exchange_id,
                at=self._at,
                seed=seed,
                market=listings[0].market.source,
                life=self._register.life + 1,
            )
        )
        # Milliseconds as the first number of a life: larger than any number of an earlier one.
        self._change_id = self._at // 1_000_000
        self._trade_id = (self._register.life - 1) * IDS_A_LIFE
        self._order_number = max((int(order_id) for order_id in self._register.orders), default=0)
        self._listings = {listing.market.instrument.name: listing for listing in listings}
        self._boards = {name: self._list(listing) for name, listing in self._listings.items()}
        self._close_orders_of_earlier_lives()
        self._open_accounts(balances)
        self._ledger.flush()

    @property
    def exchange_id(self) -> str:
        """Made once, kept over all lives of one ledger."""
        return self._register.exchange_id

    @property
    def next_at(self) -> int | None:
        """When a market next does something by itself; call `advance` then."""
        return min((at for board in self._boards.values() if (at := board.market.next_at) is not None), default=None)

    def advance(self, at: int) -> None:
        """Let the markets go on towards `at`, moment by moment over all of them, but not for long.

        What is left stays due (`next_at` is in the past) and is done by the next calls; it happens when it is done.
        """
        for _ in range(MOMENTS_A_CALL):
            next_at = self.next_at
            if next_at is None or next_at > at:
                break
            self._at = max(self._at, next_at)
            for board in self._boards.values():
                if board.market.next_at == next_at:
                    for happening in board.market.advance(next_at):
                        self._settle(board, happening)
        self._at = max(self._at, at)
        self._ledger.flush()

    def place(self, request: OrderRequest, at: int) -> Outcome:
        """A new order: refused, or matched and then resting or gone."""
        self.advance(at)
        self._note_request(request.account, request.method, request.label)
        board = self._boards.get(request.instrument)
        if board is None:
            return self._refuse(request.account, request.label, Refusal.UNKNOWN_INSTRUMENT)
        refusal = self._objection(board, request.amount, request.price, request.valid_until)
        if refusal is None and (request.price is None) != (request.order_type is OrderType.MARKET):
            refusal = Refusal.INVALID_PRICE
        ticks = None if refusal or request.price is None else int(request.price / board.instrument.tick)
        if refusal is None and request.post_only:
            opposite = board.market.best(request.side.opposite)
            passive = post_only_price(request.side, ticks, opposite, reject=request.reject_post_only)
            ticks, refusal = (None, passive) if isinstance(passive, Refusal) else (passive, None)
        if refusal is None and not self._affords(board, request.account, request.side, request.amount):
            refusal = Refusal.FUNDS
        if refusal is not None:
            return self._refuse(request.account, request.label, refusal)
        return self._enter(board, request, ticks)

    def amend(
        self,
        account: str,
        order_id: str,
        *,
        amount: Decimal,
        price: Decimal | None,
        post_only: bool,
        reject_post_only: bool,
        valid_until: int | None,
        method: str,
        at: int,
    ) -> Outcome:
        """Another price (None keeps it) or total amount, filled part included, for a resting order."""
        self.advance(at)
        label = self._label_of(order_id)
        self._note_request(account, method, label)
        if isinstance(entry := self._open_order_of(account, order_id), Refusal):
            return self._refuse(account, label, entry)
        board, side = self._boards[entry.placed.instrument], entry.placed.side
        price = entry.price if price is None else price
        assert price is not None, "what rests has a price"
        refusal = self._objection(board, amount, price, valid_until)
        if refusal is None and amount <= entry.filled:
            refusal = Refusal.INVALID_AMOUNT
        ticks = 0 if refusal else int(price / board.instrument.tick)
        if refusal is None and post_only:
            opposite = board.market.best(side.opposite, without=order_id)
            passive = post_only_price(side, ticks, opposite, reject=reject_post_only)
            ticks, refusal = (0, passive) if isinstance(passive, Refusal) else (passive, None)
        if refusal is None and not self._affords(board, account, side, amount - entry.amount):
            refusal = Refusal.FUNDS
        if refusal is not None:
            return self._refuse(account, label, refusal)
        self._write(ledger.Amended(order_id=order_id, price=board.instrument.price(ticks), amount=amount, at=self._at))
        quantity = board.instrument.lots(entry.open_amount)
        happening = board.market.amend(order_id, price=ticks, quantity=quantity, at=self._at)
        return self._answer(board, happening, entry)

    def cancel(self, account: str, order_id: str, *, reason: str = "user_request", method: str, at: int) -> Outcome:
        """Take one order off the book."""
        self.advance(at)
        label = self._label_of(order_id)
        self._note_request(account, method, label)
        if isinstance(entry := self._open_order_of(account, order_id), Refusal):
            return self._refuse(account, label, entry)
        board = self._boards[entry.placed.instrument]
        happening = self._take_off(board, [entry], reason)
        return self._answer(board, happening, entry)

    def cancel_all(
        self,
        account: str,
        *,
        instrument: str | None = None,
        label: str | None = None,
        connection: str | None = None,
        reason: str = "user_request",
        method: str,
        at: int,
    ) -> int:
        """Take off every open order of an account that fits what is named; returns how many."""
        self.advance(at)
        self._note_request(account, method, label or "")
        fitting = [
            entry
            for entry in self._register.client(account).open_orders.values()
            if instrument in (None, entry.placed.instrument)
            and label in (None, entry.placed.label)
            and connection in (None, entry.connection)
        ]
        for name, board in self._boards.items():
            if here := [entry for entry in fitting if entry.placed.instrument == name]:
                self._settle(board, self._take_off(board, here, reason), touched=here)
        self._ledger.flush()
        return len(fitting)

    def order(self, account: str, order_id: str) -> OrderView | None:
        """One order of an account, whatever its state."""
        entry = self._register.orders.get(order_id)
        return entry.view() if entry and entry.placed.account == account else None

    def orders_by_label(self, account: str, label: str) -> list[OrderView]:
        """Every order of an account with that label, in all states, newest first."""
        return [entry.view() for entry in reversed(self._register.client(account).by_label.get(label, []))]

    def open_orders(self, account: str, instrument: str | None = None) -> list[OrderView]:
        """What rests of an account, oldest first."""
        entries = self._register.client(account).open_orders.values()
        return [entry.view() for entry in entries if instrument in (None, entry.placed.instrument)]

    def ended_orders(self, account: str, instrument: str) -> Iterator[OrderView]:
        """What rests no longer of an account, the last one to end first; looked up only as far as it is read."""
        entries = reversed(self._register.client(account).ended_orders)
        return (entry.view() for entry in entries if entry.placed.instrument == instrument)

    def trades(
        self,
        account: str,
        *,
        instrument: str | None,
        since: int | None,
        until: int | None,
        start_seq: int | None,
        count: int,
        newest_first: bool,
    ) -> tuple[list[TradeView], bool]:
        """One page of an account's fills, and whether there are more; both bounds of time are inclusive."""
        return self._register.trades(
            account,
            instrument=instrument,
            since=since,
            until=until,
            start_seq=start_seq,
            count=count,
            newest_first=newest_first,
        )

    def position(self, account: str, instrument: str) -> PositionView:
        """A position; that of nothing where the account never traded."""
        return self._register.position(account, instrument)

    def account(self, account: str, currency: str) -> AccountView:
        """An account's cash in one currency, and what of it no margin holds."""
        reserved = sum(
            (
                self._margin(board, account)
                for board in self._boards.values()
                if board.instrument.settlement_currency == currency
            ),
            ZERO,
        )
        return self._register.cash(account, currency, reserved)

    def instruments(self) -> list[InstrumentView]:
        """Everything that is listed."""
        return [
            InstrumentView(
                instrument=board.instrument,
                maker_rate=self._listings[name].maker_rate,
                taker_rate=self._listings[name].taker_rate,
                is_open=board.is_open,
                expires_at=self._listings[name].expires_at,
            )
            for name, board in self._boards.items()
        ]

    def book(self, instrument: str) -> BookView:
        """The whole public book, as the book changes told so far add up to it."""
        return self._boards[instrument].view()

    def mark_price(self, instrument: str) -> Decimal:
        """What a position in an instrument is valued at now; zero while its market has never shown a price."""
        return self._boards[instrument].marking.mark(self._at)

    def index_price(self, instrument: str) -> Decimal:
        """What an instrument is worth elsewhere; zero while its market has never shown a price."""
        return self._boards[instrument].marking.index

    def funding_8h(self, instrument: str) -> float:
        """The present funding rate of eight hours, a fraction of the position; longs pay what is positive."""
        return self._boards[instrument].marking.funding_8h(self._at)

    def candles(self, instrument: str) -> Candles:
        """What was traded of an instrument in this life, minute by minute."""
        return self._boards[instrument].candles

    def open_interest(self, instrument: str) -> Decimal:
        """What is held of an instrument: by the accounts of this exchange, or by others against them."""
        return self._register.open_interest(instrument)

    def prints(self, instrument: str, count: int) -> list[Print]:
        """The last public trades of this life, newest first."""
        return self._boards[instrument].prints(count)

    def reports(self) -> list[Report]:
        """What happened since the last call, in order; the list is the caller's."""
        reports, self._reports = self._reports, []
        return reports

    # --- Opening ------------------------------------------------------------------------------------------------

    def _list(self, listing: Listing) -> Board:
        """Show a market's book for the first time in this life."""
        market = listing.market
        instrument = market.instrument
        self._write(
            ledger.Listed(
                name=instrument.name,
                tick=instrument.tick,
                lot=instrument.lot,
                inverse=instrument.inverse,
                contract_value=instrument.contract_value,
                settlement_currency=instrument.settlement_currency,
                maker_rate=listing.maker_rate,
                taker_rate=listing.taker_rate,
                at=self._at,
            )
        )
        self._change_id += 1
        return Board(market, change_id=self._change_id, trade_seq=self._trade_id, at=self._at)

    def _close_orders_of_earlier_lives(self) -> None:
        """No connection outlives the process, so no order does."""
        for entry in self._register.open_orders():
            self._close(entry, "cancel_on_disconnect" if entry.open_amount else "")

    def _open_accounts(self, balances: Mapping[str, Mapping[str, Decimal]]) -> None:
        for account, amounts in balances.items():
            for currency, amount in amounts.items():
                if currency not in self._register.client(account).deposited:
                    self._write(ledger.Deposit(account=account, currency=currency, amount=amount, at=self._at))

    # --- Judging ------------------------------------------------------------------------------------------------

    def _objection(
        self, board: Board, amount: Decimal, price: Decimal | None, valid_until: int | None
    ) -> Refusal | None:
        """What is wrong with an order before anybody's money or book is looked at."""
        if valid_until is not None and self._at > valid_until:
            return Refusal.TOO_LATE
        if not board.is_open:
            return Refusal.BOOK_CLOSED
        return objection_to_numbers(board.instrument, amount, price)

    def _affords(self, board: Board, account: str, side: Side, more: Decimal) -> bool:
        """Whether the account may have `more` on that side: always if it makes its worst position no larger."""
        before, after = self._margin(board, account), self._margin(board, account, side, more)
        currency = board.instrument.settlement_currency
        return after <= before or self.account(account, currency).available >= after - before

    def _margin(self, board: Board, account: str, side: Side = Side.BUY, more: Decimal = ZERO) -> Decimal:
        return margin(
            self._register.client(account),
            self._register.contract(board.instrument.name),
            board.marking.mark(self._at),
            max_leverage=self._max_leverage,
            side=side,
            more=more,
        )

    def _open_order_of(self, account: str, order_id: str) -> OrderEntry | Refusal:
        """The order, or why it cannot be changed by this account."""
        entry = self._register.orders.get(order_id)
        if entry is None:
            return Refusal.ORDER_NOT_FOUND
        if entry.placed.account != account:
            return Refusal.NOT_OWNER
        return entry if entry.state is OrderState.OPEN else Refusal.NOT_OPEN

    def _label_of(self, order_id: str) -> str:
        entry = self._register.orders.get(order_id)
        return entry.placed.label if entry else ""

    def _refuse(self, account: str, label: str, refusal: Refusal) -> Outcome:
        self._write(ledger.Rejected(account=account, label=label, code=refusal.value, at=self._at))
        self._ledger.flush()
        return Outcome(order=None, refusal=refusal)

    # --- Doing --------------------------------------------------------------------------------------------------

    def _enter(self, board: Board, request: OrderRequest, ticks: int | None) -> Outcome:
        """Give a judged order its id, and hand it to the market."""
        self._order_number += 1
        order_id = str(self._order_number)
        self._write(
            ledger.Order(
                account=request.account,
                order_id=order_id,
                label=request.label,
                instrument=request.instrument,
                side=request.side,
                price=None if ticks is None else board.instrument.price(ticks),
                amount=request.amount,
                order_type="limit" if request.order_type is OrderType.LIMIT else "market",
                time_in_force=request.time_in_force.value,
                post_only=request.post_only,
                reject_post_only=request.reject_post_only,
                at=self._at,
            )
        )
        entry = self._register.orders[order_id]
        entry.connection = request.connection
        rests = ticks is not None and request.time_in_force is TimeInForce.GTC
        order = ClientOrder(
            order_id=order_id,
            side=request.side,
            price=ticks,
            quantity=board.instrument.lots(request.amount),
            rests=rests,
        )
        return self._answer(board, board.market.place(order, self._at), entry, rests=rests)

    def _take_off(self, board: Board, entries: Iterable[OrderEntry], reason: str) -> Happening:
        """Cancel orders of one instrument, as one event."""
        levels: dict[tuple[Side, int], Depth] = {}
        for entry in entries:
            happening = board.market.cancel(entry.placed.order_id, self._at)
            levels |= {(level.side, level.price): level for level in happening.levels}
            self._close(entry, reason)
        return Happening(at=self._at, levels=tuple(levels.values()))

    def _answer(self, board: Board, happening: Happening, entry: OrderEntry, *, rests: bool = True) -> Outcome:
        trades = self._settle(board, happening, touched=[entry], rests=rests)
        self._ledger.flush()
        own = tuple(trade for trade in trades if trade.order_id == entry.placed.order_id)
        return Outcome(order=entry.view(), trades=own)

    def _settle(
        self, board: Board, happening: Happening, touched: Sequence[OrderEntry] = (), *, rests: bool = True
    ) -> list[TradeView]:
        """Book what a market says happened, and report it: prints, book, then each account once.

        `touched` are orders whose owner is told even if they did not trade; unless it `rests`, what is left of the
        one order is closed.
        """
        entries = {entry.placed.order_id: entry for entry in touched}
        trades: list[TradeView] = []
        for traded in happening.trades:
            self._trade_id += 1
            trade_id = str(self._trade_id)
            self._reports.append(board.print(traded, trade_id, self._at))
            for order_id, liquidity in ((traded.maker_order, Liquidity.MAKER), (traded.taker_order, Liquidity.TAKER)):
                if order_id:
                    entry = entries[order_id] = self._register.orders[order_id]
                    trades.append(self._fill(board, entry, traded, trade_id, liquidity))
        if not rests:
            for entry in touched:
                if entry.state is OrderState.OPEN:
                    self._close(entry, "user_request")
        if update := board.change(happening.levels, self._change_id + 1, self._at):
            self._change_id = update.change_id
            self._reports.append(update)
        board.marking.observe(self._at)
        self._tell_accounts(board, entries.values(), trades)
        if happening.closed and board.is_open:
            board.is_open = False
            self._reports.append(InstrumentClosed(instrument=board.instrument.name, at=self._at))
        return trades

    def _fill(self, board: Board, entry: OrderEntry, traded: Traded, trade_id: str, liquidity: Liquidity) -> TradeView:
        """Move the money of one side of a print, and write it down."""
        instrument, placed = board.instrument, entry.placed
        price, amount = instrument.price(traded.price), instrument.amount(traded.quantity)
        is_maker = liquidity is Liquidity.MAKER
        listing = self._listings[instrument.name]
        rate = listing.maker_rate if is_maker else listing.taker_rate
        cost = fee(self._register.contract(instrument.name), amount, price, rate)
        realized = self._register.book_fill(entry, price=price, amount=amount, fee=cost)
        account = self._register.client(placed.account).account
        record = ledger.Trade(
            trade_id=trade_id,
            trade_seq=board.trade_seq,
            instrument=instrument.name,
            account=placed.account,
            order_id=placed.order_id,
            label=placed.label,
            side=placed.side,
            price=price,
            amount=amount,
            fee=cost,
            fee_currency=instrument.settlement_currency,
            liquidity="M" if is_maker else "T",
            realized=realized,
            balance=account.balance(instrument.settlement_currency),
            position=account.position(instrument.name).size,
            mark=board.marking.mark(self._at),
            index=board.marking.index,
            at=self._at,
            cause=_cause(instrument, traded.cause) if is_maker else None,
        )
        self._ledger.write(record)
        view = self._register.keep_trade(record, entry)
        if not entry.open_amount:
            self._close(entry, "")
        return view

    def _close(self, entry: OrderEntry, reason: str) -> None:
        self._write(
            ledger.Closed(
                order_id=entry.placed.order_id,
                state="cancelled" if entry.open_amount else "filled",
                reason=reason,
                filled_amount=entry.filled,
                at=self._at,
            )
        )

    def _tell_accounts(self, board: Board, entries: Iterable[OrderEntry], trades: Sequence[TradeView]) -> None:
        """One update for each account that the event touched, with everything it did to it."""
        orders: dict[str, list[OrderEntry]] = {}
        for entry in entries:
            orders.setdefault(entry.placed.account, []).append(entry)
        name = board.instrument.name
        for account, touched in orders.items():
            ids = {entry.placed.order_id for entry in touched}
            own = tuple(trade for trade in trades if trade.order_id in ids)
            self._reports.append(
                AccountUpdate(
                    account=account,
                    instrument=name,
                    orders=tuple(entry.view() for entry in touched),
                    trades=own,
                    position=self._register.position(account, name) if own else None,
                )
            )

    def _note_request(self, account: str, method: str, label: str) -> None:
        self._write(ledger.Request(account=account, method=method, label=label, at=self._at))

    def _write(self, record: ledger.Record) -> None:
        """Let a record have happened, and put it in the ledger."""
        self._register.apply(record)
        self._ledger.write(record)


def _cause(instrument: Instrument, cause: Cause | None) -> ledger.CauseOfFill:
    """A market's cause in the ledger's units."""
    assert cause is not None, "every passive fill names what caused it"
    return ledger.CauseOfFill(
        trade_id=cause.trade_id,
        price=instrument.price(cause.price),
        amount=instrument.amount(cause.quantity),
    )
