"""Settings: with which key we come to Deribit, what we watch and how patient we are there."""

from collections.abc import Sequence

import msgspec

from replenisher.model.units import MINUTE_NS, SECOND_NS
from replenisher.venues.session import Pace


class Credentials(msgspec.Struct, frozen=True):
    """An API key of the venue."""

    client_id: str
    client_secret: str
    only_reads: bool = False  # a login that asks for no right to order

    def __repr__(self) -> str:
        return f"Credentials({self.client_id!r}, ***)"


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What is watched there, by name: what is traded, and what somebody only wants to know the price of."""

    traded: Sequence[str]
    followed: Sequence[str] = ()
    tickers: Sequence[str] = ()  # of which an index, a mark or the funding rate is wanted, too
    interval: str = "raw"  # every single change, which only who is logged in may hear; else the venue gathers them

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys([*self.traded, *self.followed, *self.tickers]))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient we are with Deribit."""

    market_pace: Pace = Pace()
    trading_pace: Pace = Pace(silence_ns=3 * SECOND_NS, answer_ns=3 * SECOND_NS)
    dead_man_switch_s: int = 60  # at the latest so long after our last sign of life the venue cancels our orders
    orders_per_s: float = 5  # what may be asked about orders, and how much of it at once
    orders_burst: int = 20
    request_timeout_ns: int = 5 * SECOND_NS  # of our own chores; a question brings its own deadline
    alive_every_ns: int = 500_000_000  # `LinkAlive` at most this often
    clock_every_ns: int = MINUTE_NS
    age_ns_max: int | None = None  # a connection that is so old is replaced
    define_every_ns: int = MINUTE_NS  # how often an instrument's definition and state are asked again
    define_again_ns: int = 5 * SECOND_NS  # and how soon where there was no answer to it
    snapshot_ns: int = 5 * SECOND_NS  # a subscription that gives no book for so long is asked for again
    resync_first_ns: int = SECOND_NS  # the second resync in a row waits so long, each further one twice as long
    resync_max_ns: int = 15 * SECOND_NS
    look_every_ns: int = SECOND_NS  # how often books are looked at for whether they still move as they should
    book_settled_ns: int = MINUTE_NS  # a book that held for so long ends a series of resyncs
