"""How many orders a second the exchange takes: `python -m bench.exchange_orders [--json]`.

What is run. Two clients on one market on which nobody else does anything, in blocks of the same five batches: the maker
places orders inside the spread, the taker takes all of them, the maker places as many behind them, amends each, and
cancels each. So a block of a hundred is 300 orders in 500 requests with 200 fills, one on either side of each trade;
the sides change from block to block, and nobody's position grows.

Once through `Exchange` alone, on virtual time, its ledger in memory: what matching, accounts and ledger cost. Once
through the real socket: the server in a process of its own as `replenisher exchange` runs it, its ledger on disk, every
request and reply as JSON; a batch is sent at once and its replies are read. The limits of the venue are off. In turn
with them, the same number of frames of the same sizes against `echo_server.py`, a server that does nothing: what a
socket costs at least.

What is printed, with `--json` as one document:
    {"matching" | "socket": {"orders", "fills", "requests", "orders_per_second", "requests_per_second",
                             "hash": of the whole ledger; that of `matching` is the same in every run},
     "echo": {"frames", "frames_per_second"},
     "socket_ratio_to_echo": requests a second through the socket over frames a second of the echo}
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from bench.exchange import MAKER, TAKER, exchange_of_two
from bench.fingerprint import fingerprint
from bench.progress import Progress
from bench.small_exchange import BTC_PERPETUAL
from bench.venue import BenchFailed
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.words import OrderRequest, Outcome
from replenisher.model.order import Side

START = 1_700_000_000_000_000_000
BATCH = 100
TICKS_BEHIND = 2
AMOUNT = Decimal(10)
REQUESTS, ORDERS, FILLS = 5, 3, 2  # of one row of a block: placed, taken, placed, amended, cancelled
ROOT = Path(__file__).parent.parent


@dataclass(slots=True)
class Run:
    """What was run one way, and how long it took."""

    rows: int = 0
    spent_ns: int = 0

    def document(self, ledger: bytes) -> dict[str, Any]:
        """The figures; what was run is counted in the ledger and must be what it should be."""
        kinds = [line.partition(b",")[0] for line in ledger.splitlines()]
        orders, fills = kinds.count(b'{"type":"order"'), kinds.count(b'{"type":"trade"')
        if (orders, fills) != (ORDERS * self.rows, FILLS * self.rows):
            raise BenchFailed(f"{self.rows} rows should have been {ORDERS * self.rows} orders, the ledger has {orders}")
        seconds = self.spent_ns / 1e9
        return {
            "orders": orders,
            "fills": fills,
            "requests": REQUESTS * self.rows,
            "orders_per_second": round(orders / seconds),
            "requests_per_second": round(REQUESTS * self.rows / seconds),
            "hash": fingerprint(ledger),
        }


def prices(exchange: Exchange) -> tuple[Decimal, dict[Side, Decimal]]:
    """One price in the middle of the spread, and one on either side that nobody takes."""
    book = exchange.views.book(BTC_PERPETUAL.name)
    (bid, _), (ask, _) = book.bids[0], book.asks[0]
    middle = (bid + ask) / 2 // BTC_PERPETUAL.tick * BTC_PERPETUAL.tick
    behind = {side: middle - side.sign * TICKS_BEHIND * BTC_PERPETUAL.tick for side in Side}
    if not bid < min(behind.values()) < max(behind.values()) < ask:
        raise BenchFailed(f"there is no room between {bid} and {ask}")
    return middle, behind


class Matching:
    """The exchange alone."""

    def __init__(self) -> None:
        self.run = Run()
        self.ledger = bytearray()
        self._at = START
        self._exchange = exchange_of_two(self.ledger.extend, START)
        self.middle, self.behind = prices(self._exchange)

    def block(self, side: Side) -> None:
        """One block; what the exchange reports is taken from it, as its dialects do."""
        began = time.perf_counter_ns()
        for account, its_side, price in (
            (MAKER, side, self.middle),
            (TAKER, side.opposite, self.middle),
        ):
            for _ in range(BATCH):
                self._place(account, its_side, price)
        rest = [self._place(MAKER, side, self.behind[side]) for _ in range(BATCH)]
        for order_id in rest:
            self._took(
                self._exchange.amend(
                    MAKER,
                    order_id,
                    amount=AMOUNT,
                    price=self.behind[side] - side.sign * BTC_PERPETUAL.tick,
                    post_only=False,
                    reject_post_only=False,
                    valid_until=None,
                    method="private/edit",
                    at=self._next_at(),
                )
            )
        for order_id in rest:
            self._took(self._exchange.cancel(MAKER, order_id, method="private/cancel", at=self._next_at()))
        self.run.spent_ns += time.perf_counter_ns() - began
        self.run.rows += BATCH

    def _place(self, account: str, side: Side, price: Decimal) -> str:
        request = OrderRequest(
            account=account,
            connection=account,
            instrument=BTC_PERPETUAL.name,
            side=side,
            amount=AMOUNT,
            price=price,
            method=f"private/{side}",
        )
        return self._took(self._exchange.place(request, self._next_at()))

    def _took(self, outcome: Outcome) -> str:
        self._exchange.reports()
        if outcome.order is None:
            raise BenchFailed(f"the exchange refused an order: {outcome.refusal}")
        return outcome.order.order_id

    def _next_at(self) -> int:
        self._at += 1000
        return self._at


@dataclass(slots=True)
class Socket:
    """The same through the server, over two connections, and beside it an echo."""

    maker: ClientConnection
    taker: ClientConnection
    echo: ClientConnection
    middle: Decimal
    behind: dict[Side, Decimal]
    run: Run = field(default_factory=Run)
    echoed: Run = field(default_factory=Run)
    _number: int = 0

    async def block(self, side: Side) -> None:
        """One block of requests."""
        began = time.perf_counter_ns()
        await self._batch(self.maker, f"private/{side}", [self._order(self.middle)] * BATCH)
        await self._batch(self.taker, f"private/{side.opposite}", [self._order(self.middle)] * BATCH)
        placed = await self._batch(self.maker, f"private/{side}", [self._order(self.behind[side])] * BATCH)
        ids = [reply["order"]["order_id"] for reply in placed]
        further = float(self.behind[side] - side.sign * BTC_PERPETUAL.tick)
        edits = [{"order_id": order_id, "amount": float(AMOUNT), "price": further} for order_id in ids]
        await self._batch(self.maker, "private/edit", edits)
        await self._batch(self.maker, "private/cancel", [{"order_id": order_id} for order_id in ids])
        self.run.spent_ns += time.perf_counter_ns() - began
        self.run.rows += BATCH

    async def echo_block(self) -> None:
        """As many frames as a block has requests, a batch at a time."""
        request = json.dumps({"id": 1, "method": "private/buy", "params": self._order(self.middle)})
        began = time.perf_counter_ns()
        for _ in range(REQUESTS):
            for _ in range(BATCH):
                await self.echo.send(request)
            for _ in range(BATCH):
                await self.echo.recv(decode=False)
        self.echoed.spent_ns += time.perf_counter_ns() - began
        self.echoed.rows += BATCH

    async def _batch(self, client: ClientConnection, method: str, requests: Sequence[dict[str, Any]]) -> list[Any]:
        """Send all of them, then read all replies."""
        for params in requests:
            self._number += 1
            await client.send(json.dumps({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}))
        replies = [json.loads(await client.recv(decode=False)) for _ in requests]
        refused = next((reply for reply in replies if "error" in reply), None)
        if refused:
            raise BenchFailed(f"the exchange refused {method}: {refused['error']}")
        return [reply["result"] for reply in replies]

    def _order(self, price: Decimal) -> dict[str, Any]:
        return {"instrument_name": BTC_PERPETUAL.name, "amount": float(AMOUNT), "price": float(price), "type": "limit"}


async def connected(stack: AsyncExitStack, exchange_url: str, echo_url: str, matching: Matching) -> Socket:
    """Both clients logged in, and the echo told what a reply looks like."""
    maker, taker, echo = [
        await stack.enter_async_context(connect(url, proxy=None, compression=None, ping_interval=None, max_queue=None))
        for url in (exchange_url, exchange_url, echo_url)
    ]
    socket = Socket(maker, taker, echo, matching.middle, matching.behind)
    for client, account in ((socket.maker, MAKER), (socket.taker, TAKER)):
        params = {"grant_type": "client_credentials", "client_id": account, "client_secret": account}
        await client.send(json.dumps({"id": 0, "method": "public/auth", "params": params}))
        await client.recv()
    await socket.maker.send(
        json.dumps({"id": 0, "method": "private/get_position", "params": socket._order(Decimal(1))})
    )
    await socket.echo.send(await socket.maker.recv())
    return socket


async def measure(rows: int, exchange_url: str, echo_url: str) -> tuple[Matching, Socket]:
    """All blocks in turn, with a word on stderr now and then."""
    matching = Matching()
    async with AsyncExitStack() as stack:
        socket = await connected(stack, exchange_url, echo_url, matching)
        progress = Progress()
        for number in range(rows // BATCH):
            side = Side.SELL if number % 2 else Side.BUY
            matching.block(side)
            await socket.block(side)
            await socket.echo_block()
            progress.say(f"bench: {(number + 1) * BATCH} of {rows} rows")
    return matching, socket


@contextmanager
def serving(*words: str) -> Iterator[str]:
    """A server of this project in a process of its own; its address."""
    process = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None, "it is a pipe"
    try:
        address = process.stdout.readline().strip()
        if not address:
            raise BenchFailed(f"{words[0]} ended before it listened")
        yield address
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def document(matching: Matching, socket: Socket, ledger: bytes) -> dict[str, Any]:
    """What is printed."""
    frames = socket.echoed.rows * REQUESTS
    alone, through = matching.run.document(bytes(matching.ledger)), socket.run.document(ledger)
    echo = {"frames": frames, "frames_per_second": round(frames / socket.echoed.spent_ns * 1e9)}
    ratio = round(through["requests_per_second"] / echo["frames_per_second"], 3)
    return {"matching": alone, "socket": through, "echo": echo, "socket_ratio_to_echo": ratio}


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{'':<10}{'orders/s':>10}{'requests/s':>12}{'orders':>10}{'fills':>10}  ledger"]
    for name in ("matching", "socket"):
        row = found[name]
        rates = f"{row['orders_per_second']:>10,}{row['requests_per_second']:>12,}"
        lines.append(f"{name:<10}{rates}{row['orders']:>10,}{row['fills']:>10,}  {row['hash']}")
    lines.append(f"{'echo':<10}{'':>10}{found['echo']['frames_per_second']:>12,}")
    lines.append(f"through the socket: {found['socket_ratio_to_echo']} of what the echo does")
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether there was something to measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.exchange_orders", description="Orders a second, measured.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--orders", type=int, default=60_000, metavar="N", help=f"each way, in blocks of {3 * BATCH}")
    chosen = parser.parse_args(words)
    rows = chosen.orders // ORDERS // BATCH * BATCH
    if not rows:
        parser.error(f"--orders must be at least {ORDERS * BATCH}")
    with tempfile.TemporaryDirectory(prefix="replenisher-bench-") as folder:
        ledger = Path(folder) / "exchange.ledger"
        try:
            with (
                serving("bench.exchange", os.fspath(ledger)) as exchange,
                serving("bench.echo_server") as echo,
                asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            ):
                matching, socket = runner.run(measure(rows, exchange, echo))
            found = document(matching, socket, ledger.read_bytes())
        except BenchFailed as failed:
            print(f"bench: {failed}", file=sys.stderr)
            return 1
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
