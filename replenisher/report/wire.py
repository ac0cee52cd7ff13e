"""The exchange's own book, asked of a running exchange: the other of the two books, where no ledger file is at hand.

It speaks Deribit's JSON-RPC as a client of its own and shares no code with the venue whose work is audited. Number
text is read exactly. The wire tells less than the file:

- of an order that was amended, the last price and amount, and none that it had before;
- of a fill, not which print caused it;
- of positions, only what they are now. What they were after each trade follows backwards, by the amount of every trade
  and what was delivered since; of money likewise, by fees and the cash book's rows that are no trade;
- of the exchange, not the id under which it keeps its ledger.

The book is read in several requests: while orders rest it can change between them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import product
from time import monotonic, sleep
from typing import Literal, TypeVar

import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from replenisher.errors import ConfigurationError, Unreachable
from replenisher.model.order import Side
from replenisher.model.units import MS_NS
from replenisher.report.ledger import (
    ExchangeBalance,
    ExchangeBook,
    ExchangeCash,
    ExchangeOrder,
    ExchangeTrade,
    MoveKind,
    Part,
    parts,
)

PAGE = 500  # rows an answer
ANSWER_S_MAX = 10.0
CLOSE_S_MAX = 1.0
FRAME_BYTES_MAX = 8 * 1024 * 1024
INVALID_CREDENTIALS = 13004
ZERO = Decimal(0)
SMALLEST = Decimal("1e-8")
CASH_PAGE = 250  # the venue gives no more of its cash book at once
# How long the credits of a question take to come back. After a rest the venue answers more at once: of that we take
# less than half, as the daemon asks as well.
ASK_S = 0.05
COSTS_S = {"private/get_transaction_log": 1.0}
ASKED_AT_ONCE_S = 2.0
FAR_MS = 32_503_708_800_000  # later than anything
MOVES: dict[str, MoveKind] = {
    "settlement": "settlement",
    "delivery": "delivery",
    "deposit": "transfer",
}

T = TypeVar("T")


class Key(msgspec.Struct, frozen=True):
    """Logs in to the account whose book is read."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"Key({self.client_id!r}, ***)"


def read_exchange(url: str, key: Key, *, page: int = PAGE, cash_page: int = CASH_PAGE) -> ExchangeBook:
    """The book of the account that `key` opens, from the exchange that listens at `url`."""
    try:
        with connect(
            url,
            proxy=None,  # a proxy from the environment must not get between us and the exchange unseen
            open_timeout=ANSWER_S_MAX,
            close_timeout=CLOSE_S_MAX,
            max_size=FRAME_BYTES_MAX,
        ) as socket:
            exchange = _Exchange(url, socket)
            exchange.log_in(key)
            return _book(exchange, page, cash_page)
    except (OSError, WebSocketException) as error:
        raise Unreachable(f"the exchange at {url} cannot be reached: {str(error) or type(error).__name__}") from error
    except msgspec.DecodeError as error:
        raise Unreachable(f"the exchange at {url} does not answer as Deribit does: {error}") from error


# --- What it answers ------------------------------------------------------------------------------------------------


class _Error(msgspec.Struct, frozen=True):
    code: int
    message: str


class _Reply(msgspec.Struct, frozen=True):
    id: int | None = None  # a notification has none
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


class _Instrument(msgspec.Struct, frozen=True):
    instrument_name: str
    kind: str
    base_currency: str
    quote_currency: str
    settlement_currency: str = ""  # spot has none


class _Order(msgspec.Struct, frozen=True):
    order_id: str
    label: str
    instrument_name: str
    direction: Side
    price: msgspec.Raw  # a number, or the words "market_price"
    amount: Decimal
    filled_amount: Decimal
    order_state: Literal["open", "filled", "cancelled"]
    replaced: bool


class _Trade(msgspec.Struct, frozen=True, kw_only=True):
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


class _Trades(msgspec.Struct, frozen=True):
    trades: list[_Trade]
    has_more: bool


class _Position(msgspec.Struct, frozen=True):
    instrument_name: str
    size: Decimal


class _CashRow(msgspec.Struct, frozen=True, kw_only=True):
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


class _CashPage(msgspec.Struct, frozen=True):
    logs: list[_CashRow]
    continuation: int | None = None


class _Summary(msgspec.Struct, frozen=True):
    currency: str
    balance: Decimal


class _Summaries(msgspec.Struct, frozen=True):
    summaries: list[_Summary]


# --- Asking ---------------------------------------------------------------------------------------------------------


