"""The venue machine and the exchange, written apart, meet over a real socket."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed

from bench.small_exchange import BTC_PERPETUAL, QUIET, exchange_of
from replenisher.exchange.dialects.deribit import ApiKey, DeribitSettings
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.exchange.server import ServerSettings, serve
from replenisher.live.clock import SessionClock
from replenisher.model.command import (
    AmendOrder,
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
    CoverLost,
    Event,
    FeedLost,
    InstrumentDefined,
    LinkAlive,
    OpenOrdersReported,
    OrderCanceled,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderWorking,
    PositionReported,
    RejectReason,
    RequestRejected,
    SessionLost,
    SessionOpened,
    TradePrinted,
    TradesReported,
)
from replenisher.model.order import Liquidity, Request, Side, Status
from replenisher.venues.deribit import own_trades
from replenisher.venues.deribit.settings import Credentials, Settings
from replenisher.venues.deribit.venue import MARKET, TRADING, DeribitVenue
from replenisher.venues.socket import Sockets
from tests.waiting import DEADLINE_S, eventually

Told = TypeVar("Told")

S = 1_000_000_000
DEADLINE = round(DEADLINE_S) * S
KEY = "deribit/BTC-PERPETUAL"
MAKER = ApiKey("maker-id", "maker-secret", "maker")
TAKER = ApiKey("taker-id", "taker-secret", "taker")


class Desk:
    """The smallest thing that can stand where the daemon stands: a venue, its sockets, and a pile of facts."""

    def __init__(
        self, tasks: asyncio.TaskGroup, clock: SessionClock, url: str, settings: Settings | None = None
    ) -> None:
        self.facts: list[Event] = []
        self.ended: list[str] = []  # connections
        self._clock = clock
        self._venue = DeribitVenue(
            name="deribit",
            url=url,
            credentials=Credentials(MAKER.client_id, MAKER.client_secret),
            instruments=["BTC-PERPETUAL"],
            namespace="abc",
            random=random.Random(7).random,
            settings=settings,
        )
        self._sockets = Sockets(tasks, self, clock.now)
        self._alarm: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._venue.start(self._clock.now())
        self._carry()

    async def stop(self) -> None:
        self._venue.stop(self._clock.now())
        self._carry()
        await self._sockets.finish()

    def opened(self, connection: str, at: int) -> None:
        self._venue.opened(connection, at)
        self._carry()

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        self._venue.received(connection, frame, at)
        self._carry()

    def closed(self, connection: str, reason: str, at: int) -> None:
        self.ended.append(connection)
        self._venue.closed(connection, reason, at)
        self._carry()

    def send(self, *commands: OrderCommand | Question) -> None:
        self._venue.send(commands, self._clock.now())
        self._carry()

    async def hear(self, kind: type[Told], condition: Callable[[Told], bool] = lambda _: True) -> Told:
        """The first fact of a kind since the last clearing, as soon as there is one."""

        def told() -> Iterator[Told]:
            return (fact for fact in self.facts if isinstance(fact, kind) and condition(fact))

        await eventually(lambda: any(told()), f"a {kind.__name__} is told")
        return next(told())

    def _carry(self) -> None:
        self.facts += self._venue.facts()
        self._sockets.carry(self._venue.actions())
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if (wake := self._venue.next_wake) is not None:
            delay_s = max(0, wake - self._clock.now()) / S
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._venue.wake(self._clock.now())
        self._carry()


@asynccontextmanager
async def exchange_running(path: Path, clock: SessionClock, market: SyntheticSettings) -> AsyncIterator[str]:
    at = clock.now()
    ledger = LedgerFile(path)
    exchange = exchange_of(
        "maker", "taker", flow=market, at=at, append=ledger.append, past=ledger.past, exchange_id=os.urandom(8).hex()
    )
    announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    settings = ServerSettings(deribit=DeribitSettings(keys=(MAKER, TAKER)))
    task = asyncio.create_task(serve(exchange, settings, ledger=ledger, clock=clock.now, announce=announced.set_result))
    await asyncio.wait([task, announced], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield await announced
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def desk_on_the_exchange(
    path: Path, market: SyntheticSettings, settings: Settings | None = None
) -> AsyncIterator[tuple[Desk, SessionClock, str]]:
    clock = SessionClock()
    async with exchange_running(path, clock, market) as url, asyncio.TaskGroup() as tasks:
        desk = Desk(tasks, clock, url, settings)
        desk.start()
        await desk.hear(SessionOpened)
        await desk.hear(BookSnapshot)
        yield desk, clock, url
        await desk.stop()


class Wire:
    """Carries frames between a venue and the exchange, and loses the requests of some methods."""

    def __init__(self, far_url: str) -> None:
        self.loses: tuple[str, ...] = ()
        self.lost: list[str] = []  # methods
        self._far_url = far_url
        self._open: set[ServerConnection] = set()

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[str]:
        async with listen(self._carry, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"ws://127.0.0.1:{port}/ws/api/v2"

    async def cut(self) -> None:
        for near in list(self._open):
            await near.close()

    async def _carry(self, near: ServerConnection) -> None:
        self._open.add(near)
        async with connect(self._far_url) as far, asyncio.TaskGroup() as tasks:
            back = tasks.create_task(self._back(far, near))
            async for frame in near:
                if (method := json.loads(frame)["method"]) in self.loses:
                    self.lost.append(method)
                else:
                    await far.send(frame)
            back.cancel()
        self._open.remove(near)

    async def _back(self, far: ClientConnection, near: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            async for frame in far:
                await near.send(frame)


async def sell_at_market(url: str, amount: int) -> None:
    """Somebody else takes."""
    calls: list[tuple[str, dict[str, Any]]] = [
        (
            "public/auth",
            {
                "grant_type": "client_credentials",
                "client_id": TAKER.client_id,
                "client_secret": TAKER.client_secret,
            },
        ),
        ("private/sell", {"instrument_name": "BTC-PERPETUAL", "amount": amount, "type": "market"}),
    ]
    async with connect(url) as client:
        for method, params in calls:
            await client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            assert "result" in json.loads(await client.recv())


async def test_the_book_comes_back_though_after_a_reconnect_no_definition_is_answered(tmp_path: Path) -> None:
    clock = SessionClock()
    impatient = Settings(request_timeout_ns=S)
    async with exchange_running(tmp_path / "ledger.jsonl", clock, QUIET) as far_url, asyncio.TaskGroup() as tasks:
        wire = Wire(far_url)
        async with wire.laid() as url:
            desk = Desk(tasks, clock, url, impatient)
            desk.start()
            await desk.hear(BookSnapshot)
            desk.facts.clear()

            wire.loses = ("public/get_instrument",)
            await wire.cut()
            await desk.hear(FeedLost)
            await desk.hear(BookSnapshot)

            assert set(wire.lost) == {"public/get_instrument"}  # once, or as often as a busy machine asks again
            await desk.stop()


async def test_an_order_rests_on_while_both_connections_are_replaced(tmp_path: Path) -> None:
    aging = Settings(age_ns_max=S)
    async with desk_on_the_exchange(tmp_path / "ledger.jsonl", QUIET, aging) as (desk, clock, _):
        touch = (await desk.hear(BookSnapshot)).bids[0][0]
        now = clock.now()
        order = PlaceOrder(
            order_id="abc000000000001",
            instrument=KEY,
            strategy="core",
            side=Side.BUY,
            level=0,
            price=touch,
            quantity=10,
            intent=Intent.QUOTE,
            valid_until=now + DEADLINE,
            deadline=now + DEADLINE,
        )
        desk.send(order)
        await desk.hear(OrderWorking)

        await desk.hear(CoverLost)
        await eventually(lambda: {MARKET, TRADING} <= set(desk.ended), "the first connections have ended")
        desk.send(AskOpenOrders(scope=KEY, deadline=clock.now() + DEADLINE))
        resting = await desk.hear(OpenOrdersReported)

        assert [report.order_id for report in resting.orders] == [order.order_id]
        assert not any(isinstance(fact, SessionLost | FeedLost | OrderCanceled) for fact in desk.facts)


async def test_an_order_is_placed_amended_filled_in_part_and_canceled(tmp_path: Path) -> None:
    async with desk_on_the_exchange(tmp_path / "ledger.jsonl", QUIET) as (desk, clock, url):
        defined = await desk.hear(InstrumentDefined)
        assert defined.instrument == BTC_PERPETUAL
        book = await desk.hear(BookSnapshot)
        touch = book.bids[0][0]
        now = clock.now()
        shared = {"instrument": KEY, "valid_until": now + DEADLINE, "deadline": now + DEADLINE}
        first = PlaceOrder(
            order_id="abc000000000001",
            strategy="core",
            side=Side.BUY,
            level=0,
            price=touch + 1,
            quantity=10,
            intent=Intent.QUOTE,
            **shared,
        )

        desk.send(first)
        placed = await desk.hear(OrderWorking, lambda fact: fact.answers is Request.PLACE)
        shown = await desk.hear(BookChanged)

        assert (placed.price, placed.quantity) == (touch + 1, 10)
        assert shown.bids == ((touch + 1, 10),)

        desk.send(
            AmendOrder(
                order_id=first.order_id,
                venue_order_id=placed.venue_order_id,
                price=touch + 2,
                quantity=8,
                intent=Intent.QUOTE,
                **shared,
            )
        )
        amended = await desk.hear(OrderWorking, lambda fact: fact.answers is Request.AMEND)

        assert (amended.price, amended.quantity) == (touch + 2, 8)

        await sell_at_market(url, 30)
        fill = await desk.hear(OrderFilled)
        printed = await desk.hear(TradePrinted)

        assert (fill.order_id, fill.price, fill.amount) == (first.order_id, BTC_PERPETUAL.price(touch + 2), 30)
        assert (fill.liquidity, fill.fee_currency) == (Liquidity.MAKER, "BTC")
        assert fill.fee == (Decimal(-30) / fill.price * Decimal("0.0001")).quantize(Decimal("1e-8"))
        assert (printed.price, printed.quantity, printed.taker) == (touch + 2, 3, Side.SELL)

        desk.send(CancelOrder(order_id=first.order_id, venue_order_id=placed.venue_order_id, **_due(clock)))
        canceled = await desk.hear(OrderCanceled)

        assert (canceled.order_id, canceled.reason) == (first.order_id, "user_request")

        desk.send(CancelOrder(order_id=first.order_id, venue_order_id=placed.venue_order_id, **_due(clock)))
        refused = await desk.hear(RequestRejected)

        assert refused.reason is RejectReason.NOT_OPEN


async def test_what_would_take_is_refused_and_what_comes_too_late_as_well(tmp_path: Path) -> None:
    async with desk_on_the_exchange(tmp_path / "ledger.jsonl", QUIET) as (desk, clock, _):
        book = await desk.hear(BookSnapshot)
        now = clock.now()
        shared = {"instrument": KEY, "strategy": "core", "side": Side.BUY, "level": 0, "quantity": 1}
        shared |= {"intent": Intent.QUOTE, "deadline": now + DEADLINE}

        desk.send(
            PlaceOrder(order_id="abc000000000001", price=book.asks[0][0], valid_until=now + DEADLINE, **shared),
            PlaceOrder(order_id="abc000000000002", price=book.bids[0][0], valid_until=now - S, **shared),
        )
        crossing = await desk.hear(OrderRejected, lambda fact: fact.order_id == "abc000000000001")
        late = await desk.hear(OrderRejected, lambda fact: fact.order_id == "abc000000000002")

        assert crossing.reason is RejectReason.POST_ONLY
        assert late.reason is RejectReason.TOO_LATE


async def test_the_exchange_answers_every_question(tmp_path: Path) -> None:
    async with desk_on_the_exchange(tmp_path / "ledger.jsonl", QUIET) as (desk, clock, url):
        book = await desk.hear(BookSnapshot)
        since = clock.now()
        order = PlaceOrder(
            order_id="abc000000000001",
            strategy="core",
            side=Side.BUY,
            level=0,
            price=book.bids[0][0] + 1,
            quantity=5,
            intent=Intent.QUOTE,
            valid_until=since + DEADLINE,
            **_due(clock),
        )
        desk.send(order)
        await desk.hear(OrderWorking)
        await sell_at_market(url, 20)
        fill = await desk.hear(OrderFilled)
        desk.facts.clear()

        desk.send(
            AskOpenOrders(**_about(clock)),
            AskOrder(order_id=order.order_id, **_due(clock)),
            AskOrder(order_id="abc000000000009", **_due(clock)),
            AskTrades(since=since - S, **_about(clock)),
            AskPosition(**_about(clock)),
            AskBalance(venue="deribit", currency="BTC", deadline=clock.now() + DEADLINE),
        )
        orders = await desk.hear(OpenOrdersReported)
        found = await desk.hear(OrderReported)
        missing = await desk.hear(OrderNotFound)
        trades = await desk.hear(TradesReported)
        position = await desk.hear(PositionReported)
        balance = await desk.hear(BalanceReported)

        assert [report.order_id for report in orders.orders] == [order.order_id]
        assert (found.order.status, found.order.filled, found.order.quantity) == (Status.WORKING, 20, 5)
        assert since <= missing.venue_time <= clock.now()
        assert [(told.trade_id, told.price, told.amount, told.fee) for told in trades.fills] == [
            (fill.trade_id, fill.price, fill.amount, fill.fee)
        ]
        assert not trades.has_more
        assert position.amount == 20
        assert balance.balance == 10 - fill.fee


async def test_trades_are_paged_by_their_number_to_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_trades, "PER_PAGE", 2)
    async with desk_on_the_exchange(tmp_path / "ledger.jsonl", QUIET) as (desk, clock, url):
        book = await desk.hear(BookSnapshot)
        since = clock.now()
        desk.send(
            PlaceOrder(
                order_id="abc000000000001",
                strategy="core",
                side=Side.BUY,
                level=0,
                price=book.bids[0][0] + 1,
                quantity=5,
                intent=Intent.QUOTE,
                valid_until=since + DEADLINE,
                **_due(clock),
            )
        )
        await desk.hear(OrderWorking)
        for _ in range(5):
            await sell_at_market(url, 10)
        await eventually(lambda: len(fills_among(desk.facts)) == 5, "five fills are told")
        happened = [fill.trade_id for fill in fills_among(desk.facts)]

        pages: list[TradesReported] = []
        while not pages or pages[-1].has_more:
            desk.facts.clear()
            desk.send(AskTrades(since=since - S, **_about(clock)))
            pages.append(await desk.hear(TradesReported))

        assert list(dict.fromkeys(fill.trade_id for page in pages for fill in page.fills)) == happened
        assert len(pages) == 4, "each but the first begins with the trade that the one before ended with"


def fills_among(facts: list[Event]) -> list[OrderFilled]:
    return [fact for fact in facts if isinstance(fact, OrderFilled)]


async def test_a_lively_book_chains_and_stays_alive(tmp_path: Path) -> None:
    lively = SyntheticSettings(minutes_per_second=60.0)
    async with desk_on_the_exchange(tmp_path / "ledger.jsonl", lively) as (desk, _, _url):
        await desk.hear(LinkAlive)
        await eventually(lambda: sum(isinstance(fact, BookChanged) for fact in desk.facts) > 200, "the book changes")

        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        changes = 0
        for fact in desk.facts:
            if isinstance(fact, BookSnapshot | BookChanged):
                changes += 1
                bids = {price: quantity for price, quantity in {**bids, **dict(fact.bids)}.items() if quantity}
                asks = {price: quantity for price, quantity in {**asks, **dict(fact.asks)}.items() if quantity}
                assert max(bids) < min(asks)
        assert changes > 200


def _due(clock: SessionClock) -> dict[str, Any]:
    return {"instrument": KEY, "deadline": clock.now() + DEADLINE}


def _about(clock: SessionClock) -> dict[str, Any]:
    return {"scope": KEY, "deadline": clock.now() + DEADLINE}
