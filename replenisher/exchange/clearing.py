"""Clearing: what a market says happened becomes money, records in the ledger, and is told.

It owns the register, the ledger and the counters of trades, orders and book changes, and it alone writes to them. Every
record is applied as it is written, so that the register is always what the ledger adds up to.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from replenisher.exchange import ledger
from replenisher.exchange.accounts import ZERO, fee
from replenisher.exchange.board import Board
from replenisher.exchange.ledger import Append, Ledger
from replenisher.exchange.market import Cause, Happening, Traded
from replenisher.exchange.protection import MmpGroup
from replenisher.exchange.register import OrderEntry, Register
from replenisher.exchange.telling import Told
from replenisher.exchange.timetable import Occasion
from replenisher.exchange.words import (
    AccountUpdate,
    CashMove,
    InstrumentChanged,
    InstrumentState,
    MmpTriggered,
    OrderRequest,
    OrderState,
    OrderType,
    TradeView,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import MAKER, TAKER, Liquidity

IDS_A_LIFE = 10**9  # public prints are not in the ledger, so each life numbers trades in a block of its own


class Clearing:
    """Books what happened. `at` is the exchange's own time; whoever runs it moves it on."""

    def __init__(self, register: Register, append: Append, at: int, told: Told) -> None:
        self.register = register
        self.at = at
        self._ledger = Ledger(append)
        self._told = told
        # Milliseconds as the first number of a life: larger than any number of an earlier one.
        self._change_id = at // 1_000_000
        self._trade_id = register.life * IDS_A_LIFE
        self._order_number = max((int(order_id) for order_id in register.orders), default=0)

    def flush(self) -> None:
        """Make what was written safe, before anybody is answered."""
        self._ledger.flush()

    def report(self, report: InstrumentChanged | MmpTriggered | CashMove) -> None:
        """Tell something that is not a trade, a book or an order."""
        self._told.report(report)

    def write(self, record: ledger.Record) -> None:
        """Let a record have happened, and put it in the ledger."""
        self.register.apply(record)
        self._ledger.write(record)

    def first_change(self) -> int:
        """The number under which a book is shown for the first time."""
        self._change_id += 1
        return self._change_id

    @property
    def last_trade_id(self) -> int:
        """The number of the last trade; those of this life follow."""
        return self._trade_id

    def take(self, board: Board, request: OrderRequest, amount: Decimal, ticks: int | None) -> OrderEntry:
        """Give a judged order its id."""
        self._order_number += 1
        order_id = str(self._order_number)
        self.write(
            ledger.Order(
                account=request.account,
                order_id=order_id,
                label=request.label,
                instrument=request.instrument,
                side=request.side,
                price=None if ticks is None else board.instrument.price(ticks),
                amount=amount,
                order_type="limit" if request.order_type is OrderType.LIMIT else "market",
                time_in_force=request.time_in_force.value,
                post_only=request.post_only,
                reject_post_only=request.reject_post_only,
                reduce_only=request.reduce_only,
                mmp=request.mmp,
                mmp_group=request.mmp_group,
                at=self.at,
            )
        )
        entry = self.register.orders[order_id]
        entry.connection = request.connection
        return entry

    def take_off(self, board: Board, entries: Iterable[OrderEntry], reason: str) -> Happening:
        """Cancel orders of one instrument, as one event; it is not settled yet."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for entry in entries:
            happening = board.market.cancel(entry.placed.order_id, self.at)
            bids |= dict(happening.bids)
            asks |= dict(happening.asks)
            self.close(entry, reason)
        return Happening(at=self.at, bids=tuple(bids.items()), asks=tuple(asks.items()))

    def close(self, entry: OrderEntry, reason: str) -> None:
        """An order has ended: filled if nothing of it is left, else cancelled for a reason."""
        self.write(
            ledger.Closed(
                order_id=entry.placed.order_id,
                state="cancelled" if entry.open_amount else "filled",
                reason=reason if entry.open_amount else "",
                filled_amount=entry.filled,
                at=self.at,
            )
        )

    def change_state(self, board: Board, state: InstrumentState) -> None:
        """An instrument is in another state from now on."""
        board.state = state
        self.report(InstrumentChanged(instrument=board.instrument.name, state=state, at=self.at))

    def freeze_mmp(self, group: MmpGroup, until: int | None) -> None:
        """A group takes no protected orders until then; None takes them again."""
        self.write(
            ledger.MmpFrozen(account=group.account, index=group.index, group=group.name, frozen_until=until, at=self.at)
        )

    def move_cash(self, board: Board, account: str, occasion: Occasion, price: Decimal, amount: Decimal) -> None:
        """Let an account be paid for its position, or pay; what funding brings is not cash yet."""
        name = board.instrument.name
        client, currency = self.register.client(account), self.register.contract(name).settlement_currency
        position = client.account.position(name)
        move = CashMove(
            account=account,
            instrument=name,
            kind=occasion.value,
            currency=currency,
            amount=amount,
            realized=position.realized,
            funding=position.funded,
            price=price,
            size=position.size,
            at=self.at,
        )
        if occasion is Occasion.FUNDING:
            self.write(
                ledger.Funded(
                    account=account,
                    instrument=name,
                    currency=currency,
                    amount=amount,
                    price=price,
                    size=position.size,
                    at=self.at,
                )
            )
        else:
            self.write(
                ledger.Cash(
                    cash_id=str(len(client.cash) + 1),  # its number in the account's cash book
                    kind="delivery" if occasion is Occasion.DELIVERY else "settlement",
                    account=account,
                    instrument=name,
                    currency=currency,
                    amount=amount,
                    realized=position.realized,
                    funding=position.funded,
                    price=price,
                    size=position.size,
                    balance=client.account.balance(currency) + amount,
                    position=ZERO if occasion is Occasion.DELIVERY else position.size,
                    at=self.at,
                )
            )
        self.report(move)

    def settle(
        self,
        board: Board,
        happening: Happening,
        touched: Sequence[OrderEntry] = (),
        *,
        rests: bool = True,
    ) -> list[TradeView]:
        """Book what a market says happened, and report it: prints, book, then each account once.

        `touched` are orders whose owner is told even if they did not trade; unless it `rests`, what is left of the
        one order is closed.
        """
        trades: list[TradeView] = []
        entries = {entry.placed.order_id: entry for entry in touched} if touched else {}
        for traded in happening.trades:
            self._trade_id += 1
            trade_id = str(self._trade_id)
            board.note(traded)
            self._told.printed(board, traded, trade_id, self.at)
            if order_id := traded.maker_order:
                entry = entries[order_id] = self.register.orders[order_id]
                trades.append(self._fill(board, entry, traded, trade_id, MAKER))
            if order_id := traded.taker_order:
                entry = entries[order_id] = self.register.orders[order_id]
                trades.append(self._fill(board, entry, traded, trade_id, TAKER))
        if not rests:
            for entry in touched:
                if entry.state is OrderState.OPEN:
                    self.close(entry, "user_request")
        self._move(board, happening)
        if entries:
            self._tell_accounts(board, entries.values(), trades)
        if happening.closed and not board.state.is_final:
            self.change_state(board, InstrumentState.CLOSED)
        return trades

    def _move(self, board: Board, happening: Happening) -> None:
        """The public book is another one, or nobody knows it any more."""
        if happening.bids or happening.asks or happening.found:
            if self._told.moved(board, happening, self._change_id + 1, self.at):
                self._change_id += 1
            board.marking.observe(self.at)
        elif happening.lost:
            self._change_id += 2  # the first of them is a change that nobody was told
            self._told.lost(board, self._change_id, self.at)

    def _fill(self, board: Board, entry: OrderEntry, traded: Traded, trade_id: str, liquidity: Liquidity) -> TradeView:
        """Move the money of one side of a print, and write it down."""
        instrument, placed = board.instrument, entry.placed
        contract = self.register.contract(instrument.name)
        price, amount = instrument.price(traded.price), instrument.amount(traded.quantity)
        is_maker = liquidity is MAKER
        rate = board.listing.maker_rate if is_maker else board.listing.taker_rate
        cost = fee(contract, placed.side, amount, price, rate)
        realized = self.register.book_fill(entry, price=price, amount=amount, fee=cost)
        account = self.register.client(placed.account).account
        paid_in = contract.fee_currency(placed.side)
        other_currency = contract.other_currency(placed.side)
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
            fee_currency=paid_in,
            liquidity="M" if is_maker else "T",
            realized=realized,
            balance=account.balance(paid_in),
            position=account.position(instrument.name).size,
            other_currency=other_currency,
            other_balance=account.balance(other_currency) if other_currency else Decimal(0),
            mark=board.marking.mark(self.at),
            index=board.marking.index,
            tick_direction=board.tick_direction,
            at=self.at,
            cause=_cause(instrument, traded.cause) if is_maker else None,
        )
        self._ledger.write(record)
        view = self.register.keep_trade(record, entry)
        if not entry.open_amount:
            self.close(entry, "")
        return view

    def _tell_accounts(self, board: Board, entries: Iterable[OrderEntry], trades: Sequence[TradeView]) -> None:
        """One update for each account that the event touched, with everything it did to it."""
        orders: dict[str, list[OrderEntry]] = {}
        for entry in entries:
            orders.setdefault(entry.placed.account, []).append(entry)
        name = board.instrument.name
        for account, touched in orders.items():
            ids = {entry.placed.order_id for entry in touched}
            own = tuple([trade for trade in trades if trade.order_id in ids])
            self._told.report(
                AccountUpdate(
                    account=account,
                    instrument=name,
                    orders=tuple([entry.view() for entry in touched]),
                    trades=own,
                    position=self.register.position(account, name) if own else None,
                    at=self.at,
                )
            )


def _cause(instrument: Instrument, cause: Cause | None) -> ledger.CauseOfFill:
    """A market's cause in the ledger's units."""
    assert cause is not None, "every passive fill names what caused it"
    return ledger.CauseOfFill(
        trade_id=cause.trade_id,
        price=instrument.price(cause.price),
        amount=instrument.amount(cause.quantity),
    )
