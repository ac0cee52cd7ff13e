"""The ledger: what the exchange did, one JSON line a fact, appended before the answer leaves.

The file itself is opened elsewhere: whoever owns it hands in a function that appends bytes, and at start the bytes of
earlier lives. What one request or one event did is appended in a single piece, so a process that dies loses all of it
or nothing; a line that power loss tore off at the end was never answered, and is cut.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import msgspec

from replenisher.errors import ConfigurationError
from replenisher.model.order import Side

Append = Callable[[bytes], None]
BOOKS = 2  # the rules by which money is booked: since the second ones, profit waits for a settlement


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag=str.lower):
    """What every record is: one line, tagged with its `type`."""


class Opened(Line, frozen=True, kw_only=True):
    """A life of the exchange began."""

    exchange_id: str
    at: int
    seed: int
    market: str
    life: int  # counted from 1
    books: int = 1  # by which rules money was booked


class Listed(Line, frozen=True, kw_only=True, tag="instrument"):
    """An instrument as it trades in this life."""

    name: str
    tick: Decimal
    lot: Decimal
    inverse: bool
    contract_value: Decimal
    settlement_currency: str
    maker_rate: Decimal
    taker_rate: Decimal
    spot_of: str = ""  # the base currency of spot; empty for a contract
    at: int


class Deposit(Line, frozen=True, kw_only=True):
    """Money that an account was opened with."""

    account: str
    currency: str
    amount: Decimal
    at: int


class Request(Line, frozen=True, kw_only=True):
    """An order request reached the exchange, and is not judged yet."""

    account: str
    method: str
    label: str
    at: int


class Order(Line, frozen=True, kw_only=True):
    """An order was taken."""

    account: str
    order_id: str
    label: str
    instrument: str
    side: Side
    price: Decimal | None  # None for a market order
    amount: Decimal
    order_type: Literal["limit", "market"]
    time_in_force: str
    post_only: bool
    reject_post_only: bool
    reduce_only: bool = False
    mmp: bool = False
    mmp_group: str = ""
    at: int


class Amended(Line, frozen=True, kw_only=True, omit_defaults=True):
    """An order has another price or amount (filled part included)."""

    order_id: str
    price: Decimal
    amount: Decimal
    post_only: bool | None = None  # where it changes
    at: int


class Closed(Line, frozen=True, kw_only=True):
    """An order has ended."""

    order_id: str
    state: Literal["filled", "cancelled"]
    reason: str
    filled_amount: Decimal
    at: int


class CauseOfFill(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What took a resting order."""

    trade_id: str
    price: Decimal
    amount: Decimal


class Trade(Line, frozen=True, kw_only=True):
    """One fill of one account."""

    trade_id: str
    trade_seq: int
    instrument: str
    account: str
    order_id: str
    label: str
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Literal["M", "T"]
    realized: Decimal
    balance: Decimal  # after it, of the fee's currency
    position: Decimal  # after it
    other_currency: str = ""  # of spot: the one that moved besides the fee's
    other_balance: Decimal = Decimal(0)  # after it
    at: int
    mark: Decimal = Decimal(0)  # not told by older ledgers, as are the next two
    index: Decimal = Decimal(0)
    tick_direction: int = 0
    cause: CauseOfFill | None = None  # of a maker's fill


class Funded(Line, frozen=True, kw_only=True):
    """Funding paid a position, or cost it; the money waits for the next settlement."""

    account: str
    instrument: str
    currency: str
    amount: Decimal
    price: Decimal  # at which the position was valued
    size: Decimal  # of the position
    at: int


class Cash(Line, frozen=True, kw_only=True):
    """Money moved on a position without a fill: settlement or delivery."""

    cash_id: str
    kind: Literal["settlement", "delivery"]
    account: str
    instrument: str
    currency: str
    amount: Decimal
    realized: Decimal  # the part of it that fills and funding had made since the last one
    funding: Decimal  # the part of that which is funding
    price: Decimal  # at which the position was valued
    size: Decimal  # of the position, before it
    balance: Decimal  # after it, as is the position
    position: Decimal
    at: int


class Rejected(Line, frozen=True, kw_only=True):
    """A request was refused."""

    account: str
    label: str
    code: str
    at: int


class SelfTradingChosen(Line, frozen=True, kw_only=True, tag="self_trading"):
    """An account has said what happens when it would trade with itself."""

    account: str
    mode: str
    extends_to_subaccounts: bool
    at: int


class MmpConfigured(Line, frozen=True, kw_only=True, tag="mmp"):
    """An account has set the limits of a group of protected orders; an interval of 0 takes them away."""

    account: str
    index: str
    group: str
    interval_ns: int
    frozen_ns: int
    quantity: Decimal | None
    delta: Decimal | None
    trades: int | None
    at: int


class MmpFrozen(Line, frozen=True, kw_only=True, tag="mmp_frozen"):
    """A group of protected orders has traded too much and takes no new ones, or is reset."""

    account: str
    index: str
    group: str
    frozen_until: int | None  # 0: until it is reset; None: it was
    at: int


Record = (
    Opened
    | Listed
    | Deposit
    | Request
    | Order
    | Amended
    | Closed
    | Trade
    | Funded
    | Cash
    | Rejected
    | SelfTradingChosen
    | MmpConfigured
    | MmpFrozen
)


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What an old ledger tells."""

    records: tuple[Record, ...] = ()
    kept_bytes: int = 0  # the length of what is sound; whoever owns the file cuts it there


NO_PAST = Past()


def read_ledger(data: bytes) -> Past:
    """Every record of an old ledger. A torn last line is left out; any other bad line is the operator's problem."""
    lines = data.split(b"\n")
    torn = lines.pop()  # what follows the last line end: nothing, or a line that was never finished
    decoder = msgspec.json.Decoder(Record)
    records: list[Record] = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the exchange's ledger is damaged at line {number}: {error}") from error
        if number == 1 and not isinstance(records[0], Opened):
            raise ConfigurationError("the exchange's ledger is damaged at line 1: it does not begin with 'opened'")
        if isinstance(opened := records[-1], Opened) and opened.books != BOOKS:
            raise ConfigurationError(
                "the exchange's ledger was written by a version that paid profit at each fill: begin a new one"
                " (`run --fresh` sets the data directory aside)"
            )
    return Past(records=tuple(records), kept_bytes=len(data) - len(torn))


class Ledger:
    """Collects what one request or event did, and appends it in one piece."""

    def __init__(self, append: Append) -> None:
        self._append = append
        self._encoder = msgspec.json.Encoder()
        self._pending = bytearray()

    def write(self, record: Record) -> None:
        """Take one record in; it is not safe before `flush`."""
        self._pending += self._encoder.encode(record)
        self._pending += b"\n"

    def flush(self) -> None:
        """Append what was taken in since the last time."""
        if self._pending:
            self._append(bytes(self._pending))
            self._pending.clear()
