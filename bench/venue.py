"""The bench as a venue: a real exchange and a real dialect, held still while a burst of orders is measured.

While a burst is measured nothing is done but to read: frames are stamped when they arrive, and answered one by one once
all that were expected are there. So the exchange's own work falls between the bursts and never into one, and yet every
order is booked: the exchange keeps a second book for the audit.
"""

import re
import selectors
import socket
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import NamedTuple, assert_never

import msgspec

from bench.market import Place, ScriptedMarket
from bench.small_exchange import BTC_PERPETUAL, MAKER_RATE, TAKER_RATE, exchange_of
from bench.wire import Arrival, Wire
from replenisher.config.sections import PAPER_KEY
from replenisher.exchange.dialects.deribit import Deribit, DeribitSettings
from replenisher.exchange.dialects.deribit.login import ApiKey
from replenisher.exchange.dialects.dialect import Action, Close, HttpReply, Send
from replenisher.exchange.exchange import Listing
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.exchange.server import HOST
from replenisher.live.clock import SessionClock
from replenisher.model.order import Side

ACCOUNT = "main"
INSTRUMENTS = (BTC_PERPETUAL.name,)  # the only one, or the first of many
CREDITS = 1_000_000  # a second: the rate limit is not what is measured
PATIENCE_S = 10.0
START_S_MAX = 60.0  # of a daemon with one instrument; it is a second more for each further one, and ccxt loads slowly
LOOK_S = 0.1  # how often whatever is waited for is looked at while nothing arrives
ECHO_PATH = "/echo"
PEER_PATH = "/peer"
ORDER = re.compile(rb'"private/(?:buy|sell|edit|cancel)')


class BenchFailed(Exception):
    """What was to be measured did not happen."""


class Burst(NamedTuple):
    """One thing that was sent, and the orders that came back."""

    sent_ns: int
    orders_ns: list[int]

    @property
    def first_ns(self) -> int:
        """From what was sent to the first order."""
        return self.orders_ns[0] - self.sent_ns

    @property
    def last_ns(self) -> int:
        """From what was sent to the last order."""
        return self.orders_ns[-1] - self.sent_ns


