"""Our trades, page by page: what is archived first, then what is recent, each in order of time.

What is older than a day is told only to who asks for the archive. A trade comes of that age while we read, so the
oldest page of what is recent is asked for before the archive, and told after it: who had heard of a newer trade would
not ask for an older one any more. The archive is written a while after that, so the part of it that may have been
missing is read once more, by the first question after such a while.

A question names a time, and an instrument or all that settle in a currency. A page that is not the last one is followed
by its trades' number on the instrument, because any number of trades may have happened within the second, or the
millisecond, at which it ends. A trade between two orders of ours is two rows of one number, between which a page may
end, so the next one begins with the number at which this one ended. A currency has no such numbers: where its trades
are more than a page, they are read instrument by instrument.

A page may be asked for twice, and answered twice. Only the first answer to the page that is being read brings the
reading on, whichever time it was asked: if only the last one did, two that overtake each other would go on for ever.
"""

import msgspec

from replenisher.model.command import AskTrades
from replenisher.model.units import DAY_NS, MINUTE_NS, MS_NS, NEVER_NS
from replenisher.venues.deribit import private, requests
from replenisher.venues.deribit.archive import CLOCKS_DIFFER_NS
from replenisher.venues.deribit.listed import Group
from replenisher.venues.deribit.words import Page

PER_PAGE = 1000
ARCHIVED_AFTER_NS = DAY_NS - CLOCKS_DIFFER_NS
ARCHIVE_LAG_NS = 10 * MINUTE_NS  # the venue speaks of a short delay


class _Reading(msgspec.Struct):
    """How far the trades of one scope have been told."""

    since: int
    left: list[Group]  # what has still to be told, beginning with the one that is being read
    after: int = 0  # the number of the last trade of a page that has more behind it
    asked: list[Page] = msgspec.field(default_factory=list)  # each time that the page being read was asked for
    begun_at: int = 0  # when what is recent was asked for, if the archive comes before it
    kept: private.TradesPage | None = None  # the answer to that, until the archive was told


class OwnTrades:
    """Which page comes next, in one session."""

    def __init__(self) -> None:
        self._readings: dict[str, _Reading] = {}  # by scope
        self._archive_again_at: dict[Group, int] = {}  # of which the archive was told: when its end is read once more

    def ask(
        self, question: AskTrades, groups: list[Group], until_ms: int, at: int
    ) -> tuple[str, dict[str, requests.Param], Page]:
        """What to ask for: from the time that the question names, or where the page before has ended."""
        reading = self._readings.setdefault(question.scope, _Reading(question.since, groups))
        group, since = reading.left[0], reading.since
        again_at = self._archive_again_at.get(group)
        if again_at is None:
            is_with_archive = at - since > ARCHIVED_AFTER_NS
        elif is_with_archive := at >= again_at:
            since = min(since, again_at - 2 * ARCHIVE_LAG_NS - DAY_NS - CLOCKS_DIFFER_NS)
        is_archived = reading.kept is not None
        is_kept = is_with_archive and not is_archived and not reading.after
        if is_kept:
            reading.begun_at = at
        page = Page(question, group, is_archived=is_archived, is_kept=is_kept, after=reading.after)
        reading.asked.append(page)
        params: dict[str, requests.Param] = {"count": PER_PAGE, "sorting": "asc", "historical": page.is_archived}
        if len(group.names) > 1:
            method = "private/get_user_trades_by_currency"
            params["currency"] = group.currency
        else:
            method = "private/get_user_trades_by_instrument"
            params["instrument_name"] = group.names[0]
        if page.after:
            return method, params | {"start_seq": page.after}, page
        period = {"start_timestamp": since // MS_NS, "end_timestamp": until_ms}
        return f"{method}_and_time", params | period, page

    def answered(self, page: Page, told: private.TradesPage) -> tuple[tuple[private.WireTrade, ...], bool]:
        """What to tell now, and whether there are more trades than have been told by then."""
        scope = page.question.scope
        reading = self._readings.get(scope)
        trades = () if page.is_kept else told.trades
        if reading is None:
            return trades, False
        if page not in reading.asked:
            return trades, True
        reading.asked.clear()
        if told.has_more and told.trades and len(page.group.names) > 1:
            reading.left[:1] = page.group.each()
            reading.kept = None
            return trades, True
        if page.is_kept:
            reading.kept = told
            return trades, True
        if page.is_archived and not (told.has_more and told.trades):
            assert reading.kept is not None, "the archive is asked for after it"
            told, reading.kept = reading.kept, None
            trades += told.trades
            is_first = page.group not in self._archive_again_at
            self._archive_again_at[page.group] = reading.begun_at + ARCHIVE_LAG_NS if is_first else NEVER_NS
        if told.has_more and told.trades:
            reading.after = told.trades[-1].trade_seq
            return trades, True
        reading.after = 0
        del reading.left[0]
        if not reading.left:
            del self._readings[scope]
        return trades, bool(reading.left)

    def forget(self) -> None:
        """The session is over."""
        self._readings.clear()
        self._archive_again_at.clear()
