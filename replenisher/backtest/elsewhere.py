"""Hearing with prices from elsewhere: tickers of the exchange, and prices over HTTP.

A ticker says what an instrument is worth there, and what a perpetual costs to hold. It is gathered as the venue does:
told 100 ms after the first event since the last one, and as it stands then. Who was asked over HTTP in the past is not
known; the operator may say a price, which every answer has then. Who goes by none of these has a plain `Hearing`, and
pays nothing for them.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from replenisher.backtest.hearing import Hearing
from replenisher.exchange.board import Board
from replenisher.exchange.latency import Way
from replenisher.exchange.market import Happening, Traded
from replenisher.exchange.views import Views
from replenisher.exchange.words import AccountUpdate, CashMove, InstrumentChanged, MmpTriggered
from replenisher.model.event import Event, PriceTold, TickerTold
from replenisher.model.instrument import Instrument, Kind, instrument_key
from replenisher.model.units import MS_NS, NEVER_NS

GATHERED_NS = 100 * MS_NS
RATE_DIGITS = 12  # of a funding rate, as the venue writes it


class HeldPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a source over HTTP answers, whenever it is asked."""

    source: str
    price: float
    every_ns: int


class ElsewhereHearing(Hearing):
    """Hears the tickers of some instruments, and what is held."""

    def __init__(
        self,
        venue: str,
        account: str,
        public: Way,
        private: Way,
        *,
        tickers: Sequence[str],
        views: Callable[[], Views],
        held: Sequence[HeldPrice],
    ) -> None:
        super().__init__(venue, account, public, private)
        self._tickers = frozenset(tickers)
        self._views = views  # of the exchange, which is told of us before it is there
        self._held = held
        self._due: dict[str | HeldPrice, int] = {}  # a ticker by name, or a held price: when it is told

    @property
    def next_at(self) -> int:
        """When the next fact arrives, or is told."""
        return min(super().next_at, min(self._due.values(), default=NEVER_NS))

    def begin(self, instruments: Iterable[Instrument], at: int, opens_at: int) -> None:
        """The terms of these instruments are told, the session is open then, and sources are asked at once."""
        super().begin(instruments, at, opens_at)
        self._due |= dict.fromkeys(self._held, at)

    def take(self, at: int) -> list[Event]:
        """What has arrived; the list is the caller's."""
        for each in [each for each, due in self._due.items() if due <= at]:
            if isinstance(each, HeldPrice):
                self._due[each] = at + each.every_ns
                self._put(PriceTold(at=at, source=each.source, price=each.price, asked_at=at))
            else:
                del self._due[each]
                self._tell(each, at)
        return super().take(at)

    def subscribed(self, name: str, at: int) -> None:
        """What else than its book is told to who subscribes to an instrument: its ticker, as it stands."""
        if name in self._tickers:
            self._due.pop(name, None)
            self._tell(name, at)

    def printed(self, board: Board, traded: Traded, trade_id: str, at: int) -> None:
        """A trade became public."""
        super().printed(board, traded, trade_id, at)
        self._gather(board.instrument.name, at)

    def moved(self, board: Board, happening: Happening, change_id: int, at: int) -> bool:
        """New quantities at some levels; where they are what they were, no ticker follows."""
        name = board.instrument.name
        if name in self._tickers and board.change(happening.levels, change_id, at) is not None:
            self._gather(name, at)
        return super().moved(board, happening, change_id, at)

    def report(self, report: AccountUpdate | InstrumentChanged | MmpTriggered | CashMove) -> None:
        """Something that is not the public's book, nor a print."""
        super().report(report)
        if isinstance(report, InstrumentChanged):
            self._gather(report.instrument, report.at)

    def _gather(self, name: str, at: int) -> None:
        if name in self._tickers and name not in self._due:
            self._due[name] = at + GATHERED_NS

    def _tell(self, name: str, at: int) -> None:
        views, is_perpetual = self._views(), self.instruments[name].kind is Kind.PERPETUAL
        told = TickerTold(
            at=self._public.arrival(at),
            instrument=instrument_key(self._venue, name),
            venue_time=at - at % MS_NS,
            index=float(views.index_price(name)),
            mark=float(views.mark_price(name)),
            funding_8h=round(views.funding_8h(name), RATE_DIGITS) if is_perpetual else None,
        )
        self._put(told)
