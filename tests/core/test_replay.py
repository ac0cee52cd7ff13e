"""Memory: a snapshot and the steps after it are the state; and one tape gives one outcome."""

import os
import random
import subprocess
import sys
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from replenisher.core.replay import fold
from replenisher.core.slots import PartialFill, RefillPolicy
from replenisher.core.state import Memory, State, base36
from replenisher.model.command import CancelOrder
from replenisher.model.event import (
    BalanceReported,
    ClockOffset,
    OpenOrdersReported,
    OrderCanceled,
    QuestionFailed,
    SessionLost,
    SessionOpened,
    Started,
)
from replenisher.model.order import Side, Status
from replenisher.model.step import Step
from tests.core.world import (
    KEY,
    MS,
    SECOND,
    VENUE,
    Resting,
    Wishes,
    World,
    ladder,
    one_strategy,
    policy,
    quoting,
    want,
)


def a_life(seed: int, turns: int = 60) -> World:
    """A busy hour: moves, fills, refusals, lost sessions, cash that went, a clock that steps, and a stray.

    It is the same for the same seed.
    """
    chance = random.Random(seed)
    refill = RefillPolicy(partial_fill=PartialFill.TOP_UP, delay_ns=chance.choice([0, SECOND]), max_per_minute=5)
    world = World(one_strategy(Wishes(ladder(2)), policy=policy(refill)))
    world.venue.orders["V0"] = Resting("tst000000000007", "V0", Side.BUY, 99_000, 3)
    world.open()
    for _ in range(turns):
        match chance.choice(["move", "fill", "settle", "wait", "lose", "drop", "cash", "clock"]):
            case "move":
                want(world, ladder(chance.randrange(4), chance.choice([5, 10]), 10, chance.choice([99_990, 100_000])))
            case "fill" if world.venue.resting():
                world.venue.fill(chance.choice(world.venue.resting()), chance.randint(1, 12), world.at)
                world.hear()
            case "settle":
                world.settle()
            case "wait":
                world.wait(chance.randint(1, 3_000) * 1_000_000)
            case "lose":
                world.outgoing.clear()
                world.venue.private.clear()
                world.tell(SessionLost(at=0, venue=VENUE, reason="gone"))
                world.tell(SessionOpened(at=0, venue=VENUE))
            case "drop" if world.outgoing:
                world.outgoing.remove(chance.choice(world.outgoing))
            case "cash":
                world.venue.balance -= chance.randrange(2)
                world.tell(BalanceReported(at=0, venue=VENUE, currency="USDT", balance=world.venue.balance))
            case "clock":
                world.tell(ClockOffset(at=0, venue=VENUE, offset_ns=chance.choice([-SECOND, 0, SECOND])))
            case _:
                pass
    return world


def memory_of(state: State) -> Memory:
    """What must outlive the process."""
    return msgspec.msgpack.decode(state.dump(), type=Memory)


@pytest.mark.parametrize("seed", range(12))
def test_a_snapshot_anywhere_and_the_steps_after_it_are_the_state(seed: int) -> None:
    lived = a_life(seed)
    folded = State.load(lived.setup, None)

    for number, step in enumerate(lived.steps, 1):
        fold(folded, [step])
        reborn = State.load(lived.setup, folded.snapshot())
        fold(reborn, lived.steps[number:])

        assert memory_of(reborn) == memory_of(lived.state)


def test_a_dump_that_is_loaded_is_the_same_dump() -> None:
    state = a_life(3).state

    assert State.load(state.setup, state.dump()).dump() == state.dump()
    assert State.load(state.setup, state.snapshot()).snapshot() == state.snapshot()


def test_a_life_that_goes_on_from_a_snapshot_ends_where_one_without_a_break_does() -> None:
    lived = quoting(ladder(2))
    resumed = World(lived.setup, venue=lived.venue)
    resumed.engine.state = State.load(lived.setup, lived.state.dump())
    resumed.at = lived.at
    fills = [lived.venue.fill(resting, 10, lived.at) for resting in lived.venue.resting()[:3]]

    lived.tell(*fills)
    resumed.tell(*fills)

    ours, theirs = memory_of(resumed.state), memory_of(lived.state)
    assert ours.account == theirs.account
    assert ours.orders == theirs.orders[:4], "one goes on quoting, the other one waits for its session"