class _Exchange:
    """One connection: a question at a time, and its answer."""

    def __init__(self, url: str, socket: ClientConnection) -> None:
        self._url = url
        self._socket = socket
        self._asked = 0
        self._paid_until = 0.0  # by the machine's own clock: when the credits of all questions so far are back

    def log_in(self, key: Key) -> None:
        """Open the account."""
        self.ask(
            "public/auth",
            dict[str, object],
            grant_type="client_credentials",
            client_id=key.client_id,
            client_secret=key.client_secret,
        )

    def ask(self, method: str, kind: type[T], **params: object) -> T:
        """What the exchange answers; a refusal is no answer. Who asks too often is cut off, so this may wait."""
        now = monotonic()
        self._paid_until = max(self._paid_until, now - ASKED_AT_ONCE_S) + COSTS_S.get(method, ASK_S)
        sleep(max(0.0, self._paid_until - now))
        self._asked += 1
        request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params}
        self._socket.send(msgspec.json.encode(request).decode())
        while (reply := self._receive()).id != self._asked:
            pass
        if reply.error is not None:
            is_our_mistake = reply.error.code == INVALID_CREDENTIALS
            told = f"the exchange at {self._url} refuses {method}: {reply.error.code} {reply.error.message}"
            raise ConfigurationError(told) if is_our_mistake else Unreachable(told)
        return msgspec.json.decode(reply.result, type=kind)

    def _receive(self) -> _Reply:
        return msgspec.json.decode(self._socket.recv(ANSWER_S_MAX), type=_Reply)


def _book(exchange: _Exchange, page: int, cash_page: int) -> ExchangeBook:
    listed = [
        each
        for expired in (False, True)  # what has been delivered was traded too
        for each in exchange.ask("public/get_instruments", list[_Instrument], currency="any", expired=expired)
    ]
    currencies = sorted({each.settlement_currency or each.quote_currency for each in listed})
    # What rests is asked for first: an order that ends meanwhile is then told twice, the second time as it ended.
    orders = {order.order_id: order for order in _orders(exchange, currencies, page)}
    trades = list(_trades(exchange, currencies, page))
    positions = exchange.ask("private/get_positions", list[_Position], currency="any")
    cash = exchange.ask("private/get_account_summaries", _Summaries).summaries
    rows = [row for each in cash for row in _cash_rows(exchange, each.currency, cash_page)]
    walk = _WalkBack(
        positions={each.instrument_name: each.size for each in positions},
        cash={each.currency: each.balance for each in cash},
        spot={each.instrument_name: each for each in listed if each.kind == "spot"},
    )
    walk.over(_in_order(trades, rows))
    return ExchangeBook(
        source="wire",
        exchange_id="",
        trades=tuple(walk.trades),
        orders=tuple(_order(each) for each in orders.values()),
        balances=tuple(walk.balances),
        positions={each.instrument_name: each.size for each in positions},
        moves=tuple(walk.moves),
    )


def _cash_rows(exchange: _Exchange, currency: str, page: int) -> Iterator[_CashRow]:
    """All of an account's cash book in one currency, the newest first."""
    more: dict[str, object] = {}
    while True:
        answer = exchange.ask(
            "private/get_transaction_log",
            _CashPage,
            currency=currency,
            start_timestamp=0,
            end_timestamp=FAR_MS,
            count=page,
            **more,
        )
        yield from answer.logs
        if answer.continuation is None:
            return
        more = {"continuation": answer.continuation}


def _orders(exchange: _Exchange, currencies: Sequence[str], page: int) -> Iterator[_Order]:
    """What rests, then all that has ended."""
    yield from exchange.ask("private/get_open_orders", list[_Order])
    for currency in currencies:
        offset = 0
        while found := exchange.ask(
            "private/get_order_history_by_currency",
            list[_Order],
            currency=currency,
            include_old=True,
            include_unfilled=True,
            count=page,
            offset=offset,
        ):
            yield from found
            offset += len(found)


def _trades(exchange: _Exchange, currencies: Sequence[str], page: int) -> Iterator[_Trade]:
    """Every fill: those of the last day, then what is in the archive. What moves there meanwhile is told by both.

    A print whose two sides are ours counts twice under one number.
    """
    assert page > 2, "a page that ends within a print must bring the next one too"
    known: set[tuple[str, Side]] = set()
    for currency, historical in product(currencies, (False, True)):
        since: dict[str, object] = {}
        has_more = True
        while has_more:
            answer = exchange.ask(
                "private/get_user_trades_by_currency",
                _Trades,
                currency=currency,
                count=page,
                sorting="asc",
                historical=historical,
                **since,
            )
            for trade in answer.trades:
                if (trade.trade_id, trade.direction) not in known:
                    known.add((trade.trade_id, trade.direction))
                    yield trade
            has_more = answer.has_more and bool(answer.trades)
            since = {"start_id": answer.trades[-1].trade_id} if answer.trades else {}


# --- Understanding --------------------------------------------------------------------------------------------------


def _when(trade: _Trade) -> tuple[int, int]:
    """The order in which trades happened: many share one tick of the clock, and the venue counts them."""
    digits = "".join(each for each in trade.trade_id if each.isdecimal())
    return trade.timestamp, int(digits or 0)


def _order(told: _Order) -> ExchangeOrder:
    price = bytes(told.price)
    return ExchangeOrder(
        order_id=told.order_id,
        label=told.label,
        instrument=told.instrument_name,
        side=told.direction,
        prices=(None if price == b'"market_price"' else msgspec.json.decode(price, type=Decimal),),
        amounts=(told.amount,),
        knows_only_last=told.replaced,
        state=told.order_state,
        filled_amount=told.filled_amount,
    )


