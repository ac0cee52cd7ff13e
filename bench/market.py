"""The bench's market: its book and its trades happen when the bench says so, and never by themselves."""

from collections.abc import Container, Iterable, Mapping, Sequence

from replenisher.exchange.market import NOTHING, Cause, ClientOrder, Happening, PublicLevel, Reach, Traded
from replenisher.model.event import Level
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side

Place = tuple[Side, int]  # a side of the book, and a price in ticks


class ScriptedMarket:
    """Shows the levels it was told, with the clients' orders beside them. Nobody takes unless told to."""

    source = "scripted"
    index = None  # nobody trades elsewhere
    feed_ns = 0
    is_open = True

    def __init__(self, instrument: Instrument, levels: Mapping[Place, int]) -> None:
        self.instrument = instrument
        self._others = dict(levels)
        self._clients: dict[str, ClientOrder] = {}
        self._due: list[Happening] = []
        self._prints = 0

    # --- What the bench tells it ---------------------------------------------------------------------------------

    def show(self, levels: Mapping[Place, int], at: int) -> None:
        """From `at` on the others show these quantities; 0 takes a level away."""
        self._others = {place: lots for place, lots in (self._others | dict(levels)).items() if lots}
        self._due.append(self._shown(levels, at))

    def print_trade(self, price: int, taker: Side, at: int) -> None:
        """At `at` others trade one lot with each other, and what stands behind that is as before."""
        self._due.append(Happening(at=at, trades=(Traded(price=price, quantity=1, taker=taker),)))

    def eat(self, order_id: str, at: int) -> None:
        """At `at` somebody takes exactly all of a client's order."""
        order = self._clients.pop(order_id)
        assert order.price is not None, "what rests has a price"
        self._prints += 1
        traded = Traded(
            price=order.price,
            quantity=order.quantity,
            taker=order.side.opposite,
            maker_order=order_id,
            cause=Cause(f"script-{self._prints}", order.price, order.quantity),
        )
        self._due.append(self._shown([(order.side, order.price)], at, traded))

    # --- The port ------------------------------------------------------------------------------------------------

    @property
    def next_at(self) -> int | None:
        """When what the bench said comes true."""
        return self._due[0].at if self._due else None

    def best(self, side: Side, *, without: str = "") -> int | None:
        """The touch; an order of a client may be it, and hides nobody."""
        prices = [price for where, price in self._places() if where is side]
        return max(prices, key=lambda price: side.sign * price, default=None)

    def reach(self, order: ClientOrder, *, without: Container[str] = ()) -> Reach:
        """Nobody takes on this market."""
        return NOTHING

    def stand_still(self, duration_ns: int) -> None:
        """What the bench said comes true when it said."""

    def depth(self) -> Sequence[PublicLevel]:
        """The whole book."""
        return [PublicLevel(*place, self._quantity(place)) for place in self._places()]

    def advance(self, at: int) -> list[Happening]:
        """Let come true what is due."""
        due = [happening for happening in self._due if happening.at <= at]
        self._due = self._due[len(due) :]
        return due

    def place(self, order: ClientOrder, at: int) -> Happening:
        """A client's order rests; the bench's clients only ever post."""
        assert order.rests and order.price is not None, "nobody takes on this market"
        self._clients[order.order_id] = order
        return self._shown([(order.side, order.price)], at)

    def amend(self, order_id: str, *, price: int, quantity: int, at: int) -> Happening:
        """A client's order moves."""
        before = self._clients[order_id]
        assert before.price is not None, "what rests has a price"
        self._clients[order_id] = ClientOrder(
            order_id=order_id, side=before.side, price=price, quantity=quantity, rests=True
        )
        return self._shown(dict.fromkeys([(before.side, before.price), (before.side, price)]), at)

    def cancel(self, order_id: str, at: int) -> Happening:
        """A client's order leaves."""
        order = self._clients.pop(order_id)
        assert order.price is not None, "what rests has a price"
        return self._shown([(order.side, order.price)], at)

    def _places(self) -> list[Place]:
        own = [(order.side, order.price) for order in self._clients.values() if order.price is not None]
        return list(dict.fromkeys([*self._others, *own]))

    def _shown(self, places: Iterable[Place], at: int, *trades: Traded) -> Happening:
        levels: dict[Side, list[Level]] = {side: [] for side in Side}
        for side, price in places:
            levels[side].append((price, self._quantity((side, price))))
        return Happening(at=at, trades=trades, bids=tuple(levels[Side.BUY]), asks=tuple(levels[Side.SELL]))

    def _quantity(self, place: Place) -> int:
        own = sum(order.quantity for order in self._clients.values() if (order.side, order.price) == place)
        return self._others.get(place, 0) + own