def test_whatever_was_on_its_way_at_the_end_of_a_life_is_unknown_in_the_next() -> None:
    world = quoting()
    want(world, ladder(1))

    later = world.reborn()
    later.tell(Started(at=0, epoch=2, namespace="tst", config_version="1", accounts={VENUE: "a"}))

    assert [order.status for order in later.live()] == [Status.UNKNOWN] * 2


def test_a_life_must_be_later_than_the_one_before() -> None:
    world = quoting().reborn()

    with pytest.raises(AssertionError, match="later epoch"):
        world.tell(Started(at=0, epoch=1, namespace="tst", config_version="1", accounts={}))


def test_answers_that_follow_a_snapshot_find_a_state_that_knows_no_session() -> None:
    state = State.load(one_strategy(Wishes()), None)
    events = (
        BalanceReported(at=5, venue=VENUE, currency="USDT", balance=Decimal(7)),
        QuestionFailed(at=5, venue=VENUE, question="AskPosition", subject="toy/X", message="busy"),
    )

    fold(state, [Step(number=1, at=5, events=events, commands=())])

    assert state.account.balance(VENUE, "USDT") == 7


def test_a_cancel_of_an_order_that_has_ended_for_us_changes_nothing_when_it_is_replayed() -> None:
    world = quoting(ladder(1))
    ended = world.order(Side.BUY)
    resting = world.at_venue(ended)
    shown = (world.venue.report(resting, world.at),)
    world.tell(OrderCanceled(at=0, order_id=ended.order_id, venue_time=world.at, reason="they said"))
    world.tell(OpenOrdersReported(at=0, scope=KEY, asked_at=world.at + MS, orders=shown))  # It rests after all.

    replayed = State.load(world.setup, None)
    fold(replayed, world.steps)

    assert isinstance(world.steps[-1].commands[0], CancelOrder)
    assert memory_of(replayed) == memory_of(world.state)


def test_a_client_order_id_has_a_fixed_width_and_never_comes_twice() -> None:
    world = quoting(ladder(2))
    ids = [order.order_id for order in world.live()]

    later = world.reborn()
    later.open(epoch=2)
    later.wait(SECOND)  # the life before may have spent what there was
    ids += [order.order_id for order in later.live()]

    assert len(set(ids)) == 8
    assert all(len(order_id) == 15 and world.state.is_ours(order_id) for order_id in ids)
    assert not world.state.is_ours("tst00000100000!")
    assert not world.state.is_ours("abc000001000001")
    with pytest.raises(AssertionError, match="fixed width"):
        base36(36**6, 6)


# --- One tape, one outcome -----------------------------------------------------------------------------------------


def outcome(seeds: range) -> str:
    """Every step of some lives, as the journal would write them."""
    digest = sha256()
    for seed in seeds:
        for step in a_life(seed).steps:
            digest.update(msgspec.msgpack.encode(step))
    return digest.hexdigest()


def test_the_same_facts_give_the_same_steps() -> None:
    assert outcome(range(3)) == outcome(range(3))


def test_the_outcome_does_not_depend_on_how_python_hashes() -> None:
    script = "from tests.core.test_replay import outcome; print(outcome(range(4)))"
    root = Path(__file__).parents[2]

    outcomes = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(outcomes) == 1
    assert outcomes.pop().strip() == outcome(range(4))


def test_the_kit_of_this_page_is_busy() -> None:
    kinds = {type(command).__name__ for seed in range(12) for step in a_life(seed).steps for command in step.commands}

    assert kinds >= {"PlaceOrder", "AmendOrder", "CancelOrder", "MoveSlot", "AskOrder", "AskPosition"}
