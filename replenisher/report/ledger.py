"""The exchange's own book, read from the ledger file it keeps: the other of the two books an audit compares.

The file is JSON lines, decimals as text. It shares no code with the exchange that wrote it.
"""

from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from replenisher.errors import ConfigurationError
from replenisher.model.order import Side

MoveKind = Literal["funding", "settlement", "delivery", "transfer"]
Part = tuple[MoveKind, Decimal, Decimal]  # amount, and the part of it that fills had realized before


class Cause(msgspec.Struct, frozen=True):
    """The print that filled a resting order."""

    trade_id: str
    price: Decimal
    amount: Decimal


class ExchangeTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of the account, and what it left behind."""

    trade_id: str
    instrument: str
    order_id: str
    label: str
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Literal["M", "T"]
    realized: Decimal
    balance: Decimal  # after it
    position: Decimal  # after it
    at: int
    cause: Cause | None = None
    life: int = 0  # of the exchange: a tape that is played again tells the same prints again


class ExchangeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the account, with all it ever asked for."""

    order_id: str
    label: str
    instrument: str
    side: Side
    prices: tuple[Decimal | None, ...]  # the first one, and one more an amend
    amounts: tuple[Decimal, ...]
    knows_only_last: bool = False  # it was amended, and only the last price and amount are known
    state: Literal["open", "filled", "cancelled"]
    filled_amount: Decimal


