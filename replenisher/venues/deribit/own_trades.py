"""Our trades, page by page: the archive first, then what is recent, each in order of time.

What is older than a day is told only to who asks for the archive. A question names a time, and an instrument or all
that settle in a currency. A page that is not the last one is followed by its trades' number on the instrument, because
any number of trades may have happened within the second, or the millisecond, at which it ends. A trade between two
orders of ours is two rows of one number, between which a page may end, so the next one begins with the number at which
this one ended. A currency has no such numbers: where its trades are more than a page, they are read instrument by
instrument.

A page may be asked for twice, and answered twice. Only the first answer to the page that is being read brings the
reading on, whichever time it was asked: if only the last one did, two that overtake each other would go on for ever.
"""

import msgspec

from replenisher.model.command import AskTrades
from replenisher.model.units import DAY_NS, MINUTE_NS, MS_NS
from replenisher.venues.deribit import private, requests
from replenisher.venues.deribit.listed import Group
from replenisher.venues.deribit.words import Page

PER_PAGE = 1000
CLOCKS_DIFFER_NS = MINUTE_NS  # at the most
ARCHIVED_AFTER_NS = DAY_NS - CLOCKS_DIFFER_NS


class _Reading(msgspec.Struct):
    """How far the trades of one scope have been told."""

    since: int
    left: list[Group]  # what has still to be told, beginning with the one that is being read
    after: int = 0  # the number of the last trade of a page that has more behind it
    asked: list[Page] = msgspec.field(default_factory=list)  # each time that the page being read was asked for


class OwnTrades:
    """Which page comes next, in one session."""

    def __init__(self) -> None:
        self._readings: dict[str, _Reading] = {}  # by scope
        self._past_archive: set[Group] = set()  # of which all that is archived was told

    def ask(
        self, question: AskTrades, groups: list[Group], until_ms: int, at: int
    ) -> tuple[str, dict[str, requests.Param], Page]:
        """What to ask for: from the time that the question names, or where the page before has ended."""
        reading = self._readings.setdefault(question.scope, _Reading(question.since, groups))
        group = reading.left[0]
        is_old = at - reading.since > ARCHIVED_AFTER_NS
        page = Page(question, group, is_archived=is_old and group not in self._past_archive, after=reading.after)
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
        period = {"start_timestamp": reading.since // MS_NS, "end_timestamp": until_ms}
        return f"{method}_and_time", params | period, page

    def answered(self, page: Page, told: private.TradesPage) -> bool:
        """Whether there are more trades than have been told by now."""
        scope = page.question.scope
        reading = self._readings.get(scope)
        if reading is None:
            return False
        if page not in reading.asked:
            return True
        reading.asked.clear()
        if told.has_more and told.trades:
            if len(page.group.names) > 1:
                reading.left[:1] = page.group.each()
            else:
                reading.after = told.trades[-1].trade_seq
            return True
        reading.after = 0
        if page.is_archived:
            self._past_archive.add(page.group)
            return True  # what is recent comes after the archive
        del reading.left[0]
        if not reading.left:
            del self._readings[scope]
        return bool(reading.left)

    def forget(self) -> None:
        """The session is over."""
        self._readings.clear()
        self._past_archive.clear()
