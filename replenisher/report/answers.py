"""What a running exchange answers to the audit's questions, as far as the audit reads it. Amounts are exact."""

from decimal import Decimal
from typing import Literal

import msgspec

from replenisher.model.order import Side

ZERO = Decimal(0)


class Error(msgspec.Struct, frozen=True):
    """Why a question is refused."""

    code: int
    message: str


class Reply(msgspec.Struct, frozen=True):
    """One frame: the answer with the number of its question, or a notification."""

    id: int | None = None  # a notification has none
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Error | None = None


class Instrument(msgspec.Struct, frozen=True):
    """What is traded, or was."""

    instrument_name: str
    kind: str
    base_currency: str
    quote_currency: str
    settlement_currency: str = ""  # spot has none


class Order(msgspec.Struct, frozen=True):
    """An order of the account, as it is now."""

    order_id: str
    label: str
    instrument_name: str
    direction: Side
    price: msgspec.Raw  # a number, or the words "market_price"
    amount: Decimal
    filled_amount: Decimal
    order_state: Literal["open", "filled", "cancelled"]
    replaced: bool


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A fill of the account."""

    trade_id: str
    timestamp: int
    instrument_name: str
    order_id: str
    label: str = ""
    direction: Side
    price: Decimal
    amount: Decimal
    profit_loss: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Literal["M", "T"]


class Trades(msgspec.Struct, frozen=True):
    """One page of fills."""

    trades: list[Trade]
    has_more: bool


class Position(msgspec.Struct, frozen=True):
    """What the account holds of a contract."""

    instrument_name: str
    size: Decimal


class CashRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the cash book."""

    id: int
    type: str
    timestamp: int
    currency: str
    change: Decimal
    balance: Decimal
    side: str = "-"
    amount: Decimal = ZERO
    session_rpl: Decimal | None = None
    interest_pl: Decimal | None = None
    total_interest_pl: Decimal | None = None
    instrument_name: str | None = None
    trade_id: str | None = None
    order_id: str | None = None


class CashPage(msgspec.Struct, frozen=True):
    """One page of the cash book, the newest row first."""

    logs: list[CashRow]
    continuation: int | None = None


class Summary(msgspec.Struct, frozen=True):
    """The account's cash in one currency."""

    currency: str
    balance: Decimal


class Summaries(msgspec.Struct, frozen=True):
    """The account's cash in all."""

    summaries: list[Summary]
