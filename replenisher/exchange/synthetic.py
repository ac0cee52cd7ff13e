"""The synthetic market: a seeded order flow and the clients in one book, matched by price and time."""

from collections.abc import Container, Sequence

from replenisher.exchange.flow import OrderFlow, RandomSource, SyntheticSettings
from replenisher.exchange.market import Cause, ClientOrder, Happening, PublicLevel, Reach, Traded
from replenisher.exchange.matching import Book, Match
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side


class SyntheticMarket:
    """Lets agents and clients trade with each other. It never closes."""

    source = "synthetic"
    is_open = True
    feed_ns = 0

    def __init__(self, instrument: Instrument, settings: SyntheticSettings, random: RandomSource, at: int) -> None:
        self.instrument = instrument
        self._book = Book()
        self._flow = OrderFlow(self._book, settings, random, at)
        self._has_index = settings.informed_share > 0
        self._book.changes()  # what the agents did before anybody looked is no news
        self._clients: set[str] = set()  # orders of theirs that may still trade

    @property
    def next_at(self) -> int | None:
        """When the next agent acts."""
        return self._flow.next_at

    @property
    def index(self) -> float | None:
        """What the informed know. Where there are none, nothing holds the book to it, and it is no index."""
        return self._flow.efficient_price if self._has_index else None

    def best(self, side: Side, *, without: str = "") -> int | None:
        """The touch; nothing is hidden here, so nobody on the other side matters to it."""
        return self._book.best(side)

    def reach(self, order: ClientOrder, *, without: Container[str] = ()) -> Reach:
        """What the order would trade; agents have no names here."""
        reached = self._book.reach(order.side, order.price, order.quantity, without=without)
        return Reach(reached.takes, tuple(maker for maker in reached.makers if maker in self._clients))

    def stand_still(self, duration_ns: int) -> None:
        """The agents wait."""
        self._flow.next_at += duration_ns

    def depth(self) -> Sequence[PublicLevel]:
        """The whole book."""
        return self._book.depth()

    def advance(self, at: int) -> list[Happening]:
        """Let agents act up to `at`."""
        happenings: list[Happening] = []
        while (now := self._flow.next_at) <= at:
            happening = self._tell(self._flow.act(), now)
            if happening.bids or happening.asks or happening.trades:
                happenings.append(happening)
        return happenings

    def place(self, order: ClientOrder, at: int) -> Happening:
        """A client's order takes what it can, and rests if it may."""
        self._clients.add(order.order_id)
        matches = self._book.place(order.order_id, order.side, order.price, order.quantity, rests=order.rests)
        happening = self._tell(matches, at)
        if order.order_id not in self._book:
            self._clients.discard(order.order_id)
        return happening

    def amend(self, order_id: str, *, price: int, quantity: int, at: int) -> Happening:
        """A client's order moves."""
        happening = self._tell(self._book.amend(order_id, price, quantity), at)
        if order_id not in self._book:
            self._clients.discard(order_id)
        return happening

    def cancel(self, order_id: str, at: int) -> Happening:
        """A client's order leaves."""
        self._book.cancel(order_id)
        self._clients.discard(order_id)
        return self._tell([], at)

    def _tell(self, matches: Sequence[Match], at: int) -> Happening:
        """What one taker did. The cause of its clients' fills is its whole order, up to the worst price it got."""
        trades: list[Traded] = []
        if matches:
            taker = matches[0].taker
            total = sum(match.quantity for match in matches)
            # With the time, because a next life counts its takers from one again.
            cause = Cause(f"{taker}@{at}", matches[-1].price, total)
            for match in matches:
                is_clients = match.maker in self._clients
                trades.append(
                    Traded(
                        price=match.price,
                        quantity=match.quantity,
                        taker=match.taker_side,
                        maker_order=match.maker if is_clients else "",
                        taker_order=taker if taker in self._clients else "",
                        cause=cause if is_clients else None,
                    )
                )
                if is_clients and match.maker not in self._book:
                    self._clients.discard(match.maker)
        bids, asks = self._book.changes()
        return Happening(at=at, trades=tuple(trades), bids=bids, asks=asks)
