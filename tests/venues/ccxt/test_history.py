"""Our trades since a time: nothing is left out, however an exchange pages, and however soon its answers end."""

from typing import Any

import pytest

from replenisher.model.command import AskTrades
from replenisher.model.event import CashMoved, OrderFilled, QuestionFailed, SessionLost, TradesReported
from replenisher.model.instrument import Kind
from replenisher.model.units import DAY_NS, MINUTE_NS
from replenisher.venues.ccxt.exchanges import TRAITS, Traits
from tests.venues.ccxt.given import KEY, MS, T0, Desk, S, trade
from tests.venues.ccxt.test_orders import desk_with

WEEK = {Kind.SPOT: 7 * DAY_NS - MINUTE_NS}


class Ledger:
    """An exchange's trades, answered in pages: the oldest since a time, or the newest until one."""

    def __init__(
        self, times: list[int], *, oldest_first: bool = True, reach_ns: int = 1 << 62, archived_until: int | None = None
    ) -> None:
        self.trades = [trade(f"t{number:04d}", at=at) for number, at in enumerate(times)]
        self.asked = 0
        self._oldest_first = oldest_first
        self._reach_ms = reach_ns // MS
        self._archived_until_ms = None if archived_until is None else archived_until // MS

    def page(self, since: int, params: dict[str, Any], limit: int) -> list[Any]:
        self.asked += 1
        until = params.get("until")
        reached = since + self._reach_ms
        assert until is None or until <= reached, "no question may span more"
        within = [each for each in self.trades if since <= each["timestamp"] <= (until or reached)]
        if self._archived_until_ms is not None:
            is_wanted = params.get("historical", False)
            within = [each for each in within if (each["timestamp"] < self._archived_until_ms) is is_wanted]
        return within[:limit] if self._oldest_first else within[-limit:]


def read(desk: Desk, ledger: Ledger, since: int) -> list[str]:
    """Ask until there are no more, as the engine does: from the newest it knows, a second earlier."""
    seen: dict[str, None] = {}
    for _ in range(40):
        desk.venue.send([AskTrades(scope=KEY, since=since, deadline=0)], desk.at)
        while "fetch_my_trades" in desk.calls():
            call = desk.call("fetch_my_trades")
            _, since_ms, _, params = call.arguments
            desk.venue.answered(call.number, ledger.page(since_ms, params, 50), desk.at)
        told = desk.one(TradesReported)
        seen |= dict.fromkeys(fill.trade_id for fill in told.fills)
        since = max([since, *(fill.venue_time - 1 * S for fill in told.fills)])
        if not told.has_more:
            return list(seen)
    raise AssertionError("it was never told that there are no more")


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 137, 1237])
def test_no_trade_is_left_out_however_an_exchange_pages(oldest_first: bool, count: int) -> None:
    ledger = Ledger([T0 + number * S for number in range(count)], oldest_first=oldest_first)

    assert read(desk_with(), ledger, T0) == [each["id"] for each in ledger.trades]


def test_an_exchange_that_answers_with_older_trades_than_were_asked_for_is_not_followed_into_the_past() -> None:
    desk = desk_with()
    ledger = Ledger([T0 + number * S for number in range(400)], oldest_first=False)
    desk.venue.send([AskTrades(scope=KEY, since=T0 + 500 * S, deadline=0)], desk.at)

    desk.answer("fetch_my_trades", ledger.page(0, {}, 50))

    told = desk.one(TradesReported)
    assert (told.fills, told.has_more) == ((), False)


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize(
    "times",
    [
        [T0 + 23 * DAY_NS],  # a quiet month but for one
        [T0 + day * DAY_NS for day in range(25)],
        [T0 + 9 * DAY_NS + number * S for number in range(137)] + [T0 + 23 * DAY_NS],  # a full page, and one after it
    ],
)
def test_what_an_exchange_tells_for_a_week_at_a_time_is_read_until_now(oldest_first: bool, times: list[int]) -> None:
    desk = desk_with(reach_ns=WEEK)
    desk.at = T0 + 25 * DAY_NS
    ledger = Ledger(times, oldest_first=oldest_first, reach_ns=WEEK[Kind.SPOT])

    assert read(desk, ledger, T0) == [each["id"] for each in ledger.trades]


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize(("old", "recent"), [(0, 0), (1, 1), (137, 0), (0, 137), (49, 51), (137, 237)])
def test_what_is_told_only_to_who_asks_for_the_archive_is_read_too(old: int, recent: int, oldest_first: bool) -> None:
    archived = Traits(archived_trades_params={"historical": True}, trades_archived_after_ns=1 * DAY_NS - MINUTE_NS)
    desk = desk_with(traits=archived)
    desk.at = T0 + 3 * DAY_NS
    border = T0 + 2 * DAY_NS
    times = [T0 + number * S for number in range(old)] + [border + number * S for number in range(recent)]
    ledger = Ledger(times, oldest_first=oldest_first, archived_until=border)

    assert read(desk, ledger, T0) == [each["id"] for each in ledger.trades]


