"""What moved our cash without a fill, through ccxt: funding where it has a history of it, all of it at Deribit.

ccxt's unified history tells the funding of one market. It is asked of every perpetual that settles in the currency, a
day at a time, because several exchanges answer for so long only from the beginning that they are told, and all of them
with so many rows only. How many that are the answer does not say, as ccxt leaves out of it what is of other markets: so
a day is followed back in time, or by the number of what was told where an exchange knows no end of a time, until
nothing new comes. What an instrument was paid is told once all of it was read.
Deribit's own log is one that we know how to read; through ccxt it comes as it is. How fast its pages are granted, and
what settlements are made of, is known to the one who speaks to Deribit directly, too.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from replenisher.model.command import AskCash
from replenisher.model.event import CashKind, CashMoved, CashReported
from replenisher.model.instrument import Kind
from replenisher.model.units import DAY_NS, MINUTE_NS, MS_NS
from replenisher.venues.ccxt.calls import Call
from replenisher.venues.ccxt.instruments import exact
from replenisher.venues.ccxt.link import Asked, CashPage, Funding, Link, Listed
from replenisher.venues.deribit import cash_log, private
from replenisher.venues.limiter import Line

TOLD_MAX = 20_000


class Cash:
    """Asks, and tells each move before the answer that says how far it was read."""

    def __init__(
        self,
        link: Link,
        listed: Mapping[str, Listed],
    ) -> None:
        self._link = link
        self._listed = listed
        self._credits = cash_log.credits()
        self.line = Line(self._credits, self._send)
        self._told: dict[tuple[str, str, str], None] = {}  # moves told lately, oldest first

    def ask(self, question: AskCash, at: int) -> None:
        """Ask the exchange."""
        if self._is_read(question.currency):
            return
        if self._link.exchange.traits.cash_log:
            self.line.put(CashPage(question), at)
            return
        perpetuals = [
            key
            for key, listed in self._listed.items()
            if listed.instrument.kind is Kind.PERPETUAL and listed.instrument.settlement_currency == question.currency
        ]
        self._ask_funding(Funding(question, tuple(perpetuals), self._link.clock.venue_time(at)), at)

    def follow(self, at: int) -> None:
        """An earlier life may have left no credits."""
        self._credits.empty(at)

    def answered(self, call: Call[Asked], value: Any, at: int) -> None:
        """One answer, or one of several."""
        match call.what:
            case CashPage() as page:
                self._log(page, call.asked_at, value, at)
            case Funding() as asked:
                self._funding(asked, value, at)
            case _:
                raise AssertionError("nothing else is asked here")

    def _is_read(self, currency: str) -> bool:
        pages = (*self.line, *self._link.calls.under_way())
        return any(isinstance(page, CashPage | Funding) and page.what.currency == currency for page in pages)

    # --- Deribit's log --------------------------------------------------------------------------------------------

    def _send(self, page: CashPage, at: int) -> None:
        until_ms = self._link.clock.venue_ms(at + MINUTE_NS)  # whatever the clocks differ by
        params = cash_log.page_of(page.what, page.continuation, until_ms)
        self._link.calls.ask(page, at, self._link.exchange.traits.cash_log, params)

    def _log(self, page: CashPage, asked_at: int, value: Any, at: int) -> None:
        told = msgspec.convert(value["result"], private.CashPage, strict=False)  # ccxt makes text of every number
        rows = (*page.rows, *told.logs)
        as_of = page.as_of or self._link.clock.venue_time(asked_at)  # what is written later is on no other page
        if told.continuation is not None:
            self.line.put(CashPage(page.what, rows, told.continuation, as_of), at)
            return
        keys = {listed.id: key for key, listed in self._listed.items()}
        for entry in reversed(rows):
            for move in private.cash_moves_of(entry, self._link.venue, at):
                key = keys.get(entry.instrument_name or "", move.instrument)
                self._tell_once(msgspec.structs.replace(move, instrument=key))
        self._tell_read(page.what, as_of, at)

    # --- A history of funding -------------------------------------------------------------------------------------

    def _ask_funding(self, asked: Funding, at: int) -> None:
        if asked.of:
            self._ask_day(msgspec.structs.replace(asked, since=asked.what.since, have={}), at)
        else:
            self._tell_read(asked.what, asked.as_of, at)

    def _ask_day(self, asked: Funding, at: int) -> None:
        traits, until = self._link.exchange.traits, asked.since + DAY_NS
        if traits.funding_offset or until >= asked.as_of:
            until = 0
        end = {traits.funding_until: until // MS_NS} if until else {}
        self._ask_page(msgspec.structs.replace(asked, until=until), end, at)

    def _ask_page(self, asked: Funding, where: Mapping[str, int], at: int) -> None:
        params = {**self._link.exchange.traits.funding_params, **where}
        symbol, since_ms = self._listed[asked.of[0]].symbol, asked.since // MS_NS
        self._link.calls.ask(asked, at, "fetch_funding_history", symbol, since_ms, *([None, params] if params else []))

    def _funding(self, asked: Funding, rows: Any, at: int) -> None:
        key, *others = asked.of
        traits, listed = self._link.exchange.traits, self._listed[key]
        fresh = {
            venue_id: row
            for row in rows
            if int(row["timestamp"]) * MS_NS >= asked.since and (venue_id := self._id(row, listed)) not in asked.have
        }
        asked = msgspec.structs.replace(asked, have={**asked.have, **fresh})
        if fresh and traits.funding_offset:
            self._ask_page(asked, {traits.funding_offset: len(asked.have)}, at)
        elif fresh:
            self._ask_page(asked, {traits.funding_until: min(int(row["timestamp"]) for row in fresh.values())}, at)
        elif asked.until:
            self._ask_day(msgspec.structs.replace(asked, since=asked.until), at)
        else:
            moves = [self._paid(row, key, listed, at) for row in asked.have.values()]
            for move in sorted(moves, key=lambda move: move.venue_time):
                self._tell_once(move)
            self._ask_funding(msgspec.structs.replace(asked, of=tuple(others)), at)

    def _paid(self, row: Mapping[str, Any], key: str, listed: Listed, at: int) -> CashMoved:
        venue_time = int(row["timestamp"]) * MS_NS
        return CashMoved(
            at=at,
            venue=self._link.venue,
            kind=CashKind.FUNDING,
            currency=str(row.get("code") or listed.instrument.settlement_currency),
            amount=exact(row["amount"]),
            venue_time=venue_time,
            venue_id=self._id(row, listed),
            instrument=key,
        )

    @staticmethod
    def _id(row: Mapping[str, Any], listed: Listed) -> str:
        return str(row.get("id") or f"{listed.symbol} {row['timestamp']}")  # not every exchange counts them

    def _tell_once(self, move: CashMoved) -> None:
        key = move.currency, move.kind, move.venue_id
        if key not in self._told:
            self._link.tell(move)
        self._told[key] = None
        if len(self._told) > TOLD_MAX:
            del self._told[next(iter(self._told))]

    def _tell_read(self, question: AskCash, until: int, at: int) -> None:
        self._link.tell(CashReported(at=at, venue=self._link.venue, currency=question.currency, venue_time=until))
