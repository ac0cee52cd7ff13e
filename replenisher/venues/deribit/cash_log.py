"""The venue's log of our cash, read currency by currency, and page by page from the newest to the oldest.

The venue grants few of these requests. So the pages wait for their credits here, where they hold up nothing else, and
each has its own time to be answered in. A question about a currency whose log is being read is answered by that
reading, which also goes on where a page had no answer: who began anew each time would never reach the end of a long
log. It is known as of its first page, because what is written later is on none of the others.
"""

import msgspec

from replenisher.model.command import AskCash
from replenisher.model.event import CashReported, Event
from replenisher.model.units import MINUTE_NS, MS_NS
from replenisher.venues.deribit import codec, private, requests
from replenisher.venues.deribit.link import Clock, Link
from replenisher.venues.limiter import Bucket, Line

PER_PAGE = 250
REMEMBERED_MAX = 20_000
# Of the venue's 8 at once and one a second: we use less than we have.
AT_ONCE = 6
PER_SECOND = 0.8


def credits() -> Bucket:
    """For pages of it, one each."""
    return Bucket(capacity=AT_ONCE, per_second=PER_SECOND)


def page_of(question: AskCash, continuation: int | None, until_ms: int) -> dict[str, requests.Param]:
    """The parameters for a page: the first one, or where the one before said that it goes on."""
    params: dict[str, requests.Param] = {
        "currency": question.currency,
        "start_timestamp": question.since // MS_NS,
        "end_timestamp": until_ms,
        "count": PER_PAGE,
    }
    return params if continuation is None else params | {"continuation": continuation}


class _Reading(msgspec.Struct):
    """How far the log in one currency was read."""

    question: AskCash
    rows: list[private.CashEntry] = msgspec.field(default_factory=list)
    continuation: int | None = None  # where the next page begins; None: it is the first one
    as_of: int = 0  # venue time of the first page
    is_under_way: bool = False  # the next page waits for credits or for its answer


class CashLog:
    """Asks over one connection, and tells each row once."""

    def __init__(self, venue: str, clock: Clock, link: Link, credits: Bucket, facts: list[Event]) -> None:
        self._venue = venue
        self._clock = clock
        self._link = link
        self._facts = facts
        self._readings: dict[str, _Reading] = {}  # by currency
        self.line = Line(credits, self._send)
        self._told: dict[tuple[str, int], None] = {}  # rows told lately, oldest first

    def ask(self, question: AskCash, at: int) -> None:
        """Begin to read, or go on."""
        self._go_on(self._readings.setdefault(question.currency, _Reading(question)), at)

    def answered(self, question: AskCash, reply: codec.Frame, at: int) -> CashReported | None:
        """The rows are told oldest first, when the last page, which has the oldest, is there."""
        reading = self._readings[question.currency]
        page = private.decode_cash_page(reply.result)
        reading.is_under_way = False
        reading.as_of = reading.as_of or reply.venue_time
        reading.rows.extend(page.logs)
        if page.continuation is not None:
            reading.continuation = page.continuation
            self._go_on(reading, at)
            return None
        del self._readings[question.currency]
        for entry in reversed(reading.rows):
            if (entry.currency, entry.id) not in self._told:
                self._told[entry.currency, entry.id] = None
                self._facts.extend(private.cash_moves_of(entry, self._venue, at))
        while len(self._told) > REMEMBERED_MAX:
            del self._told[next(iter(self._told))]
        return CashReported(at=at, venue=self._venue, currency=question.currency, venue_time=reading.as_of)

    def refused(self, question: AskCash) -> None:
        """A page is not to be had: the next question begins anew."""
        self._readings.pop(question.currency, None)

    def unanswered(self, question: AskCash) -> None:
        """A page has no answer: the next question asks for it again."""
        if (reading := self._readings.get(question.currency)) is not None:
            reading.is_under_way = False

    def forget(self) -> None:
        """The session is over."""
        self._readings.clear()
        self.line.clear()

    def _go_on(self, reading: _Reading, at: int) -> None:
        if not reading.is_under_way:
            reading.is_under_way = True
            self.line.put(reading, at)

    def _send(self, reading: _Reading, at: int) -> None:
        until_ms = self._clock.venue_ms(at + MINUTE_NS)  # whatever the clocks differ by
        params = page_of(reading.question, reading.continuation, until_ms)
        self._link.ask("private/get_transaction_log", params, reading.question, at)