class BenchVenue:
    """Everything at the other end of the daemon's sockets, and of the echo's."""

    def __init__(self, ledger: Path, levels: Mapping[Place, int], instruments: Sequence[str] = INSTRUMENTS) -> None:
        self.order_frame = b""  # the last one that arrived
        self.beside: BenchVenue | None = None  # another one, which must not fall silent while we wait
        self._clock = SessionClock()
        self._file = LedgerFile(ledger)
        self._markets = {
            name: ScriptedMarket(msgspec.structs.replace(BTC_PERPETUAL, name=name), levels) for name in instruments
        }
        self._exchange = exchange_of(
            ACCOUNT,
            listings=[
                Listing(market=market, maker_rate=MAKER_RATE, taker_rate=TAKER_RATE)
                for market in self._markets.values()
            ],
            cash={"BTC": Decimal(10 * len(instruments))},
            append=self._file.append,
            at=self._clock.now(),
            past=self._file.past,
        )
        keys = (ApiKey(PAPER_KEY, PAPER_KEY, ACCOUNT),)
        self._dialect = Deribit(
            self._exchange, DeribitSettings(keys=keys, credits_per_s=CREDITS, credits_burst=CREDITS)
        )
        self._wires: dict[str, Wire] = {}  # the daemon's connections, by the name that the dialect knows
        self._names: dict[Wire, str] = {}
        self._connections = 0
        self._echo: Wire | None = None
        self._peer: Wire | None = None
        self._peer_is_ready = False
        self._trading: Wire | None = None  # the one of the daemon's on which orders come
        self._orders = 0  # that the daemon has sent
        self._listener = socket.create_server((HOST, 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.address = f"ws://{HOST}:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Hang up on everybody; the ledger is whole then."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, Wire):
                self._end(key.fileobj)
        self._selector.close()
        self._listener.close()
        self._file.close()

    # --- What can be waited for ----------------------------------------------------------------------------------

    def serve_until(self, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
        """Be a venue like any other until something has come true, and let the one beside us be one, too."""
        deadline = monotonic() + patience_s
        while not condition():
            if monotonic() > deadline:
                raise BenchFailed(f"{what} did not come within {patience_s:.0f} s")
            self._serve(LOOK_S if self.beside is None else 0.0)
            if self.beside is not None:
                self.beside._serve(LOOK_S / 100)

    def ladders_rest(self, orders: int) -> None:
        """Until the daemon has placed its first ladders, and dealt with the answers."""
        patience_s = START_S_MAX + len(self._markets)
        self.serve_until(
            lambda: len(self._exchange.views.open_orders(ACCOUNT)) == orders, "the first ladders", patience_s
        )
        self.settle()

    def ladder_rests_after_trades(
        self, orders: int, trades: Sequence[Place], books: Sequence[Mapping[Place, int]]
    ) -> None:
        """The same, while others trade one lot at these places and show these levels, in turn, the last ones last."""
        turns = zip(cycle(trades), cycle(books), strict=False)

        def rests() -> bool:
            (taker, price), levels = next(turns)
            at = self._clock.now()
            market = self._markets[INSTRUMENTS[0]]
            market.print_trade(price, taker, at)
            market.show(levels, at)
            self._exchange.look_again()
            self._dialect.wake(at)
            self._carry_all()
            return levels is books[-1] and len(self._exchange.views.open_orders(ACCOUNT)) == orders

        self.serve_until(rests, "the first ladder", START_S_MAX)
        self.settle()

    def echo_is_there(self) -> None:
        """Until the echo has connected."""
        self.serve_until(lambda: self._echo is not None, "the echo's connection", START_S_MAX)

    def peer_is_there(self, snapshot: bytes) -> None:
        """Until the peer has subscribed and has been shown a book."""
        self.serve_until(lambda: self._peer_is_ready, "the peer's subscription", START_S_MAX)
        assert self._peer is not None, "it has subscribed"
        self._peer.send(snapshot)

    def settle(self) -> None:
        """Until the daemon has dealt with everything it was sent.

        A ping is answered by the library when it reads, before what it read is dealt with; a second ping is read only
        after that. So the answer to the second one says that all is done.
        """
        self._settle(list(self._wires.values()))

    def settle_echo(self) -> None:
        """The same with the echo."""
        assert self._echo is not None, "the echo is there before it is measured"
        self._settle([self._echo])

    def settle_peer(self) -> None:
        """The same with the peer."""
        assert self._peer is not None, "the peer is there before it is measured"
        self._settle([self._peer])

    # --- What is measured ----------------------------------------------------------------------------------------

    def book_change(self, levels: Mapping[Place, int], instrument: str = INSTRUMENTS[0]) -> Send:
        """The notification that these levels of the others have changed, ready to be sent."""
        at = self._clock.now()
        self._markets[instrument].show(levels, at)
        self._exchange.look_again()
        self._dialect.wake(at)
        return self._taken(f"book.{instrument}.")[0]

    def others_trade(self, trades: Sequence[Place]) -> None:
        """Others trade one lot with each other at each of these places, and the daemon has dealt with the news."""
        at = self._clock.now()
        for taker, price in trades:
            self._markets[INSTRUMENTS[0]].print_trade(price, taker, at)
        self._exchange.look_again()
        self._dialect.wake(at)
        self._carry_all()
        self.settle()

    def tick(self, change: Send, orders: int) -> Burst:
        """Send a book change, and read until so many orders have come."""
        return self._measured(change, orders, [])

    def refill(self, side: Side) -> Burst:
        """Let somebody take the best order of the daemon on one side, and read until there is one in its place.

        The private message goes out first and alone; the public ones about the same trade follow after the order, as
        two connections are in no order anyway.
        """
        mine = [order for order in self._exchange.views.open_orders(ACCOUNT) if order.side is side]
        best = max(mine, key=lambda order: side.sign * (order.price or 0))
        at = self._clock.now()
        self._markets[INSTRUMENTS[0]].eat(best.order_id, at)
        self._exchange.look_again()
        self._dialect.wake(at)
        name = INSTRUMENTS[0]
        private, *public = self._taken("user.changes.", f"trades.{name}.", f"book.{name}.")
        return self._measured(private, 1, public)

    def teach_echo(self, answer: bytes) -> None:
        """Tell the echo what to answer with."""
        assert self._echo is not None, "the echo is there before it is told anything"
        self._echo.send(answer)

    def echo(self, frame: bytes) -> Burst:
        """Send a frame to the echo, and read the one it answers with."""
        assert self._echo is not None, "the echo is there before it is measured"
        return _round_trip(self._echo, frame, "the echo")

    def peer(self, frame: bytes) -> Burst:
        """Send a book change to the peer, and read the order it answers with."""
        assert self._peer is not None, "the peer is there before it is measured"
        return _round_trip(self._peer, frame, "the peer")

    @property
    def messages(self) -> int:
        """How many frames the daemon has been sent."""
        return sum(wire.frames_sent for wire in self._wires.values())

    @property
    def echo_messages(self) -> int:
        """How many frames the echo has been sent."""
        return 0 if self._echo is None else self._echo.frames_sent

    def _measured(self, provocation: Send, orders: int, rest: Sequence[Send]) -> Burst:
        """Send one frame, read the orders, and only then send the rest and answer. Nothing else may have been sent."""
        assert self._trading is not None, "there was a ladder before there are rounds"
        before = self._orders
        wire, trading = self._wires[provocation.connection], self._trading
        arrivals: list[Arrival] = []
        orders_ns: list[int] = []
        deadline = monotonic() + PATIENCE_S
        data = wire.framed(provocation.frame.encode())
        sent_ns = wire.send_framed(data)
        while len(orders_ns) < orders:
            new = trading.read()
            arrivals += new
            orders_ns += [at_ns for frame, at_ns in new if ORDER.search(frame)]
            if not trading.is_open or monotonic() > deadline:
                raise BenchFailed(f"{len(orders_ns)} of {orders} orders came after {provocation.frame}")
        for send in rest:
            self._carry(send)
        for frame, _ in arrivals:
            self._answer(trading, frame)
        self.settle()
        if self._orders - before != orders:
            raise BenchFailed(f"{self._orders - before} orders came, not {orders}, after {provocation.frame}")
        return Burst(sent_ns, orders_ns)

    def _settle(self, wires: Sequence[Wire]) -> None:
        self._await_pongs(wires)
        self._await_pongs(wires)

    def _await_pongs(self, wires: Sequence[Wire]) -> None:
        pongs = sum(wire.pongs for wire in wires) + len(wires)
        for wire in wires:
            wire.ping()
        self.serve_until(lambda: sum(wire.pongs for wire in wires) == pongs, "the answer to a ping")

    def _taken(self, *channels: str) -> list[Send]:
        """What the dialect has to send on these channels, in their order; everything else is sent at once."""
        found: dict[str, Send] = {}
        for action in self._dialect.actions():
            channel = next((name for name in channels if _is_on(name, action)), None)
            if channel is None or not isinstance(action, Send):
                self._carry(action)
            else:
                assert channel not in found, "one event, one notification a channel"
                found[channel] = action
        if missing := [channel for channel in channels if channel not in found]:
            raise BenchFailed(f"the daemon is not subscribed to {', '.join(missing)}")
        return [found[channel] for channel in channels]

    # --- A venue like any other ----------------------------------------------------------------------------------

    def _serve(self, patience_s: float) -> None:
        """Deal with what has arrived, or wait a moment until something does."""
        for key, _ in self._selector.select(patience_s):
            if isinstance(key.fileobj, Wire):
                self._hear(key.fileobj)
            else:
                wire = Wire(self._listener.accept()[0], PATIENCE_S)
                self._selector.register(wire, selectors.EVENT_READ)
        at, wake = self._clock.now(), self._dialect.next_wake
        if wake is not None and wake <= at:
            self._dialect.wake(at)
            self._carry_all()

    def _hear(self, wire: Wire) -> None:
        arrivals = wire.read()
        if wire.path and wire not in self._names and wire not in (self._echo, self._peer):
            self._opened(wire)
        for frame, _ in arrivals:
            self._answer(wire, frame)
        if not wire.is_open:
            self._end(wire)

    def _opened(self, wire: Wire) -> None:
        if wire.path == ECHO_PATH:
            self._echo = wire
            return
        if wire.path == PEER_PATH:
            self._peer = wire
            return
        self._connections += 1
        name = f"connection-{self._connections}"
        self._wires[name], self._names[wire] = wire, name
        self._dialect.opened(name, self._clock.now())

    def _end(self, wire: Wire) -> None:
        """Hang up, once; the orders of a connection end with it."""
        if wire.fileno() < 0:
            return
        self._selector.unregister(wire)
        wire.close()
        if (name := self._names.pop(wire, None)) is not None:
            del self._wires[name]
            self._dialect.closed(name, self._clock.now())
            self._carry_all()

    def _answer(self, wire: Wire, frame: bytes) -> None:
        if wire is self._peer:
            asked = msgspec.json.decode(frame)
            wire.send(msgspec.json.encode({"jsonrpc": "2.0", "id": asked["id"], "result": asked["params"]["channels"]}))
            self._peer_is_ready = True
        if (name := self._names.get(wire)) is None:
            return
        if ORDER.search(frame):
            self._orders += 1
            self._trading, self.order_frame = wire, frame
        self._dialect.received(name, frame, self._clock.now())
        self._carry_all()

    def _carry_all(self) -> None:
        for action in self._dialect.actions():
            self._carry(action)

    def _carry(self, action: Action) -> None:
        wire = self._wires.get(action.connection)
        if wire is None:
            return
        match action:
            case Send(frame=frame):
                wire.send(frame.encode())
            case Close():
                self._end(wire)
            case HttpReply():
                raise AssertionError("nobody asks over HTTP here")
            case _ as never:
                assert_never(never)


def _round_trip(wire: Wire, frame: bytes, who: str) -> Burst:
    data = wire.framed(frame)
    sent_ns = wire.send_framed(data)
    arrivals = wire.read()
    if len(arrivals) != 1:
        raise BenchFailed(f"{who} did not answer")
    return Burst(sent_ns, [arrivals[0].at_ns])


def _is_on(channel: str, action: Action) -> bool:
    return isinstance(action, Send) and f'"channel":"{channel}' in action.frame