def test_the_archive_is_asked_for_only_of_what_may_be_in_it() -> None:
    desk = desk_with(traits=TRAITS["deribit"])
    desk.at = T0 + 3 * DAY_NS
    asked = list[dict[str, Any]]()
    for days in (3, 0):
        desk.venue.send([AskTrades(scope=KEY, since=desk.at - days * DAY_NS, deadline=0)], desk.at)
        while "fetch_my_trades" in desk.calls():
            call = desk.call("fetch_my_trades")
            asked.append(call.arguments[3])
            desk.venue.answered(call.number, [], desk.at)

    assert [(each.get("historical"), each.get("include_old")) for each in asked] == [
        (None, None),
        (True, False),  # ccxt says otherwise of the second, and Deribit refuses both at once
        (None, None),
    ]


def test_what_was_read_to_the_end_is_not_read_again_from_its_beginning() -> None:
    desk = desk_with(reach_ns=WEEK)
    desk.at = T0 + 360 * DAY_NS
    quiet = Ledger([], reach_ns=WEEK[Kind.SPOT])

    read(desk, quiet, T0)
    assert quiet.asked == 52
    read(desk, quiet, T0)
    assert quiet.asked <= 52 + 2


def test_who_asks_while_windows_are_read_is_answered_by_the_last_of_them() -> None:
    desk = desk_with(reach_ns=WEEK)
    desk.at = T0 + 10 * DAY_NS
    question = AskTrades(scope=KEY, since=T0, deadline=0)
    desk.venue.send([question, question], desk.at)

    assert desk.calls().count("fetch_my_trades") == 1
    desk.answer("fetch_my_trades", [])
    desk.answer("fetch_my_trades", [trade(at=T0 + 9 * DAY_NS)])

    assert len(desk.one(TradesReported).fills) == 1


def test_a_window_without_an_answer_fails_the_question() -> None:
    desk = desk_with(reach_ns=WEEK)
    desk.at = T0 + 10 * DAY_NS
    desk.venue.send([AskTrades(scope=KEY, since=T0, deadline=0)], desk.at)
    desk.answer("fetch_my_trades", [trade(at=T0 + 1 * DAY_NS)])
    desk.fail("fetch_my_trades", "RequestTimeout")

    assert desk.one(QuestionFailed).subject == KEY


def test_of_a_trade_with_ourselves_both_sides_are_told() -> None:
    desk = desk_with()
    both = [trade("t1"), trade("t1", "v2", side="sell")]
    desk.venue.send([AskTrades(scope=KEY, since=T0, deadline=0)], desk.at)
    desk.answer("fetch_my_trades", both)
    assert [fill.side for fill in desk.one(TradesReported).fills] == ["buy", "sell"]

    desk.watch("fills", both)
    desk.watch("fills", both)
    assert [fact.side for fact in desk.heard() if isinstance(fact, OrderFilled)] == ["buy", "sell"]


def test_what_an_execution_cost_in_a_second_currency_is_told_beside_it() -> None:
    desk = desk_with()
    execution = trade(fee=None, fees=[{"cost": 0.1, "currency": "USDT"}, {"cost": 0.001, "currency": "BNB"}])
    desk.venue.send([AskTrades(scope=KEY, since=T0, deadline=0)], desk.at)
    desk.answer("fetch_my_trades", [execution])
    charge, told = desk.heard()
    assert isinstance(told, TradesReported) and isinstance(charge, CashMoved)
    assert (str(told.fills[0].fee), str(charge.amount), charge.currency) == ("0.1", "-0.001", "BNB")

    desk.watch("fills", [execution])
    again = [fact for fact in desk.heard() if isinstance(fact, CashMoved)]
    assert [(fact.currency, fact.venue_id) for fact in again] == [("BNB", charge.venue_id)], "so that it counts once"


def test_fills_without_ids_are_not_taken_for_one_another() -> None:
    desk = desk_with()
    desk.watch("fills", [trade(id=None), trade(id=None)])

    assert "execution without an id" in desk.one(SessionLost).reason


def test_a_check_of_our_fills_looks_back_no_further_than_any_answer_reaches() -> None:
    desk = desk_with()
    desk.later(8 * DAY_NS)  # and nothing traded

    since_ms = [call.arguments[1] for call in desk.invoked if call.method == "fetch_my_trades"]

    assert since_ms[-1] * MS > desk.at - 1 * DAY_NS
