"""What both sides of a venue share: the exchange, its clock, its patience, and what can be asked of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import msgspec

from replenisher.model.command import (
    AskBalance,
    AskCash,
    AskOpenOrders,
    AskOrder,
    AskTrades,
    CancelOrder,
    OrderCommand,
    Question,
)
from replenisher.model.event import Event, OrderReport
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.units import MINUTE_NS, MS_NS, SECOND_NS
from replenisher.venues.ccxt.calls import Action, Calls
from replenisher.venues.ccxt.exchanges import CashRows, Traits
from replenisher.venues.deribit.private import CashEntry


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient we are."""

    poll_ns: int = SECOND_NS  # between two questions for what no stream tells
    check_ns: int = 5 * SECOND_NS  # between two questions for what a stream tells, too
    silence_ns: int = 700 * MS_NS  # a watched book that is quiet for so long is asked for
    ghost_ns: int = 3 * SECOND_NS  # a level that is contradicted for so long is not there
    late_ns: int = 5 * SECOND_NS  # a polled book that is older than this is lost
    absence_ns: int = 30 * SECOND_NS  # see `lookup`: when "not found" counts where a request carries no deadline
    unlisted_ns: int = 10 * MINUTE_NS  # and where it may be among more orders that are over than are told
    clock_every_ns: int = 60 * SECOND_NS
    markets_every_ns: int = 600 * SECOND_NS
    backoff_first_ns: int = 500 * MS_NS
    backoff_max_ns: int = 30 * SECOND_NS
    depth: int = 50  # levels a side
    dead_man_switch_s: int = 60  # 0 where we only look: it would cancel what others have on the account
    is_exclusive: bool = False  # nobody else trades on the account


class Listed(msgspec.Struct, frozen=True):
    """An instrument of ours, and how ccxt calls it."""

    symbol: str
    instrument: Instrument
    id: str  # the exchange's own


class Exchange(msgspec.Struct, frozen=True):
    """One of ccxt's exchanges, as far as a decision depends on it."""

    id: str
    has: Mapping[str, Any]
    precision_mode: int
    traits: Traits
    batch_max: Mapping[Kind, int] = {}  # places in one request, where a kind of market has such requests
    over_max: Mapping[Kind, int] = {}  # orders that are over in one answer, where that is known
    reach_ns: Mapping[Kind, int] = {}  # how far one answer about our trades goes beyond its beginning, where that ends

    def can(self, what: str) -> bool:
        """Whether the exchange itself has a method; ccxt's emulations are two steps, or a walk through a cache."""
        return self.has.get(what) is True

    def hears(self, stream: str, kind: Kind) -> bool:
        """Whether a stream tells what is ours on a kind of market."""
        return self.can(stream) and (kind is Kind.SPOT or self.traits.streams_contracts)

    def hears_orders(self, kind: Kind) -> bool:
        """Whether it tells what becomes of our orders."""
        return self.traits.streams_orders and self.hears("watchOrders", kind)

    def hears_ends(self, kind: Kind) -> bool:
        """Whether it tells that one of them is over, too."""
        return self.traits.streams_ends and self.hears_orders(kind)

    @property
    def has_switch(self) -> bool:
        """Whether it cancels all there is when we are silent for a while."""
        return self.traits.has_switch and self.can("cancelAllOrdersAfter")


class LoadMarkets(msgspec.Struct, frozen=True):
    """Which markets are there?"""


class MeasureClock(msgspec.Struct, frozen=True):
    """What time is it there?"""


class LogIn(msgspec.Struct, frozen=True):
    """May we trade? There is no login; the first private question is one."""


class LookAtRights(msgspec.Struct, frozen=True):
    """May this key trade? Asked by cancelling an order that does not exist."""


class FetchBook(msgspec.Struct, frozen=True):
    """How does the book of this instrument look?"""

    name: str


class FetchTrades(msgspec.Struct, frozen=True):
    """What was traded in this instrument?"""

    name: str


class FetchTicker(msgspec.Struct, frozen=True):
    """What is this instrument worth?"""

    name: str


class CheckFills(msgspec.Struct, frozen=True):
    """Which executions of ours were there lately?"""

    instrument: str


class CheckOrders(msgspec.Struct, frozen=True):
    """Which orders of ours rest?"""

    scope: str


class Part(msgspec.Struct, frozen=True):
    """Which orders rest of all that we trade? Asked of one currency after the other; with those told by now."""

    what: AskOpenOrders | CheckOrders
    of: tuple[str, ...]  # what is still to be answered
    asked_at: int  # session time of the first question
    have: tuple[OrderReport, ...] = ()


class HoldSwitch(msgspec.Struct, frozen=True):
    """Cancel everything unless we say this again in time."""


