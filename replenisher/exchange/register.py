"""What the ledger adds up to: accounts, orders and trades, as a fold over its records.

While the exchange lives, each record is applied here and appended to the ledger; at start the records of earlier lives
are applied in the same way. So what is true after a restart is what was true before it. A fill is booked anew in the
fold, and must come out at the balance and position that were written down.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from replenisher.errors import ConfigurationError
from replenisher.exchange import ledger
from replenisher.exchange.accounts import ZERO, Account, Contract, rounded
from replenisher.exchange.protection import MmpGroup, MmpLimits, Protection
from replenisher.exchange.selftrade import SelfTradeMode, SelfTradePolicy, SelfTrading
from replenisher.exchange.words import (
    CashChange,
    CashMove,
    OrderState,
    OrderType,
    OrderView,
    PositionView,
    TimeInForce,
    TradeView,
)
from replenisher.model.order import Liquidity, Side


@dataclass(slots=True)
class OrderEntry:
    """One order of an account, from its first day to its last."""

    placed: ledger.Order
    price: Decimal | None
    amount: Decimal  # filled part included
    updated_at: int
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    connection: str = ""  # of this life; no order rests through a restart
    filled: Decimal = ZERO
    paid: Decimal = ZERO  # sum of price * amount over its fills
    state: OrderState = OrderState.OPEN
    reason: str = ""
    replaced: bool = False
    rank: int = 0  # of its place in the queue: who came later has the larger one

    @property
    def open_amount(self) -> Decimal:
        """What can still be filled."""
        return self.amount - self.filled if self.state is OrderState.OPEN else ZERO

    def view(self) -> OrderView:
        """The order as its owner is shown it."""
        placed = self.placed
        return OrderView(
            order_id=placed.order_id,
            label=placed.label,
            account=placed.account,
            instrument=placed.instrument,
            side=placed.side,
            order_type=self.order_type,
            time_in_force=self.time_in_force,
            price=self.price,
            amount=self.amount,
            filled_amount=self.filled,
            average_price=rounded(self.paid / self.filled) if self.filled else ZERO,
            post_only=self.post_only,
            reject_post_only=placed.reject_post_only,
            reduce_only=placed.reduce_only,
            mmp=placed.mmp,
            mmp_group=placed.mmp_group,
            state=self.state,
            created_at=placed.at,
            updated_at=self.updated_at,
            replaced=self.replaced,
            cancel_reason=self.reason,
        )


@dataclass(slots=True)
class Client:
    """Everything of one account."""

    account: Account
    open_orders: dict[str, OrderEntry] = field(default_factory=dict)
    open_on: defaultdict[str, dict[str, OrderEntry]] = field(default_factory=lambda: defaultdict(dict))  # by instrument
    reducing: set[str] = field(default_factory=set)  # those of the open orders that may only reduce a position
    ended_orders: list[OrderEntry] = field(default_factory=list)  # the last one to end is the last
    by_label: defaultdict[str, list[OrderEntry]] = field(default_factory=lambda: defaultdict(list))
    trades: list[TradeView] = field(default_factory=list)  # oldest first
    trade_times: list[int] = field(default_factory=list)
    working: defaultdict[tuple[str, Side], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    deposited: set[str] = field(default_factory=set)  # currencies
    cash: list[CashChange] = field(default_factory=list)  # oldest first
    told: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))  # balances after the last one

    def note_cash(
        self,
        kind: str,
        currency: str,
        at: int,
        realized: Decimal,
        trade: TradeView | None = None,
        position: Decimal = ZERO,
        move: CashMove | None = None,
    ) -> None:
        """Remember that the cash in a currency has moved to where it is now, and what waits besides it."""
        balance = self.account.balance(currency)
        change = CashChange(
            number=len(self.cash) + 1,
            at=at,
            currency=currency,
            kind=kind,
            change=balance - self.told[currency],
            balance=balance,
            realized=realized,
            trade=trade,
            move=move,
            position=position,
        )
        self.told[currency] = balance
        self.cash.append(change)


class Register:
    """All clients, and the counters that must never run twice."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        self.exchange_id = ""
        self.life = 0
        self.last_at = 0
        self.orders: dict[str, OrderEntry] = {}
        self._clients: dict[str, Client] = {}
        self._contracts: dict[str, Contract] = {}
        self.protection = Protection()
        self.self_trades = SelfTradePolicy(owners)
        self._rank = 0

    def fold(self, past: Iterable[ledger.Record]) -> None:
        """Become what earlier lives had come to."""
        for number, record in enumerate(past, start=1):
            try:
                self.apply(record)
            except (KeyError, ArithmeticError) as error:
                what = str(error) if isinstance(error, ArithmeticError) else f"{error} was never heard of before"
                raise ConfigurationError(f"the exchange's ledger is damaged at line {number}: {what}") from error

    def apply(self, record: ledger.Record) -> None:
        """Let one record have happened; what is written most often stands first."""
        match record:
            case ledger.Request() | ledger.Rejected():
                pass
            case ledger.Amended():
                self._amend(record)
            case ledger.Order():
                self._open(record)
            case ledger.Closed():
                self._close(record)
            case ledger.Trade():
                self._fill(record)
            case ledger.Opened():
                self.exchange_id, self.life = record.exchange_id, record.life
            case ledger.Listed():
                self._contracts[record.name] = Contract(
                    record.name, record.inverse, record.contract_value, record.settlement_currency, record.spot_of
                )
            case ledger.Deposit():
                client = self.client(record.account)
                client.deposited.add(record.currency)
                client.account.deposit(record.currency, record.amount)
                client.note_cash("deposit", record.currency, record.at, self._realized(client, record.currency))
            case ledger.Funded():
                self.client(record.account).account.position(record.instrument).fund(record.amount)
            case ledger.Cash():
                self._move_cash(record)
            case ledger.SelfTradingChosen():
                choice = SelfTrading(SelfTradeMode(record.mode), record.extends_to_subaccounts)
                self.self_trades.choose(record.account, choice)
            case ledger.MmpConfigured():
                group, limits = _mmp_terms(record)
                self.protection.configure(group, limits)
            case ledger.MmpFrozen():
                group = MmpGroup(record.account, record.index, record.group)
                self.protection.freeze(group, record.frozen_until)
            case _:
                assert_never(record)
        self.last_at = max(self.last_at, record.at)

    def client(self, name: str) -> Client:
        """One account with all that is its, opened empty if it is new."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = Client(Account(name))
        return client

    def contract(self, instrument: str) -> Contract:
        """What an instrument is to an accountant."""
        return self._contracts[instrument]

    def open_orders(self) -> list[OrderEntry]:
        """Every order that is not closed."""
        return [entry for client in self._clients.values() for entry in client.open_orders.values()]

    def book_fill(self, entry: OrderEntry, *, price: Decimal, amount: Decimal, fee: Decimal) -> Decimal:
        """Move the money of one fill, and return what it realized."""
        assert amount <= entry.open_amount, "a fill is never larger than what its order has left"
        placed = entry.placed
        client = self.client(placed.account)
        entry.filled += amount
        entry.paid += price * amount
        client.working[placed.instrument, placed.side] -= amount
        return client.account.fill(self.contract(placed.instrument), placed.side, amount, price, fee)

    def keep_trade(self, trade: ledger.Trade, entry: OrderEntry) -> TradeView:
        """Remember a fill whose money has moved."""
        entry.updated_at = trade.at
        view = TradeView(
            trade_id=trade.trade_id,
            trade_seq=trade.trade_seq,
            instrument=trade.instrument,
            order_id=trade.order_id,
            label=trade.label,
            side=trade.side,
            price=trade.price,
            amount=trade.amount,
            fee=trade.fee,
            fee_currency=trade.fee_currency,
            liquidity=Liquidity.MAKER if trade.liquidity == "M" else Liquidity.TAKER,
            realized=trade.realized,
            order_state=OrderState.FILLED if entry.filled == entry.amount else OrderState.OPEN,
            order_type=entry.order_type,
            post_only=entry.post_only,
            reduce_only=entry.placed.reduce_only,
            mmp=entry.placed.mmp,
            mark=trade.mark,
            index=trade.index,
            tick_direction=trade.tick_direction,
            at=trade.at,
        )
        client = self.client(trade.account)
        for currency in filter(None, (trade.fee_currency, trade.other_currency)):
            client.note_cash("trade", currency, trade.at, self._realized(client, currency), view, trade.position)
        client.trades.append(view)
        client.trade_times.append(trade.at)
        return view

    def trades(self, account: str, since: int | None, until: int | None, *, newest_first: bool) -> Iterator[TradeView]:
        """An account's fills between two moments, both inclusive."""
        client = self.client(account)
        first = 0 if since is None else bisect_left(client.trade_times, since)
        last = len(client.trades) if until is None else bisect_right(client.trade_times, until)
        order = range(last - 1, first - 1, -1) if newest_first else range(first, last)
        return (client.trades[index] for index in order)

    def position(self, account: str, instrument: str) -> PositionView:
        """A position; that of nothing in an instrument never touched."""
        position = self.client(account).account.position(instrument)
        return PositionView(
            instrument=instrument,
            size=position.size,
            average_price=position.average_price(self.contract(instrument)),
            entry_value=position.entry_value,
            built_value=position.built_value,
            realized=position.realized,
            funded=position.funded,
        )

    def accounts(self) -> list[str]:
        """Every account there is."""
        return list(self._clients)

    def holders(self, instrument: str) -> list[str]:
        """The accounts that have a position in an instrument, or had one whose profit still waits."""
        positions = {name: client.account.position(instrument) for name, client in self._clients.items()}
        return [name for name, position in positions.items() if position.size or position.realized]

    def open_interest(self, instrument: str) -> Decimal:
        """The longs or the shorts of all accounts, whichever is more: each contract has one of both."""
        sizes = [client.account.position(instrument).size for client in self._clients.values()]
        longs = sum((size for size in sizes if size > 0), ZERO)
        return max(longs, longs - sum(sizes, ZERO))

    def _move_cash(self, record: ledger.Cash) -> None:
        """Book what a position is paid, or costs; it must come out as it was written down."""
        client, contract = self.client(record.account), self.contract(record.instrument)
        position = client.account.position(record.instrument)
        waited = position.realized, position.funded
        match record.kind:
            case "settlement":
                amount = position.settle(contract, record.price)
            case "delivery":
                amount = position.deliver(contract, record.price)
        client.account.deposit(record.currency, amount)
        told = (record.amount, record.realized, record.funding, record.balance, record.position)
        if (amount, *waited, client.account.balance(record.currency), position.size) != told:
            raise ArithmeticError(f"{record.kind} {record.cash_id} is not what the records before it make")
        move = CashMove(
            account=record.account,
            instrument=record.instrument,
            kind=record.kind,
            currency=record.currency,
            amount=amount,
            realized=record.realized,
            funding=record.funding,
            price=record.price,
            size=record.size,
            at=record.at,
        )
        waits = self._realized(client, record.currency)
        client.note_cash(record.kind, record.currency, record.at, waits, position=position.size, move=move)

    def _realized(self, client: Client, currency: str) -> Decimal:
        """What waits for the next settlements in a currency."""
        positions = client.account.positions.items()
        waiting = (held.realized for name, held in positions if self.contract(name).settlement_currency == currency)
        return sum(waiting, ZERO)

    def _open(self, record: ledger.Order) -> None:
        self._rank += 1
        entry = OrderEntry(
            placed=record,
            price=record.price,
            amount=record.amount,
            updated_at=record.at,
            order_type=OrderType(record.order_type),
            time_in_force=TimeInForce(record.time_in_force),
            post_only=record.post_only,
            rank=self._rank,
        )
        client = self.client(record.account)
        self.orders[record.order_id] = entry
        client.open_orders[record.order_id] = client.open_on[record.instrument][record.order_id] = entry
        client.working[record.instrument, record.side] += record.amount
        if record.reduce_only:
            client.reducing.add(record.order_id)
        if record.label:
            client.by_label[record.label].append(entry)

    def _amend(self, record: ledger.Amended) -> None:
        entry = self.orders[record.order_id]
        placed = entry.placed
        self.client(placed.account).working[placed.instrument, placed.side] += record.amount - entry.amount
        if record.price != entry.price or record.amount > entry.amount:
            self._rank += 1
            entry.rank = self._rank  # it goes to the back of the queue
        entry.price, entry.amount = record.price, record.amount
        if record.post_only is not None:
            entry.post_only = record.post_only
        entry.updated_at, entry.replaced = record.at, True

    def _close(self, record: ledger.Closed) -> None:
        entry = self.orders[record.order_id]
        placed = entry.placed
        client = self.client(placed.account)
        client.working[placed.instrument, placed.side] -= entry.open_amount
        client.ended_orders.append(client.open_orders.pop(record.order_id))
        del client.open_on[placed.instrument][record.order_id]
        client.reducing.discard(record.order_id)
        entry.state, entry.reason, entry.updated_at = OrderState(record.state), record.reason, record.at

    def _fill(self, record: ledger.Trade) -> None:
        entry = self.orders[record.order_id]
        if record.amount > entry.open_amount:
            raise ArithmeticError(f"trade {record.trade_id} fills more than its order had left")
        realized = self.book_fill(entry, price=record.price, amount=record.amount, fee=record.fee)
        account = self.client(record.account).account
        other = account.balance(record.other_currency) if record.other_currency else record.other_balance
        balance = account.balance(record.fee_currency)
        position = account.position(record.instrument).size
        for name, now, then in (
            ("profit", realized, record.realized),
            ("balance", balance, record.balance),
            (f"balance of {record.other_currency}", other, record.other_balance),
            ("position", position, record.position),
        ):
            if now != then:
                raise ArithmeticError(f"trade {record.trade_id} says {name} {then}, the records before it make {now}")
        self.keep_trade(record, entry)


def _mmp_terms(record: ledger.MmpConfigured) -> tuple[MmpGroup, MmpLimits]:
    return MmpGroup(record.account, record.index, record.group), MmpLimits(
        interval_ns=record.interval_ns,
        frozen_ns=record.frozen_ns,
        quantity=record.quantity,
        delta=record.delta,
        trades=record.trades,
    )
