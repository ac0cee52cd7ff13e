"""The chronicle tells what a human would want to know, once, and keeps silent about the rest."""

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

from replenisher.core.slots import PartialFill, RefillPolicy
from replenisher.live.chronicle import ALARMING, Chronicle, Telling, tell
from replenisher.logs import RotatedFile, configure
from replenisher.model.event import (
    CancelsSent,
    FeedLost,
    OrderRejected,
    PauseAsked,
    RejectReason,
    ResumeAsked,
    SessionLost,
    SignalDump,
    SignalsRemembered,
    StopAsked,
)
from replenisher.model.order import Side
from tests.core.world import KEY, LINEAR, SECOND, VENUE, World, buy, filled, limits, want
from tests.live.watched import Steps, eat, world_with


def told(refill: RefillPolicy | None = None, **other: object) -> tuple[World, list[Telling]]:
    """A world that is not open yet, and everything the chronicle tells of it."""
    world, tellings = world_with(refill=refill, **other), list[Telling]()
    chronicle = Chronicle(world.state)
    world.steps = Steps(lambda step: tellings.extend(chronicle.facts_worth_telling(step)))
    return world, tellings


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[Path]:
    """Where the lines go."""
    path = tmp_path / "replenisher.jsonl"
    with closing(RotatedFile(path)) as file:
        configure(as_json=True, sink=file)
        yield path
    structlog.reset_defaults()


def verbs(tellings: list[Telling]) -> list[str]:
    return [verb for verb, _ in tellings]


def test_a_life_begins() -> None:
    world, tellings = told()

    world.open()

    assert verbs(tellings) == ["started", "feed_opened", "session_opened", "synced"]


def test_how_old_it_is_what_signals_go_on_from_is_told() -> None:
    world, tellings = told()
    dump = SignalDump(
        specification="fast", tick=LINEAR.tick, lot=LINEAR.lot, saved_at=world.at - 5 * SECOND, numbers=(1.0,)
    )

    world.tell(SignalsRemembered(at=0, instrument=KEY, dumps=(dump,)), at=world.at)

    assert tellings == [("signals_remembered", {"instrument": KEY, "age_s": 5.0})]


def test_a_fill_and_its_refill_are_told_once_in_the_words_of_the_instrument() -> None:
    world, tellings = told()
    world.open()
    tellings.clear()

    eat(world, Side.BUY)
    world.tell(world.venue.fills[-1])
    world.settle()

    (filled, fill), (refilled, refill) = tellings
    assert (filled, refilled) == ("filled", "refilled")
    assert (fill["slot"], str(fill["price"]), str(fill["amount"]), fill["is_all"]) == (
        "core/buy/0",
        "49990.0",
        "100",
        True,
    )
    assert (refill["slot"], str(refill["price"]), str(refill["amount"])) == ("core/buy/0", "49990.0", "100")


def test_a_top_up_is_told_with_the_price_and_total_it_asks_for() -> None:
    world, tellings = told(RefillPolicy(partial_fill=PartialFill.TOP_UP, min_fraction=0.9))
    world.open()
    tellings.clear()

    eat(world, Side.BUY, lots=4)

    assert verbs(tellings) == ["filled", "refilled"]
    assert (tellings[0][1]["is_all"], str(tellings[1][1]["amount"])) == (False, "140")


def test_market_data_is_not_told() -> None:
    world, tellings = told()
    world.open()
    tellings.clear()

    world.venue.set_others(Side.SELL, 100_050, 3, world.at)
    world.hear()

    assert tellings == []


def test_quotes_that_are_pulled_are_told_once_with_each_reason() -> None:
    world, tellings = told(
        quotes=(buy(0, 99_980),), limits=limits(price_collar_bps=50.0, max_order_quote=Decimal(10_000))
    )
    world.open()
    tellings.clear()

    for lots in (10, 20):
        want(world, [buy(0, 90_000, lots)])
    want(world, [buy(0, 99_980, 2_000)])
    want(world, [buy(0, 99_980)])
    world.settle()

    reasons = ("price_collar_bps", "max_order_quote")
    pulled = [("shows_nothing", {"strategy": "core", "reason": reason}) for reason in reasons]
    assert tellings == [*pulled, ("shows_again", {"strategy": "core"})]


