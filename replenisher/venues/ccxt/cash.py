"""What moved our cash without a fill, through ccxt: funding where it has a history of it, all of it at Deribit.

ccxt's unified history tells the funding of one market. It is asked of every perpetual that settles in the currency. A
full answer may not be all there is: then what was told is all that counts as read, and the rest is asked for later.
Deribit's own log is one that we know how to read; through ccxt it comes as it is. How fast its pages are granted, and
what settlements are made of, is known to the one who speaks to Deribit directly, too.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from replenisher.model.command import AskCash
from replenisher.model.event import CashKind, CashMoved, CashReported
from replenisher.model.instrument import Kind
from replenisher.model.units import MINUTE_NS, MS_NS
from replenisher.venues.ccxt.calls import Call
from replenisher.venues.ccxt.instruments import exact
from replenisher.venues.ccxt.link import Asked, CashPage, Funding, Link, Listed
from replenisher.venues.deribit import cash_log, private
from replenisher.venues.limiter import Line

TOLD_MAX = 20_000
FULL = 100  # of a history of funding: no exchange gives fewer at once


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
        if self._link.exchange.traits.cash_log:
            if not self._is_read(question.currency):
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

    # --- Deribit's log --------------------------------------------------------------------------------------------

    def _is_read(self, currency: str) -> bool:
        pages = (*self.line, *self._link.calls.under_way())
        return any(isinstance(page, CashPage) and page.what.currency == currency for page in pages)

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
        if not asked.of:
            self._tell_read(asked.what, asked.until, at)
            return
        since_ms = asked.what.since // MS_NS
        self._link.calls.ask(asked, at, "fetch_funding_history", self._listed[asked.of[0]].symbol, since_ms)

    def _funding(self, asked: Funding, rows: Any, at: int) -> None:
        key, *others = asked.of
        listed, until = self._listed[key], asked.until
        moves = sorted((self._paid(row, key, listed, at) for row in rows), key=lambda move: move.venue_time)
        for move in moves:
            if move.venue_time >= asked.what.since:
                self._tell_once(move)
        if len(moves) >= FULL:
            until = min(until, moves[-1].venue_time)
        self._ask_funding(Funding(asked.what, tuple(others), until), at)

    def _paid(self, row: Mapping[str, Any], key: str, listed: Listed, at: int) -> CashMoved:
        venue_time = int(row["timestamp"]) * MS_NS
        return CashMoved(
            at=at,
            venue=self._link.venue,
            kind=CashKind.FUNDING,
            currency=str(row.get("code") or listed.instrument.settlement_currency),
            amount=exact(row["amount"]),
            venue_time=venue_time,
            venue_id=str(row.get("id") or f"{listed.symbol} {row['timestamp']}"),  # not every exchange counts them
            instrument=key,
        )

    def _tell_once(self, move: CashMoved) -> None:
        key = move.currency, move.kind, move.venue_id
        if key not in self._told:
            self._link.tell(move)
        self._told[key] = None
        if len(self._told) > TOLD_MAX:
            del self._told[next(iter(self._told))]

    def _tell_read(self, question: AskCash, until: int, at: int) -> None:
        self._link.tell(CashReported(at=at, venue=self._link.venue, currency=question.currency, venue_time=until))
