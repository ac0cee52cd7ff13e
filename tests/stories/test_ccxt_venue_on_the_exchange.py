"""The machine, the carrier, ccxt and the exchange meet over real sockets: with every stream, and with none at all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from bench.small_exchange import QUIET
from replenisher.live.clock import SessionClock
from replenisher.model.command import (
    AskBalance,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
    CancelOrder,
    Intent,
    OrderCommand,
    PlaceOrder,
    Question,
)
from replenisher.model.event import (
    BalanceReported,
    BookChanged,
    BookSnapshot,
    Event,
    FeedLost,
    InstrumentDefined,
    OpenOrdersReported,
    OrderCanceled,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderWorking,
    PositionReported,
    RejectReason,
    SessionOpened,
    TradePrinted,
    TradesReported,
)
from replenisher.model.order import Liquidity, Request, Side, Status
from replenisher.venues.ccxt.carrier import Caller
from replenisher.venues.ccxt.client import Keys, client_of
from replenisher.venues.ccxt.link import Settings
from replenisher.venues.ccxt.venue import CcxtVenue
from tests.stories.test_deribit_venue_on_the_exchange import (
    BTC_PERPETUAL,
    KEY,
    MAKER,
    exchange_running,
    sell_at_market,
)
from tests.waiting import DEADLINE_S, eventually

Told = TypeVar("Told", bound=Event)
S = 1_000_000_000
DEADLINE = round(DEADLINE_S) * S
STREAMS = ("watchOrderBook", "watchTrades", "watchOrders", "watchMyTrades")


class Desk:
    """The smallest thing that can stand where the daemon stands: a venue, its carrier, and a pile of facts."""

    def __init__(self, tasks: asyncio.TaskGroup, clock: SessionClock, url: str, without: tuple[str, ...]) -> None:
        self.facts: list[Event] = []
        self.clock = clock
        client = client_of("deribit", Keys(MAKER.client_id, MAKER.client_secret), address=url)
        self.of_ccxt = client.of_ccxt
        has = {**client.exchange.has, **dict.fromkeys(without, False)}
        self._venue = CcxtVenue(
            name="deribit",
            exchange=msgspec.structs.replace(client.exchange, has=has),
            instruments=["BTC-PERPETUAL"],
            namespace="abc",
            random=lambda: 0.5,
            settings=Settings(poll_ns=S // 10, is_exclusive=True),
        )
        self._caller = Caller(tasks, client.of_ccxt, client.hosts, self._venue, self._hear, lambda _: None, clock.now)
        self._alarm: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._hear(lambda: self._venue.start(self.clock.now()))

    async def stop(self) -> None:
        self._hear(lambda: self._venue.stop(self.clock.now()))
        await self._caller.finish()

    def send(self, *commands: OrderCommand | Question) -> None:
        self._hear(lambda: self._venue.send(commands, self.clock.now()))

    async def told(self, kind: type[Told], condition: Callable[[Told], bool] = lambda _: True) -> Told:
        """The first fact of a kind since the last clearing, as soon as there is one."""

        def found() -> Iterator[Told]:
            return (fact for fact in self.facts if isinstance(fact, kind) and condition(fact))

        await eventually(lambda: any(found()), f"a {kind.__name__} is told")
        return next(found())

    def _hear(self, tell: Callable[[], None]) -> None:
        tell()
        self.facts += self._venue.facts()
        self._caller.carry(self._venue.actions())
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if (wake := self._venue.next_wake) is not None:
            delay_s = max(0, wake - self.clock.now()) / S
            ring = asyncio.get_running_loop().call_later
            self._alarm = ring(delay_s, lambda: self._hear(lambda: self._venue.wake(self.clock.now())))


@asynccontextmanager
async def desk_on_the_exchange(path: Path, *without: str) -> AsyncIterator[tuple[Desk, str]]:
    clock = SessionClock()
    async with exchange_running(path / "ledger.jsonl", clock, QUIET) as url, asyncio.TaskGroup() as tasks:
        desk = Desk(tasks, clock, url, without)
        desk.start()
        await desk.told(SessionOpened)
        await desk.told(BookSnapshot)
        yield desk, url
        await desk.stop()


def due(desk: Desk) -> dict[str, Any]:
    return {"instrument": KEY, "deadline": desk.clock.now() + DEADLINE}


def about(desk: Desk) -> dict[str, Any]:
    return {"scope": KEY, "deadline": desk.clock.now() + DEADLINE}


def place(desk: Desk, price: int, order_id: str = "abc000000000001", **changes: Any) -> PlaceOrder:
    terms: dict[str, Any] = {
        "strategy": "core",
        "side": Side.BUY,
        "level": 0,
        "quantity": 5,
        "intent": Intent.QUOTE,
        "valid_until": desk.clock.now() + DEADLINE,
    }
    return PlaceOrder(order_id=order_id, price=price, **terms | changes, **due(desk))


@pytest.mark.parametrize("without", [(), STREAMS], ids=["with every stream", "with none"])
async def test_an_order_lives_and_every_question_is_answered(tmp_path: Path, without: tuple[str, ...]) -> None:
    async with desk_on_the_exchange(tmp_path, *without) as (desk, url):
        defined = await desk.told(InstrumentDefined)
        assert defined.instrument == BTC_PERPETUAL  # as the native adapter defines it
        touch = (await desk.told(BookSnapshot)).bids[0][0]
        since = desk.clock.now()

        desk.send(place(desk, touch + 1))
        placed = await desk.told(OrderWorking, lambda fact: fact.answers is Request.PLACE)
        await desk.told(BookChanged, lambda fact: (touch + 1, 5) in fact.bids)
        assert (placed.price, placed.quantity) == (touch + 1, 5)

        await sell_at_market(url, 20)
        fill = await desk.told(OrderFilled)
        printed = await desk.told(TradePrinted, lambda fact: fact.price == touch + 1)
        assert (fill.order_id, fill.venue_order_id) == ("abc000000000001", placed.venue_order_id)
        assert (fill.price, fill.amount, fill.liquidity) == (BTC_PERPETUAL.price(touch + 1), 20, Liquidity.MAKER)
        assert (printed.quantity, printed.taker) == (2, Side.SELL)

        desk.facts.clear()
        desk.send(
            AskOpenOrders(**about(desk)),
            AskOrder(order_id="abc000000000001", **due(desk)),
            AskOrder(order_id="abc000000000009", **due(desk)),
            AskTrades(since=since - S, **about(desk)),
            AskPosition(**about(desk)),
            AskBalance(venue="deribit", currency="BTC", deadline=desk.clock.now() + DEADLINE),
        )
        resting = await desk.told(OpenOrdersReported)
        found = await desk.told(OrderReported)
        missing = await desk.told(OrderNotFound)
        trades = await desk.told(TradesReported)
        position = await desk.told(PositionReported)
        balance = await desk.told(BalanceReported)
        assert [report.order_id for report in resting.orders] == ["abc000000000001"]
        assert (found.order.status, found.order.filled, found.order.quantity) == (Status.WORKING, 20, 5)
        assert missing.order_id == "abc000000000009"
        assert [(told.trade_id, told.order_id, told.fee) for told in trades.fills] == [
            (fill.trade_id, fill.order_id, fill.fee)
        ]
        assert (position.amount, balance.balance) == (20, 10 - fill.fee)

        desk.facts.clear()
        desk.send(AskOpenOrders(scope="deribit", deadline=desk.clock.now() + DEADLINE))
        of_all = await desk.told(OpenOrdersReported, lambda fact: fact.scope == "deribit")
        assert [report.order_id for report in of_all.orders] == ["abc000000000001"]

        desk.send(CancelOrder(order_id="abc000000000001", venue_order_id="", **due(desk)))
        assert (await desk.told(OrderCanceled)).order_id == "abc000000000001"
        desk.facts.clear()
        desk.send(AskOrder(order_id="abc000000000001", **due(desk)))
        assert (await desk.told(OrderReported)).order.status is Status.CANCELED


async def test_on_an_account_of_our_own_one_request_takes_everything_down(tmp_path: Path) -> None:
    names = ("abc000000000001", "abc000000000002")
    async with desk_on_the_exchange(tmp_path) as (desk, _):
        touch = (await desk.told(BookSnapshot)).bids[0][0]
        desk.send(*(place(desk, touch - index, name) for index, name in enumerate(names)))
        working = [await desk.told(OrderWorking, lambda fact, name=name: fact.order_id == name) for name in names]

        desk.send(
            *(CancelOrder(order_id=each.order_id, venue_order_id=each.venue_order_id, **due(desk)) for each in working)
        )

        for name in names:
            await desk.told(OrderCanceled, lambda fact, name=name: fact.order_id == name)
    ledger = (tmp_path / "ledger.jsonl").read_text()
    assert '"private/cancel_all_by_instrument"' in ledger
    assert ledger.count('"private/cancel"') == 1, "of the order that does not exist, to hear whether the key may trade"


async def test_what_would_take_is_refused_and_what_comes_too_late_as_well(tmp_path: Path) -> None:
    async with desk_on_the_exchange(tmp_path) as (desk, _):
        book = await desk.told(BookSnapshot)

        desk.send(
            place(desk, book.asks[0][0], "abc000000000001"),
            place(desk, book.bids[0][0], "abc000000000002", valid_until=desk.clock.now() - S),
        )
        crossing = await desk.told(OrderRejected, lambda fact: fact.order_id == "abc000000000001")
        late = await desk.told(OrderRejected, lambda fact: fact.order_id == "abc000000000002")

        assert crossing.reason is RejectReason.POST_ONLY
        assert late.reason is RejectReason.TOO_LATE


async def test_a_socket_that_breaks_loses_the_book_and_not_the_orders_and_the_streams_come_back(tmp_path: Path) -> None:
    async with desk_on_the_exchange(tmp_path) as (desk, url):
        touch = (await desk.told(BookSnapshot)).bids[0][0]
        desk.send(place(desk, touch + 1))
        await desk.told(OrderWorking)
        desk.facts.clear()

        for socket in list(desk.of_ccxt.clients.values()):
            socket.connection._response.connection.transport.abort()  # as a cable does
        await desk.told(FeedLost)
        await desk.told(BookSnapshot)
        desk.facts.clear()
        await sell_at_market(url, 20)

        assert (await desk.told(OrderFilled)).order_id == "abc000000000001"
        assert not any(isinstance(fact, SessionOpened) for fact in desk.facts)