class DropSwitch(msgspec.Struct, frozen=True):
    """Cancel nothing: nothing of ours rests, and we go."""


class Search(msgspec.Struct, frozen=True):
    """What became of an order: asked in steps, see `lookup`."""

    what: AskOrder | CancelOrder
    among: Literal["open", "id", "over", "archive"]
    asked_at: int  # the first step
    is_whole: bool = True  # every order that rests was in the answer to that
    seen: frozenset[str] = frozenset()  # ids of those that are over, as far as they were told by now


class Page(msgspec.Struct, frozen=True):
    """More of our trades, window by window and each going back in time; with those we have by now."""

    what: AskTrades
    since: int  # where the window begins, and where it ends: 0 is now
    until: int = 0
    have: Mapping[tuple[str, str], Any] = {}  # by trade id and side
    is_cut: bool = False  # an answer about this window was full: there may be more of it
    recent: "Page | None" = None  # what is no part of the archive, while that is read


class Wallet(msgspec.Struct, frozen=True):
    """Where cash can be: how ccxt is told which one is meant, and where the cash is in its answer."""

    params: Mapping[str, str]
    rows: CashRows | None


class Wallets(msgspec.Struct, frozen=True):
    """How much is there of a currency? Asked of one wallet after the other; with what those told by now have of it."""

    what: AskBalance
    of: tuple[Wallet, ...]  # which are still to be answered
    as_of: int
    cash: Decimal = Decimal(0)
    waits: Decimal = Decimal(0)  # for a settlement


class CashPage(msgspec.Struct, frozen=True):
    """More of the exchange's log of our cash, going back in time; with the rows that we have by now."""

    what: AskCash
    rows: tuple[CashEntry, ...] = ()
    continuation: int | None = None  # where it begins; None: it is the first page
    as_of: int = 0  # venue time at which that one was asked for


class Funding(msgspec.Struct, frozen=True):
    """What did funding bring, and cost? Asked of one instrument after the other, day by day, each back in time."""

    what: AskCash
    of: tuple[str, ...]  # which are still to be told
    as_of: int  # venue time of the first question
    since: int = 0  # where the day begins, and where it ends: 0 is now
    until: int = 0
    have: Mapping[str, Any] = {}  # what is known of the first of them, by id


class Batch(msgspec.Struct, frozen=True):
    """Several places, or several cancels, in one request."""

    commands: tuple[OrderCommand, ...]


Asked = (
    LoadMarkets
    | MeasureClock
    | LogIn
    | LookAtRights
    | FetchBook
    | FetchTrades
    | FetchTicker
    | CheckFills
    | CheckOrders
    | Part
    | HoldSwitch
    | DropSwitch
    | Search
    | Page
    | Wallets
    | CashPage
    | Funding
    | Batch
    | OrderCommand
    | Question
)


class Clock:
    """The venue's clock, as last measured; until then ours."""

    def __init__(self) -> None:
        self.offset_ns = 0

    def venue_time(self, at: int) -> int:
        """The venue's time at a session time."""
        return at + self.offset_ns

    def venue_ms(self, at: int) -> int:
        """The same as exchanges write it."""
        return self.venue_time(at) // MS_NS


@dataclass(frozen=True, slots=True)
class Link:
    """The way to one exchange and back, which all parts of a venue share."""

    venue: str
    exchange: Exchange
    settings: Settings
    calls: Calls[Asked]
    clock: Clock
    tell: Callable[[Event], None]
    actions: list[Action]

    def ask_open_orders(self, what: Asked, symbol: str, at: int) -> None:
        """Ask which orders rest, and for as many as are told at once."""
        limit = self.exchange.traits.open_limit
        self.calls.ask(what, at, "fetch_open_orders", symbol, *(() if limit is None else (None, limit)))

    def ask_wallet(self, what: Asked, wallet: Wallet, at: int) -> None:
        """Ask what is in a wallet."""
        self.calls.ask(what, at, "fetch_balance", *([dict(wallet.params)] if wallet.params else []))

    def ask_trades(
        self, what: Asked, symbol: str, since: int, at: int, *, until: int = 0, is_archived: bool = False
    ) -> None:
        """Ask for our trades since a time of the venue's, until another or until now."""
        traits = self.exchange.traits
        if not until and traits.needs_until:
            until = self.clock.venue_time(at + MINUTE_NS)  # whatever the clocks differ by
        params = dict(traits.trades_params) | (dict(traits.archived_trades_params) if is_archived else {})
        params |= {traits.until_param: until // MS_NS} if until else {}
        self.calls.ask(what, at, "fetch_my_trades", symbol, since // MS_NS, traits.trades_limit, params)