class _Move(msgspec.Struct, frozen=True):
    """A part of a row that is no trade."""

    row: _CashRow
    part: Part


def _moves(row: _CashRow) -> list[_Move]:
    if row.type not in MOVES:
        return []
    funding = (row.interest_pl if row.total_interest_pl is None else row.total_interest_pl) or ZERO
    realized = row.session_rpl or funding
    return [_Move(row, part) for part in parts(MOVES[row.type], row.change, realized, funding)]


def _in_order(trades: Sequence[_Trade], rows: Sequence[_CashRow]) -> list[_Trade | _Move]:
    """Trades and what moved money without one, as the cash book has them one after the other."""
    numbers: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.trade_id is not None and row.order_id is not None:
            key = row.trade_id, row.order_id
            numbers[key] = min(row.id, numbers.get(key, row.id))  # of spot, each currency has a row
    steps: list[tuple[int, _Trade | _Move]] = [(row.id, move) for row in rows for move in _moves(row)]
    for trade in sorted(trades, key=_when):
        # One that happened since the book was read comes last.
        steps.append((numbers.get((trade.trade_id, trade.order_id), FAR_MS), trade))
    return [step for _, step in sorted(steps, key=lambda each: each[0])]


class _WalkBack:
    """Positions and cash as they are now, and on the way back over what moved them, as they were."""

    def __init__(
        self, *, positions: dict[str, Decimal], cash: dict[str, Decimal], spot: dict[str, _Instrument]
    ) -> None:
        self.trades: list[ExchangeTrade] = []
        self.moves: list[ExchangeCash] = []
        self.balances: list[ExchangeBalance] = []
        self._positions = defaultdict(Decimal, positions)
        self._cash = defaultdict(Decimal, cash)
        self._spot = spot

    def over(self, steps: Sequence[_Trade | _Move]) -> None:
        """Find out what each step left behind; the last one left what there is now."""
        trades = sum(isinstance(step, _Trade) for step in steps)
        moves = len(steps) - trades
        for step in reversed(steps):
            if isinstance(step, _Trade):
                self._hold(step.timestamp, self._undo(step), trades, moves)
                trades -= 1
            else:
                held = {step.row.currency: self._cash[step.row.currency]}
                self._hold(step.row.timestamp, held, trades, moves)
                moves -= 1
                self._undo_move(step, trades)
        for told in (self.trades, self.moves, self.balances):
            told.reverse()

    def _hold(self, timestamp: int, held: dict[str, Decimal], trades: int, moves: int) -> None:
        """What there was after a step; of several currencies, in the order in which the file has them."""
        for currency, balance in reversed(held.items()):
            self.balances.append(
                ExchangeBalance(at=timestamp * MS_NS, currency=currency, balance=balance, trades=trades, moves=moves)
            )

    def _undo_move(self, move: _Move, trades: int) -> None:
        row, (kind, amount, realized) = move.row, move.part
        instrument = row.instrument_name or ""
        self.moves.append(
            ExchangeCash(
                cash_id=str(row.id),
                kind=kind,
                instrument=instrument,
                currency=row.currency,
                amount=amount,
                realized=realized,
                balance=self._cash[row.currency],
                position=self._positions[instrument] if instrument else ZERO,
                at=row.timestamp * MS_NS,
                trades=trades,
            )
        )
        self._cash[row.currency] -= amount
        if kind == "delivery":
            self._positions[instrument] = -row.amount if row.side == "short" else row.amount

    def _undo(self, trade: _Trade) -> dict[str, Decimal]:
        """Go back before a trade; what there was after it of each currency that it moved."""
        self.trades.append(
            ExchangeTrade(
                trade_id=trade.trade_id,
                instrument=trade.instrument_name,
                order_id=trade.order_id,
                label=trade.label,
                side=trade.direction,
                price=trade.price,
                amount=trade.amount,
                fee=trade.fee,
                fee_currency=trade.fee_currency,
                liquidity=trade.liquidity,
                realized=trade.profit_loss,
                balance=self._cash[trade.fee_currency],
                position=self._positions[trade.instrument_name],
                at=trade.timestamp * MS_NS,
            )
        )
        changes = self._changes(trade)
        held = {currency: self._cash[currency] for currency in changes}
        for currency, change in changes.items():
            self._cash[currency] -= change
        if trade.instrument_name not in self._spot:
            self._positions[trade.instrument_name] -= trade.amount * trade.direction.sign
        return held

    def _changes(self, trade: _Trade) -> dict[str, Decimal]:
        """How a trade moved cash, the currency of its fee first. What a contract realizes waits for a settlement."""
        changes = {trade.fee_currency: -trade.fee}
        spot = self._spot.get(trade.instrument_name)
        if spot is None:
            return changes
        worth = (trade.amount * trade.price).quantize(SMALLEST, ROUND_HALF_EVEN)
        for currency, change in ((spot.base_currency, trade.amount), (spot.quote_currency, -worth)):
            changes[currency] = changes.get(currency, ZERO) + trade.direction.sign * change
        return changes
