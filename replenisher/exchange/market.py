"""The port: one instrument's book, queue and fills, whatever its source: synthetic, recorded or live.

The exchange keeps accounts, ledger, ids and refusals; a market only decides what the book shows, where in the queue an
order stands, and what fills it. It is told requests and time and answers with what happened. It hears no clock
and opens nothing. Prices are integer ticks and quantities integer lots of `instrument`.

The exchange promises: the `at` of requests never decreases; before `place`, `amend` or `cancel` it has called `advance`
as far as it got, so that a market that is behind may be told an `at` after its own `next_at`; an order's side, grid,
owner, funds and post-only wish are already judged; no order id is used twice.
"""

from collections.abc import Container, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from replenisher.exchange.interruptions import Interruption
from replenisher.model.event import Level
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, SELL, Side


class ClientOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order of one of the exchange's accounts, as far as a market must know it."""

    order_id: str
    side: Side
    price: int | None  # ticks; None takes at any price
    quantity: int  # lots
    rests: bool  # whether what is not filled at once stays in the book


class PublicLevel(msgspec.Struct, frozen=True, gc=False):
    """The public quantity at one price, orders of clients included; 0 when the level is gone."""

    side: Side  # BUY for a bid level
    price: int
    quantity: int


class Cause(msgspec.Struct, frozen=True, gc=False):
    """What took a resting order of a client: a tape's trade, or the order of a taker and how far it went.

    The fills that name one cause never sum to more than its `quantity`, and its `price` is at their price or beyond.
    """

    trade_id: str
    price: int
    quantity: int


class Traded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One public print. Those of one taker sum to what it traded, with the part of each client's order apart."""

    price: int
    quantity: int
    taker: Side
    maker_order: str = ""  # the client's order that rested; empty if it was somebody else's
    taker_order: str = ""  # the client's order that took; empty if it was somebody else's
    cause: Cause | None = None  # always there with a `maker_order`


class Happening(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything one event did to one instrument: told to the public as one book change.

    A market may name levels that are what they were; who tells them on leaves those out.
    """

    at: int
    trades: tuple[Traded, ...] = ()
    bids: tuple[Level, ...] = ()  # the new quantity at every price it touched, each once; 0 when the level is gone
    asks: tuple[Level, ...] = ()
    lost: bool = False  # the book is out of sight from now on: nothing of it is told, and nothing trades
    found: bool = False  # it is in sight again; the levels say what is another than when it was seen last
    closed: bool = False  # the market has ended for good: nothing is traded after this

    @property
    def levels(self) -> tuple[PublicLevel, ...]:
        """The touched levels of both sides."""
        bids = [PublicLevel(BUY, price, quantity) for price, quantity in self.bids]
        return tuple(bids + [PublicLevel(SELL, price, quantity) for price, quantity in self.asks])


NOTHING_HAPPENED = Happening(at=0)


class Reach(msgspec.Struct, frozen=True, gc=False):
    """What an order would trade at once."""

    takes: tuple[tuple[int, int], ...] = ()  # (price, lots), best price first
    makers: tuple[str, ...] = ()  # the clients' orders it would meet, in that order

    @property
    def quantity(self) -> int:
        """All of it, in lots."""
        return sum(lots for _, lots in self.takes)


NOTHING = Reach()


class Market(Protocol):
    """Where one instrument trades."""

    @property
    def instrument(self) -> Instrument:
        """What is traded here."""

    @property
    def source(self) -> str:
        """How the ledger names this kind of market: `synthetic` or `recorded`."""

    @property
    def is_open(self) -> bool:
        """Whether orders are still taken; cancels always are."""

    @property
    def next_at(self) -> int | None:
        """When the market next does something by itself; None when it never will again."""

    @property
    def feed_ns(self) -> int:
        """How much longer the last message took to its recorder than the fastest one; 0 where there is none."""

    @property
    def index(self) -> float | None:
        """What the instrument is worth elsewhere, in ticks; None where this market knows no elsewhere."""

    def best(self, side: Side, *, without: str = "") -> int | None:
        """The best price at which an order of the other side would trade at once; BUY asks for the bid.

        With an order's id the answer is as it would be if that order were gone, which matters where what rests hides
        those who would trade with it.
        """

    def reach(self, order: ClientOrder, *, without: Container[str] = ()) -> Reach:
        """What the order would trade if it were placed now and the orders `without` were gone; nothing changes."""

    def depth(self) -> Sequence[PublicLevel]:
        """The whole public book as it stands, in any order."""

    def advance(self, at: int) -> list[Happening]:
        """Run the market up to and including `at`, and tell what happened, oldest first."""

    def stand_still(self, duration_ns: int) -> None:
        """Nothing happened for so long: all that the market would do by itself it does so much later."""

    def place(self, order: ClientOrder, at: int) -> Happening:
        """Match an order, then let the rest of it queue if it `rests`."""

    def amend(self, order_id: str, *, price: int, quantity: int, at: int) -> Happening:
        """Give a resting order a new price and a new open quantity (lots still to fill); it may trade at once.

        It keeps its place in the queue only if the price stays and the quantity does not grow.
        """

    def cancel(self, order_id: str, at: int) -> Happening:
        """Take a resting order off the book."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A market, what the exchange charges on it, and within which bounds it trades; rates are fractions."""

    market: Market
    maker_rate: Decimal  # negative is a rebate
    taker_rate: Decimal
    price_band: Decimal | None = None  # how far above the mark may be bought, and below it sold; None is any
    expires_at: int | None = None  # nanoseconds; None for what never ends
    played_at: int | None = None  # of a recording: when all of it will have been played; None for what goes on
    funding_every_ns: int = 0  # of a perpetual; 0 is never
    funding_rate_8h: Decimal | None = None  # what longs pay to shorts; None is what the premium of the mark says
    settlement_every_ns: int = 0  # 0 is never
    interruptions: tuple[Interruption, ...] = ()  # one after the other
