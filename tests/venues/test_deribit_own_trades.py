"""Our trades are read to their end, however often a page is asked for meanwhile."""

from replenisher.model.command import AskTrades
from replenisher.model.event import TradesReported
from replenisher.model.units import DAY_NS
from replenisher.venues.deribit.listed import Group
from replenisher.venues.deribit.own_trades import ARCHIVE_LAG_NS, OwnTrades
from replenisher.venues.deribit.private import TradesPage
from replenisher.venues.deribit.words import Page
from tests.venues.far import MINUTE, MS, TRADING, S, make_open, trade

SCOPE = "deribit/BTC-PERPETUAL"
HOUR = 60 * MINUTE


def test_two_questions_that_are_under_way_at_once_do_not_keep_each_other_going() -> None:
    trades, nothing = OwnTrades(), TradesPage(trades=(), has_more=False)

    def ask(deadline: int) -> Page:
        question = AskTrades(scope=SCOPE, since=0, deadline=deadline)
        return trades.ask(question, [Group("BTC", ("BTC-PERPETUAL",))], until_ms=1, at=0)[-1]

    first, second = ask(1), ask(2)

    assert trades.answered(first, nothing) == ((), False), "it is the answer, although it was asked again since"
    assert trades.answered(second, nothing) == ((), False), "and so there is nothing left to ask"


def read_again_after(pause_ns: int, *, archive_lag_ns: int = 0) -> tuple[list[str], list[bool]]:
    """What is told of three trades, of which one comes of age while we read, and of which of the two we asked."""
    far = make_open()
    of_age_at = far.at - DAY_NS + 50 * MS  # in the midst of the first answer
    times = {"t1": of_age_at - HOUR, "t2": of_age_at, "t3": of_age_at + HOUR}
    since, told, archive_asked = far.at - 2 * DAY_NS, list[str](), list[bool]()

    def reads_on() -> bool:
        nonlocal since
        far.venue.send([AskTrades(scope=SCOPE, since=since, deadline=far.at + 2 * S)], far.at)
        request = far.take(TRADING, "private/get_user_trades_by_instrument_and_time")
        archive_asked.append(request["params"]["historical"])
        page = [
            trade(trade_id=name, timestamp=at // MS)
            for name, at in times.items()
            if at >= request["params"]["start_timestamp"] * MS
            and (far.at - at > DAY_NS + archive_lag_ns if archive_asked[-1] else far.at - at <= DAY_NS)
        ]
        (answer,) = far.reply(TRADING, request, {"trades": page, "has_more": False})
        assert isinstance(answer, TradesReported)
        told.extend(fill.trade_id for fill in answer.fills)
        since = max([since, *(fill.venue_time - S for fill in answer.fills)])  # as the engine asks
        far.live(100 * MS)
        return answer.has_more

    while reads_on():
        pass
    far.live(pause_ns)
    while reads_on():
        pass
    return told, archive_asked


def test_a_trade_that_comes_of_age_while_we_read_is_told_before_newer_ones() -> None:
    told, archive_asked = read_again_after(S)

    assert list(dict.fromkeys(told)) == ["t1", "t2", "t3"]
    assert archive_asked == [False, True, False], "and the archive once"


def test_what_is_archived_a_while_after_it_came_of_age_is_read_a_while_later() -> None:
    told, archive_asked = read_again_after(ARCHIVE_LAG_NS, archive_lag_ns=MINUTE)

    assert "t2" in told
    assert archive_asked == [False, True, False, True]
