"""The exchange's own book, asked of a running exchange: the other of the two books, where no ledger file is at hand.

It speaks Deribit's JSON-RPC as a client of its own and shares no code with the venue whose work is audited. Number
text is read exactly. The wire tells less than the file:

- of an order that was amended, the last price and amount, and none that it had before;
- of a fill, not which print caused it;
- of positions and money, only what they are now: what they were after each trade is found by `walk_back`;
- of the exchange, not the id under which it keeps its ledger.

The book is read in several requests: while orders rest it can change between them.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from time import monotonic, sleep
from typing import TypeVar

import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from replenisher.errors import ConfigurationError, Unreachable
from replenisher.model.order import Side
from replenisher.report.answers import (
    CashPage,
    CashRow,
    Instrument,
    Order,
    Position,
    Reply,
    Summaries,
    Trade,
    Trades,
)
from replenisher.report.ledger import ExchangeBook, ExchangeOrder
from replenisher.report.walk_back import WalkBack, in_order

PAGE = 500  # rows an answer
ANSWER_S_MAX = 10.0
CLOSE_S_MAX = 1.0
FRAME_BYTES_MAX = 8 * 1024 * 1024
INVALID_CREDENTIALS = 13004
CASH_PAGE = 250  # the venue gives no more of its cash book at once
# How long the credits of a question take to come back. After a rest the venue answers more at once: of that we take
# less than half, as the daemon asks as well.
ASK_S = 0.05
COSTS_S = {"private/get_transaction_log": 1.0}
ASKED_AT_ONCE_S = 2.0
FAR_MS = 32_503_708_800_000  # later than anything

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

    def _receive(self) -> Reply:
        return msgspec.json.decode(self._socket.recv(ANSWER_S_MAX), type=Reply)


def _book(exchange: _Exchange, page: int, cash_page: int) -> ExchangeBook:
    listed = [
        each
        for expired in (False, True)  # what has been delivered was traded too
        for each in exchange.ask("public/get_instruments", list[Instrument], currency="any", expired=expired)
    ]
    currencies = sorted({each.settlement_currency or each.quote_currency for each in listed})
    # What rests is asked for first: an order that ends meanwhile is then told twice, the second time as it ended.
    orders = {order.order_id: order for order in _orders(exchange, currencies, page)}
    trades = list(_trades(exchange, currencies, page))
    positions = exchange.ask("private/get_positions", list[Position], currency="any")
    cash = exchange.ask("private/get_account_summaries", Summaries).summaries
    rows = [row for each in cash for row in _cash_rows(exchange, each.currency, cash_page)]
    walk = WalkBack(
        positions={each.instrument_name: each.size for each in positions},
        cash={each.currency: each.balance for each in cash},
        spot={each.instrument_name: each for each in listed if each.kind == "spot"},
    )
    walk.over(in_order(trades, rows))
    return ExchangeBook(
        source="wire",
        exchange_id="",
        trades=tuple(walk.trades),
        orders=tuple(_order(each) for each in orders.values()),
        balances=tuple(walk.balances),
        positions={each.instrument_name: each.size for each in positions},
        moves=tuple(walk.moves),
    )


def _cash_rows(exchange: _Exchange, currency: str, page: int) -> Iterator[CashRow]:
    """All of an account's cash book in one currency, the newest first."""
    more: dict[str, object] = {}
    while True:
        answer = exchange.ask(
            "private/get_transaction_log",
            CashPage,
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


def _orders(exchange: _Exchange, currencies: Sequence[str], page: int) -> Iterator[Order]:
    """What rests, then all that has ended."""
    yield from exchange.ask("private/get_open_orders", list[Order])
    for currency in currencies:
        offset = 0
        while found := exchange.ask(
            "private/get_order_history_by_currency",
            list[Order],
            currency=currency,
            include_old=True,
            include_unfilled=True,
            count=page,
            offset=offset,
        ):
            yield from found
            offset += len(found)


def _trades(exchange: _Exchange, currencies: Sequence[str], page: int) -> Iterator[Trade]:
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
                Trades,
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


def _order(told: Order) -> ExchangeOrder:
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