class ExchangeCash(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved without a fill, and what that left behind."""

    cash_id: str
    kind: MoveKind
    instrument: str  # on whose position; empty if on none
    currency: str
    amount: Decimal
    realized: Decimal = Decimal(0)  # the part of it that fills had realized before
    balance: Decimal  # after it
    position: Decimal  # after it
    at: int
    trades: int  # how many trades of the account had happened by then


class ExchangeBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What the account had in one currency from `at` on."""

    at: int
    currency: str
    balance: Decimal
    trades: int  # how many trades of the account had happened by then
    moves: int = 0  # and how often money had moved without one


class ExchangeBook(msgspec.Struct, frozen=True, kw_only=True):
    """One account's book at the exchange, however it was read."""

    source: Literal["file", "wire"] = "file"
    exchange_id: str  # empty where it is not told
    trades: tuple[ExchangeTrade, ...]  # in the order in which they happened
    orders: tuple[ExchangeOrder, ...]
    balances: tuple[ExchangeBalance, ...]  # likewise
    positions: dict[str, Decimal]
    moves: tuple[ExchangeCash, ...] = ()  # likewise


def parts(kind: MoveKind, amount: Decimal, realized: Decimal, funding: Decimal) -> list[Part]:
    """What a row was made of: what funding had brought, and the rest, of which fills had realized something."""
    rest = kind, amount - funding, realized - funding
    funded: list[Part] = [("funding", funding, Decimal(0))] if funding else []
    return [*funded, rest] if any(rest[1:]) or kind == "delivery" or not funded else funded


# --- The file's records ---------------------------------------------------------------------------------------------


class _Opened(msgspec.Struct, tag_field="type", tag="opened"):
    exchange_id: str


class _Deposit(msgspec.Struct, tag_field="type", tag="deposit"):
    account: str
    currency: str
    amount: Decimal
    at: int


class _Order(msgspec.Struct, tag_field="type", tag="order"):
    account: str
    order_id: str
    label: str
    instrument: str
    side: Side
    price: Decimal | None
    amount: Decimal


class _Amended(msgspec.Struct, tag_field="type", tag="amended"):
    order_id: str
    price: Decimal | None
    amount: Decimal


class _Closed(msgspec.Struct, tag_field="type", tag="closed"):
    order_id: str
    state: Literal["filled", "cancelled"]
    filled_amount: Decimal


class _Trade(ExchangeTrade, frozen=True, kw_only=True, tag_field="type", tag="trade"):
    account: str
    other_currency: str = ""  # of spot: the one that moved besides the fee's
    other_balance: Decimal = Decimal(0)


class _Cash(msgspec.Struct, tag_field="type", tag="cash"):
    cash_id: str
    kind: Literal["settlement", "delivery"]
    account: str
    instrument: str
    currency: str
    amount: Decimal
    realized: Decimal  # the part of it that waited for it
    funding: Decimal  # the part of that which is funding
    balance: Decimal
    position: Decimal
    at: int


class _Funded(msgspec.Struct, tag_field="type", tag="funded"):
    """Not needed: it is a part of the next settlement."""


class _Listed(msgspec.Struct, tag_field="type", tag="instrument"):
    """Not needed: what an instrument is, we know by ourselves."""


class _Request(msgspec.Struct, tag_field="type", tag="request"):
    """Not needed: whether it was executed shows in the orders."""


class _Rejected(msgspec.Struct, tag_field="type", tag="rejected"):
    """Not needed: nothing came of it."""


class _SelfTrading(msgspec.Struct, tag_field="type", tag="self_trading"):
    """Not needed: what came of it shows in the orders."""


class _Mmp(msgspec.Struct, tag_field="type", tag="mmp"):
    """Likewise."""


class _MmpFrozen(msgspec.Struct, tag_field="type", tag="mmp_frozen"):
    """Likewise."""


_Unneeded = _Funded | _Listed | _Request | _Rejected | _SelfTrading | _Mmp | _MmpFrozen
_Record = _Opened | _Deposit | _Order | _Amended | _Closed | _Trade | _Cash | _Unneeded


_RECORDS: msgspec.json.Decoder[_Record] = msgspec.json.Decoder(_Record)


def read_ledger(path: Path, account: str) -> ExchangeBook:
    """One account's book, from the file. A last line without its end was never answered, and is left out."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise ConfigurationError(f"the exchange's ledger {path} cannot be read: {error.strerror}") from error
    folding = _Folding(account)
    for number, line in enumerate(lines, start=1):
        try:
            folding.take(_RECORDS.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
            raise ConfigurationError(f"{path}: line {number} is damaged: {error}") from error
    return folding.book()


class _Folding:
    """A ledger, read up to some line, as far as one account is concerned."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._exchange_id = ""
        self._life = 0
        self._trades: list[ExchangeTrade] = []
        self._moves: list[ExchangeCash] = []
        self._rows = 0  # of the account's cash book: every change of a balance is one
        self._balances: list[ExchangeBalance] = []
        self._cash: dict[str, Decimal] = {}
        self._positions: dict[str, Decimal] = {}
        self._orders: dict[str, ExchangeOrder] = {}

    def take(self, record: _Record) -> None:
        """Read one record."""
        match record:
            case _Opened():
                self._exchange_id = record.exchange_id
                self._life += 1
            case _Deposit() if record.account == self._account:
                self._take_deposit(record)
            case _Order() if record.account == self._account:
                self._orders[record.order_id] = ExchangeOrder(
                    order_id=record.order_id,
                    label=record.label,
                    instrument=record.instrument,
                    side=record.side,
                    prices=(record.price,),
                    amounts=(record.amount,),
                    state="open",
                    filled_amount=Decimal(0),
                )
            case _Amended() if order := self._orders.get(record.order_id):
                prices, amounts = (*order.prices, record.price), (*order.amounts, record.amount)
                self._orders[record.order_id] = msgspec.structs.replace(order, prices=prices, amounts=amounts)
            case _Closed() if order := self._orders.get(record.order_id):
                self._orders[record.order_id] = msgspec.structs.replace(
                    order, state=record.state, filled_amount=record.filled_amount
                )
            case _Trade() if record.account == self._account:
                self._take_trade(record)
            case _Cash() if record.account == self._account:
                self._take_cash(record)
            case _:
                pass

    def _take_trade(self, record: _Trade) -> None:
        told = {name: getattr(record, name) for name in ExchangeTrade.__struct_fields__}
        self._trades.append(ExchangeTrade(**told | {"life": self._life}))
        self._positions[record.instrument] = record.position
        self._now_holds(record.at, record.fee_currency, record.balance)
        self._rows += 2 if record.other_currency else 1
        if record.other_currency:
            self._now_holds(record.at, record.other_currency, record.other_balance)
        if order := self._orders.get(record.order_id):
            filled = order.filled_amount + record.amount
            self._orders[record.order_id] = msgspec.structs.replace(order, filled_amount=filled)

    def _take_deposit(self, record: _Deposit) -> None:
        self._rows += 1
        balance = self._cash.get(record.currency, Decimal(0)) + record.amount
        move = ExchangeCash(
            cash_id=str(self._rows),
            kind="transfer",
            instrument="",
            currency=record.currency,
            amount=record.amount,
            balance=balance,
            position=Decimal(0),
            at=record.at,
            trades=len(self._trades),
        )
        self._moves.append(move)
        self._now_holds(record.at, record.currency, balance)

    def _take_cash(self, record: _Cash) -> None:
        self._rows += 1
        balance = record.balance - record.amount
        for kind, amount, realized in parts(record.kind, record.amount, record.realized, record.funding):
            balance += amount
            move = ExchangeCash(
                cash_id=record.cash_id,
                kind=kind,
                instrument=record.instrument,
                currency=record.currency,
                amount=amount,
                realized=realized,
                balance=balance,
                position=record.position,
                at=record.at,
                trades=len(self._trades),
            )
            self._moves.append(move)
            self._now_holds(record.at, record.currency, balance)
        self._positions[record.instrument] = record.position

    def _now_holds(self, at: int, currency: str, balance: Decimal) -> None:
        self._cash[currency] = balance
        self._balances.append(
            ExchangeBalance(
                at=at, currency=currency, balance=balance, trades=len(self._trades), moves=len(self._moves)
            ),
        )

    def book(self) -> ExchangeBook:
        """What was read."""
        return ExchangeBook(
            exchange_id=self._exchange_id,
            trades=tuple(self._trades),
            orders=tuple(self._orders.values()),
            balances=tuple(self._balances),
            positions=self._positions,
            moves=tuple(self._moves),
        )
