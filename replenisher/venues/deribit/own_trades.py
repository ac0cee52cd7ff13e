"""Our trades, page by page: the archive first, then what is recent, each in order of time.

What is older than a day is told only to who asks for the archive. A question names a time; a page that is not the last
one is followed by its trades' number on the instrument, because any number of trades may have happened within the
second, or the millisecond, at which it ends. A trade between two orders of ours is two rows of one number, between
which a page may end, so the next one begins with the number at which this one ended.
"""

from replenisher.model.command import AskTrades
from replenisher.model.units import DAY_NS, MINUTE_NS, MS_NS
from replenisher.venues.deribit import codec, requests

PER_PAGE = 1000
CLOCKS_DIFFER_NS = MINUTE_NS  # at the most
ARCHIVED_AFTER_NS = DAY_NS - CLOCKS_DIFFER_NS


class OwnTrades:
    """Which page comes next on each instrument, in one session."""

    def __init__(self) -> None:
        self._in_archive: set[str] = set()  # instruments whose page that was asked for last is one of the archive
        self._past_archive: set[str] = set()  # of which all that is archived was told
        self._ended_with: dict[str, int] = {}  # the number of the last trade of a page that has more behind it

    def ask(self, question: AskTrades, name: str, until_ms: int, at: int) -> tuple[str, dict[str, requests.Param]]:
        """What to ask for: from the time that the question names, or where the page before has ended."""
        key = question.instrument
        if at - question.since > ARCHIVED_AFTER_NS and key not in self._past_archive:
            self._in_archive.add(key)
        params: dict[str, requests.Param] = {
            "instrument_name": name,
            "count": PER_PAGE,
            "sorting": "asc",
            "historical": key in self._in_archive,
        }
        if key in self._ended_with:
            return "private/get_user_trades_by_instrument", params | {"start_seq": self._ended_with[key]}
        method = "private/get_user_trades_by_instrument_and_time"
        return method, params | {"start_timestamp": question.since // MS_NS, "end_timestamp": until_ms}

    def answered(self, question: AskTrades, page: codec.TradesPage) -> bool:
        """Whether there are more trades than have been told by now."""
        key = question.instrument
        if page.has_more and page.trades:
            self._ended_with[key] = page.trades[-1].trade_seq
            return True
        self._ended_with.pop(key, None)
        if key not in self._in_archive:
            return False
        self._in_archive.discard(key)
        self._past_archive.add(key)
        return True  # what is recent comes after the archive

    def forget(self) -> None:
        """The session is over."""
        self._in_archive.clear()
        self._past_archive.clear()
        self._ended_with.clear()
