"""What an exchange says that its instruments are worth: the index and the mark, told by a stream or asked for.

A price is as old as the exchange says it is, and what we asked for is at least as old as the question. A stream that
has told nothing for as long as others are polled is asked for like them, so one that is deaf costs no more than that.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from replenisher.core.prices import Of
from replenisher.model.event import TickerTold
from replenisher.model.instrument import Instrument, Kind, instrument_key
from replenisher.model.units import MS_NS, NEVER_NS
from replenisher.venues.ccxt.calls import Call, Watch
from replenisher.venues.ccxt.link import Asked, FetchTicker, Link, Listed

TICKER = "ticker "  # the stream, with the instrument's name behind


class Tickers:
    """Those of the instruments of which somebody wants to know."""

    def __init__(
        self,
        link: Link,
        names: Sequence[str],
    ) -> None:
        self._link = link
        self._worth = link.exchange.traits.worth
        self._keys = {name: instrument_key(link.venue, name) for name in names if self._worth.tells}
        self._poll_ns = link.settings.poll_ns
        self._symbols: dict[str, str] = {}  # by name, of what is offered
        self._due: dict[str, int] = {}  # when each is asked for next

    def objection(self, instrument: Instrument) -> str:
        """Why what is wanted of an instrument can never be told; empty if it can."""
        is_in_vain = instrument.kind is Kind.SPOT and not self._worth.of_spot and instrument.name in self._keys
        return "the exchange tells no index and no mark of spot" if is_in_vain else ""

    def begin(self, listed: Mapping[str, Listed], at: int) -> None:
        """Watch or poll every one that is offered."""
        self._symbols = {name: listed[key].symbol for name, key in self._keys.items() if key in listed}
        for name, symbol in self._symbols.items():
            self._due[name] = at
            if self._worth.watch:
                self._due[name] += self._poll_ns
                self._link.actions.append(Watch(TICKER + name, self._worth.watch, (symbol,)))

    def lose(self) -> None:
        """The streams have ended: what was told grows old from here."""
        self._due.clear()

    def wake(self, at: int) -> None:
        """Ask for what is due."""
        for name, due in self._due.items():
            if at >= due:
                self._link.calls.ask(FetchTicker(name), at, self._worth.fetch, self._symbols[name])
                self._due[name] = NEVER_NS  # until it is answered

    @property
    def next_wake(self) -> int:
        """When something is due."""
        return min(self._due.values(), default=NEVER_NS)

    def watched(self, stream: str, value: Any, at: int) -> None:
        """News of a stream."""
        name = stream.removeprefix(TICKER)
        if self._take(name, value, at, at):
            self._due[name] = at + self._poll_ns

    def answered(self, name: str, call: Call[Asked], value: Any, at: int) -> None:
        """What we asked for."""
        self._take(name, value, call.asked_at, at)
        self._due[name] = at + self._poll_ns

    def failed(self, name: str, at: int) -> None:
        """No answer: it is asked again, and what was told grows old meanwhile."""
        self._due[name] = at + self._poll_ns

    def _take(self, name: str, value: Any, as_of: int, at: int) -> bool:
        """Tell what it says, if it says anything."""
        told = value if isinstance(value, Mapping) else {}
        index = _price(told.get("indexPrice")) if Of.INDEX in self._worth.tells else None
        mark = _price(told.get("markPrice")) if Of.MARK in self._worth.tells else None
        if index is None and mark is None:
            return False
        venue_time, timestamp = self._link.clock.venue_time(as_of), told.get("timestamp")
        if isinstance(timestamp, int | float) and isfinite(timestamp):
            venue_time = min(venue_time, int(timestamp) * MS_NS)
        key = self._keys[name]
        self._link.tell(
            TickerTold(at=at, instrument=key, venue_time=venue_time, index=index, mark=mark, funding_8h=None)
        )
        return True


def _price(value: Any) -> float | None:
    """A number that can be a price; anything else is none."""
    is_price = isinstance(value, int | float) and isfinite(value) and value > 0
    return float(value) if is_price else None
