"""Each check of what leaves and what rests is shown a small story in which all is well until its rule is broken."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from replenisher.core.setup import OnStart
from replenisher.model.command import Halt, HaltCause, Intent, MoveSlot, PlaceOrder
from replenisher.model.event import ResumeAsked
from replenisher.model.order import BUY, Status
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.checks.endings import OnlyEvidenceEnds
from replenisher.simulate.checks.epochs import OneWriter
from replenisher.simulate.checks.exposure import WorstCaseIsWithinLimits
from replenisher.simulate.checks.latch import HaltIsALatch
from replenisher.simulate.checks.orders import OrdersOnlyGoOn
from replenisher.simulate.checks.orphans import NoOrphans
from replenisher.simulate.checks.places import PlacedOnce
from replenisher.simulate.checks.rates import RatesAreKept
from replenisher.simulate.checks.sanity import OrdersAreSane
from replenisher.simulate.checks.strangers import StrangersAreLeftAlone
from replenisher.simulate.checks.writing_ahead import WrittenAhead
from replenisher.simulate.court import OrderRow
from replenisher.store.journal import Fsync, Policy
from tests.simulate.story import KEY, Story, order_state, record


def placing(label: str) -> PlaceOrder:
    return PlaceOrder(
        order_id=label,
        instrument=KEY,
        strategy="core",
        side=BUY,
        level=0,
        price=1,
        quantity=1,
        intent=Intent.QUOTE,
        valid_until=0,
        deadline=0,
    )


# --- S3, S4, S5, S6 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filled", "status", "complaint"),
    [
        ("400", Status.WORKING, "was filled with 1000, and now with 400"),
        ("1500", Status.WORKING, "the exchange has traded 1000 of it"),
        ("1000", Status.WORKING, "had ended as canceled, and is working now"),
    ],
)
def test_s3_an_order_only_goes_on(filled: str, status: Status, complaint: str) -> None:
    story = Story(OrdersOnlyGoOn)
    label = story.label()
    story.trades(label)
    story.court.ordered(OrderRow(label, Decimal(2000), Decimal(1000), Status.CANCELED, 1, 1))
    assert story.found == []

    story.court.ordered(OrderRow(label, Decimal(2000), Decimal(filled), status, 1, 2))

    assert complaint in story.found[0]


def test_s4_what_rests_and_is_under_way_and_is_held_counts() -> None:
    story = Story(WorstCaseIsWithinLimits)
    story.trades(amount=2000)
    story.takes(story.label(1), amount=2000)
    story.asks_for(story.label(2), amount=2000)
    story.asks_for(story.label(3), side="sell", amount=8000)
    assert story.found == []

    story.asks_for(story.label(4), amount=10)

    assert "2000 is held, and 6010 to buy may come of it" in story.found[0]


def test_s4_all_that_one_currency_pays_for_counts_together_against_the_leverage() -> None:
    story = Story(WorstCaseIsWithinLimits)
    limits = story.setup.limits
    coins = 4000 / story.mark()  # of ten that are there
    story.setup = replace(story.setup, limits=replace(limits, max_leverage=round(coins / 10, 8)))
    story.trades(amount=2000)
    story.takes(story.label(1), amount=2000)
    assert story.found == []

    story.asks_for(story.label(2), amount=300)  # a twentieth more is what marks may have moved

    assert "BTC may come, and" in story.found[0]


def test_s4_an_amend_counts_with_the_larger_size_until_it_is_decided() -> None:
    story = Story(WorstCaseIsWithinLimits)
    order_id = story.takes(story.label(1), amount=3000)
    story.sends("edit", order_id=order_id, amount=6000, price=story.mark(-20))
    assert story.found == []

    story.asks_for(story.label(2), amount=10)

    assert "more than 6000" in story.found[0]


def test_s4_only_so_many_orders_may_rest() -> None:
    story = Story(WorstCaseIsWithinLimits)
    for counter in range(7):
        story.asks_for(story.label(counter), amount=10)
    assert story.found == []

    story.asks_for(story.label(7), amount=10)

    assert story.found == ["8 orders rest or are under way, and 7 may"]


def test_s5_an_order_does_not_end_while_it_rests_or_may_still_be_taken() -> None:
    story = Story(OnlyEvidenceEnds)
    rests, under_way, gone, never = (story.label(counter) for counter in range(4))
    order_id = story.takes(gone)
    story.takes_off(order_id)
    story.steps(orders=(order_state(gone, Status.CANCELED), order_state(never, Status.REJECTED)))
    assert story.found == []

    story.takes(rests)
    story.steps(orders=(order_state(rests, Status.CANCELED),))
    story.asks_for(under_way)
    story.steps(orders=(order_state(under_way, Status.REJECTED),))
    story.takes(never)

    resting, coming, taken = story.found
    assert resting == f"order {rests} counts as canceled () while it rests"
    assert coming == f"order {under_way} counts as rejected () while it may still be taken"
    assert taken == f"order {never} was taken after it had counted as rejected"


def test_s6_no_label_leaves_twice_and_no_slot_has_two_orders() -> None:
    story = Story(PlacedOnce)
    first, second = story.label(1), story.label(2)
    story.asks_for(first)
    story.steps(commands=(placing(first),))
    assert story.found == []

    story.asks_for(first)
    story.asks_for(second)
    story.steps(commands=(placing(second),))

    assert story.found[0] == f"order {first} was sent a second time"
    assert f"orders {first} and {second} can both be live in slot" in story.found[1]


def test_s6_an_order_that_was_adopted_stands_where_the_life_that_did_so_remembers_it() -> None:
    story = Story(PlacedOnce)
    left, other, third = story.label(1), story.label(2), story.label(3)
    story.takes(left)
    story.steps(commands=(placing(left), MoveSlot(order_id=left, level=1)))
    story.born(2, **{left: ("core", KEY, BUY, 2)})  # power was lost since it stood there

    for label, level in ((other, 1), (third, 2)):
        story.asks_for(label)
        story.steps(commands=(msgspec.structs.replace(placing(label), level=level),))

    assert story.found == [f"orders {left} and {third} can both be live in slot {('core', KEY, BUY, 2)}"]


# --- S8, S9, S10 ----------------------------------------------------------------------------------------------------


def test_s8_whoever_says_that_it_is_flat_is_flat() -> None:
    story = Story(NoOrphans)
    story.court.ended(story.daemon, "exit 0")
    story.takes(story.label())
    story.court.ended(story.daemon, "killed")
    assert story.found == []

    story.court.ended(story.daemon, "exit 0")

    assert story.found == [f"life 1 ended as flat, and {story.label()} still rest"]


def test_s8_the_next_life_shows_nothing_before_the_last_ones_orders_are_gone() -> None:
    story = Story(NoOrphans)
    left = story.label()
    story.takes(left)
    story.court.ended(story.daemon, "killed")
    story.born(2)

    story.asks_for(story.label())

    assert story.found == [f"life 2 shows its first order while {left} still rest"]


def test_s8_what_the_next_life_has_adopted_is_no_orphan_and_what_it_does_not_know_of_is() -> None:
    story = Story(NoOrphans)
    story.setup = replace(story.setup, on_start=OnStart.ADOPT)
    known, unknown = story.label(1), story.label(2)
    story.takes(known)
    story.takes(unknown, "sell")
    story.court.ended(story.daemon, "killed")
    story.born(2, **{known: ("core", KEY, BUY, 0)})

    story.asks_for(story.label(1))

    assert story.found == [f"life 2 shows its first order while {unknown} still rest"]


def test_s8_the_dead_man_switch_is_as_fast_as_it_was_configured() -> None:
    story = Story(NoOrphans)
    story.dead_man_ns = 5 * 10**9
    left = story.label()
    story.court.heard("link", story.asks_for(left))
    story.takes(left)
    story.court.ended(story.daemon, "killed")
    story.passes(5.9)
    story.speaks()
    assert story.found == []

    story.passes(0.2)
    story.speaks()

    assert story.found == [f"{left} still rest 6 s after their daemon's end"]


def test_s9_a_stranger_is_left_alone() -> None:
    story = Story(StrangersAreLeftAlone)
    strange, ours = story.takes("by hand 1"), story.takes(story.label(), side="sell")
    story.sends("cancel", order_id=ours)
    story.sends("get_open_orders", currency="BTC")
    story.takes_off(story.takes("by hand 2"), reason="by hand")
    assert story.found == []

    story.sends("cancel", order_id=strange)
    story.sends("cancel_by_label", label="by hand 1")
    story.sends("cancel_all_by_currency", currency="BTC")
    story.takes_off(strange)

    assert [each.split(":")[0] for each in story.found] == [
        "a request is about a stranger's order",
        "a request is about a stranger's order",
        "a mass cancel takes off strangers' orders, too",
        "the order 'by hand 1' of a stranger was closed",
    ]


@pytest.mark.parametrize(("fsync", "objects"), [(Fsync.ALWAYS, True), (Fsync.INTERVAL, False)])
def test_s10_an_order_is_written_down_before_it_leaves_and_is_safe_if_that_was_promised(
    fsync: Fsync, objects: bool
) -> None:
    story = Story(WrittenAhead)
    story.policy = Policy(fsync=fsync)
    for counter in (1, 2):
        story.court.wrote(story.daemon, f"... {story.label(counter)} ...".encode())
    story.asks_for(story.label(1))
    assert story.found == []

    story.is_journal_safe = False
    story.asks_for(story.label(2))
    story.is_journal_safe = True
    story.asks_for(story.label(3))

    complaints = ["left before its record was safe"] * objects + ["left before it was written down"]
    assert [complaint in each for complaint, each in zip(complaints, story.found, strict=True)] == [True] * len(
        complaints
    )


def test_s10_what_a_slow_disk_held_up_leaves_when_the_next_turn_begins_that_writes_something_else() -> None:
    story = Story(WrittenAhead)
    story.daemon.stands_until = story.at + SECOND_NS
    story.court.wrote(story.daemon, story.label(1).encode())
    story.at += SECOND_NS
    story.daemon.stands_until += SECOND_NS
    story.court.wrote(story.daemon, b"")  # how much of it is safe
    story.asks_for(story.label(1))
    assert story.found == []

    story.at += 2 * SECOND_NS
    story.court.wrote(story.daemon, b"something else")
    story.asks_for(story.label(1))

    assert ["left before it was written down" in each for each in story.found] == [True]


# --- S13, S14, S16, S17 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"price": -1}, "a price or an amount is no positive number"),
        ({"price": 100_000.3}, "off the grid"),
        ({"amount": 15}, "off the grid"),
        ({"amount": 30_000}, "more than 20000"),
        ({"reject_post_only": False}, "it might take"),
        ({"post_only": False}, "it might take"),
    ],
)
def test_s13_an_order_is_on_the_grid_of_a_sane_size_and_takes_nothing(wrong: dict[str, Any], complaint: str) -> None:
    story = Story(OrdersAreSane)
    story.asks_for(story.label(1))
    assert story.found == []

    story.asks_for(story.label(2), **wrong)

    assert complaint in story.found[0]


def test_s13_an_order_is_near_the_market_and_meets_none_of_ours() -> None:
    story = Story(OrdersAreSane)
    story.takes(story.label(1), side="sell", price=story.mark(30))
    story.asks_for(story.label(2), price=story.mark(29))
    story.asks_for(story.label(3), price=story.mark(-290))
    assert story.found == []

    story.asks_for(story.label(4), price=story.mark(-310))
    story.asks_for(story.label(5), price=story.mark(30))

    assert "310 bps from the mark" in story.found[0]
    assert f"it would trade with our own order {story.label(1)}" in story.found[1]


def test_s14_the_exchange_has_nothing_to_complain_about() -> None:
    story = Story(RatesAreKept)
    story.court.struck("too many requests")
    story.speaks('{"error":{"code":10028}}')
    assert story.found == []

    story.speaks('{"error":{"code":10028}}')

    assert "we ask too much" in story.found[0]


def test_s14_every_order_that_rests_could_be_canceled_at_any_time() -> None:
    story = Story(RatesAreKept)
    burst = int(story.setup.venues[0].rate_limit.burst)
    story.takes(story.label(0))
    for counter in range(1, burst):
        story.asks_for(story.label(counter))
    assert story.found == []

    story.asks_for(story.label(burst))

    assert "with 0.0 credits left for the cancels of 1 orders" in story.found[0]
    story.passes(1)
    story.asks_for(story.label(burst + 1))
    assert len(story.found) == 1


def test_s16_once_a_life_has_sent_orders_no_earlier_one_does_and_none_has_its_ids() -> None:
    story = Story(OneWriter)
    first = story.daemon
    story.asks_for(story.label(1))
    second = story.born(2)
    story.asks_for(story.label(1))
    assert story.found == []

    story.daemon = first
    story.asks_for(story.label(2))
    story.daemon = story.born(3)
    story.asks_for(story.label(2, life=2))

    assert story.found[0].startswith("life 1 sends orders after life 2 has")
    assert story.found[1].startswith("life 3 sends orders of epoch")
    assert second.number == 2


def test_s17_after_a_halt_no_order_leaves_in_whichever_life_before_somebody_says_why_it_may() -> None:
    story = Story(HaltIsALatch)
    halt = Halt(cause=HaltCause.LOOP_LAG, reason="too slow")
    story.asks_for(story.label(1))
    story.court.wrote(story.daemon, record(Step(number=1, at=1, events=(), commands=(halt,))))
    story.sends("cancel_by_label", label=story.label(1))
    assert story.found == []

    story.born(2)
    story.asks_for(story.label(2))
    assert "sends an order after the halt for 'too slow'" in story.found[0]

    for reason in ("", "mended"):
        resumed = Step(number=2, at=2, events=(ResumeAsked(at=2, reason=reason),), commands=())
        story.court.wrote(story.daemon, record(resumed))
        story.asks_for(story.label(3))
    assert len(story.found) == 2, "only a resume with a reason lifts it"