def test_a_feed_that_is_lost_and_comes_back_is_told_with_what_follows() -> None:
    world, tellings = told()
    world.open()
    tellings.clear()

    world.tell(FeedLost(at=0, instrument=KEY, reason="a gap"))
    world.settle()
    world.tell(world.venue.snapshot(world.at))

    assert tellings == [
        ("feed_lost", {"instrument": KEY, "reason": "a gap"}),
        ("shows_nothing", {"strategy": "core", "reason": "book: a gap"}),
        ("feed_back", {"instrument": KEY}),
        ("shows_again", {"strategy": "core"}),
    ]


def test_pauses_begin_and_end() -> None:
    world, tellings = told()
    world.open()
    tellings.clear()

    world.tell(PauseAsked(at=0, reason="lunch"))
    world.tell(ResumeAsked(at=0))

    assert tellings == [
        ("paused", {"strategy": "all", "reason": "lunch", "until": 0}),
        ("resumed", {"strategy": "all"}),
    ]


def test_a_refusal_names_the_order_and_its_slot() -> None:
    world, tellings = told()
    world.open()
    eat(world, Side.SELL)
    tellings.clear()
    order = world.order(Side.SELL)

    world.tell(OrderRejected(at=0, order_id=order.order_id, reason=RejectReason.POST_ONLY, message="would cross"))

    verb, about = tellings[0]
    assert (verb, about["reason"], about["slot"]) == ("rejected", "post_only", "core/sell/0")


def test_an_order_of_unknown_fate_is_told_once() -> None:
    world, tellings = told()
    world.open()
    eat(world, Side.BUY)
    world.outgoing.clear()
    tellings.clear()

    world.wait(10 * SECOND)

    assert verbs(tellings).count("unknown") == 1


def test_a_lost_session_is_told_with_its_reason() -> None:
    world, tellings = told()
    world.open()
    tellings.clear()

    world.tell(SessionLost(at=0, venue=VENUE, reason="the venue hung up"))

    assert tellings[0] == ("session_lost", {"venue": VENUE, "reason": "the venue hung up"})


def test_cancels_without_a_session_are_told() -> None:
    world, tellings = told()
    world.open()
    tellings.clear()

    world.tell(CancelsSent(at=0, venue=VENUE, order_ids=("a", "b")))

    assert tellings[0] == ("cancels_sent", {"venue": VENUE, "orders": 2})


def test_a_stop_is_told_when_it_begins_and_when_it_is_verified() -> None:
    world, tellings = told()
    world.open()
    tellings.clear()

    world.tell(StopAsked(at=0, reason="SIGTERM"))
    world.settle()

    assert tellings[0] == ("stopping", {"reason": "SIGTERM"})
    assert tellings[-1] == ("stopped", {"reason": "SIGTERM", "verdict": "flat", "left": []})


def test_a_line_is_json_with_exact_numbers_and_without_secrets(printed: Path) -> None:
    world, tellings = told()
    world.open()
    eat(world, Side.BUY)
    verb, about = next(telling for telling in tellings if telling[0] == "filled")

    tell(verb, about)
    tell("odd", {"client_secret": "abc"})

    line, odd = (json.loads(text) for text in printed.read_text().splitlines())
    assert (line["event"], line["price"], line["level"]) == ("filled", "49990.0", "info")
    assert odd["client_secret"] == "***"


def test_a_trade_by_somebody_else_on_our_account_is_an_alarm() -> None:
    world, tellings = told()
    world.open()
    tellings.clear()

    by_hand = filled(world.venue.instrument, "", "H1", Side.BUY, 100_000, 1, venue_time=world.at)
    world.tell(by_hand)
    world.tell(by_hand)

    ((verb, about),) = tellings
    assert (verb, about["slot"], about["trade_id"]) == ("traded_by_others", "external", "H1")
    assert verb in ALARMING


def test_a_position_that_differs_is_an_alarm_within_seconds_and_then_what_was_taken_over() -> None:
    world, tellings = told()
    world.venue.position, world.venue.average_price = Decimal(500), Decimal(50_000)
    world.open()
    for _ in range(2):
        world.wait(2 * SECOND)
        world.settle()

    assert verbs(tellings)[3:] == ["position_differs", "taken_over", "synced"]
    assert tellings[3][1] == {"instrument": KEY, "told": Decimal(500), "ours": Decimal(0)}
    assert tellings[4][1] == {
        "instrument": KEY,
        "amount": Decimal(500),
        "price": Decimal(50_000),
        "slot": "external",
    }
    assert {"position_differs", "taken_over"} <= ALARMING
