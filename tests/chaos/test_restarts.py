"""Daemons that die at bad moments: the next one knows what the last one has left behind."""

from functools import partial
from pathlib import Path

from replenisher.exchange.words import OrderState
from replenisher.model.event import OpenOrdersReported
from replenisher.model.order import Status
from replenisher.simulate.frame_faults import Passage, is_login
from tests.chaos.story import WITH_A_TAKER, story

SMALL, LARGE = '"min_trade_amount":10.0', '"min_trade_amount":100000.0'  # of what is traded


def _become(passage: Passage, before: str, after: str) -> None:
    passage.become(passage.frame.replace(before, after))


def test_a_daemon_that_is_killed_while_its_orders_work(tmp_path: Path) -> None:
    """Elsewhere a start after SIGKILL dropped orders that still worked at the venue: they filled for nobody.

    The venue has not noticed the death: the next daemon comes while everything of the last one still rests.
    """
    with story(tmp_path) as told:
        told.run(1)
        told.victims.kill(lambda: None, power_lost=True)
        told.until(lambda: not told.life.is_over)
        left, before = told.resting(), len(told.witness.requests)
        told.until(lambda: any(request.is_place for _, request in told.witness.requests[before:]))
        assert {told.theirs(order.label).state for order in left} == {OrderState.CANCELLED}
        told.end_well()

        assert left and {told.course(order.label)[-1] for order in left} == {Status.CANCELED}
        assert {told.theirs(order.label).cancel_reason for order in left} == {"user_request"}


def test_what_rests_is_gone_on_with_where_the_operator_wants_that(tmp_path: Path) -> None:
    """Nothing is canceled, and nothing is placed where something rests."""
    with story(tmp_path, config=WITH_A_TAKER.replace("risk:", "risk:\n  on_start: adopt")) as told:
        told.run(1)
        told.victims.kill(lambda: None, power_lost=True)
        told.until(lambda: not told.life.is_over)
        left, before = told.resting(), len(told.witness.requests)
        told.run(2)
        since = told.witness.requests[before:]
        assert {told.theirs(order.label).state for order in left} == {OrderState.OPEN}
        assert told.is_quoting() and not any(request.is_place for _, request in since)
        told.end_well()

        assert left


def test_a_daemon_that_is_killed_and_whose_orders_are_filled_before_the_next_one_comes(tmp_path: Path) -> None:
    """Elsewhere such fills became a position that nobody could explain, or one made up to explain it."""
    with story(tmp_path) as told:
        told.run(1)
        left = told.resting()
        told.victims.kill(lambda: None, power_lost=True)
        told.take(*left)
        told.until(lambda: not told.life.is_over)
        told.end_well()

        assert {told.course(order.label)[-1] for order in left} == {Status.FILLED}
        assert all(told.fills(order.label) for order in left)


def test_a_daemon_that_dies_between_its_record_and_the_first_byte(tmp_path: Path) -> None:
    """The next one must not take an order that never left for one that was lost on the way, nor send it after all."""
    with story(tmp_path) as told:
        told.victims.crash(lambda: None, "before send")
        (order, *_) = told.resting()
        told.take(order)
        told.until(lambda: told.life.is_over)
        sent = {request.label for _, request in told.witness.requests}
        told.until(lambda: not told.life.is_over)
        told.end_well()

        never_sent = [label for label in told.witness.course if label not in sent and label < max(sent)]
        assert all(told.course(label)[-1] is not Status.WORKING for label in never_sent)


def test_a_burst_of_restarts_in_one_second(tmp_path: Path) -> None:
    """A supervisor of processes that starts a daemon again at once: no life spends what the last one has spent."""
    with story(tmp_path) as told:
        told.victims.away_s = (0.1, 0.1)
        for _ in range(4):
            told.take(*told.resting())
            told.run(0.1)
            told.victims.kill(lambda: None)
            told.until(lambda: not told.life.is_over)
        told.end_well()

        assert told.ends.count("killed") == 4


def test_a_daemon_that_no_configuration_lets_live_is_started_again_and_again_at_once(tmp_path: Path) -> None:
    """A manager of processes that starts it again after 78, too: all its lives together ask no more than one may."""
    with story(tmp_path) as told:
        told.victims.away_s = (0.02, 0.02)
        dearer = told.spoil(lambda frame: SMALL in frame, lambda passage: _become(passage, SMALL, LARGE), times=10_000)
        told.victims.kill(lambda: None)
        told.until(lambda: told.ends.count("exit 78") == 40)
        told.lift(dearer)
        told.end_well()


def test_a_daemon_whose_key_is_refused_is_started_again_and_again_at_once(tmp_path: Path) -> None:
    """The venue takes ten wrong keys a minute, and a right one after that."""
    with story(tmp_path) as told:
        told.victims.away_s = (0.02, 0.02)
        refused = told.spoil(is_login, lambda passage: _become(passage, '"signature":"', '"signature":"0'), up=True)
        refused.left = 10_000
        told.victims.kill(lambda: None)
        told.run(70)
        told.lift(refused)
        told.run(60)
        told.end_well()

        assert told.ends.count("exit 78") >= 10


def test_a_daemon_that_is_killed_as_soon_as_it_quotes_and_started_again_at_once(tmp_path: Path) -> None:
    """It dies by itself, say of its memory, and each life asks for all that a life begins with."""
    with story(tmp_path) as told:
        told.victims.away_s = (0.02, 0.02)
        for _ in range(30):
            told.victims.kill(lambda: None)
            told.until(partial(told.heard, OpenOrdersReported, len(told.witness.events)))
        told.end_well()

        assert told.ends.count("killed") == 30


def test_the_same_story_twice(tmp_path: Path) -> None:
    """Elsewhere what a start made up to explain a difference had another id each time, so that it was booked twice."""
    digests = []
    for number in range(2):
        with story(tmp_path / str(number)) as told:
            told.victims.kill(lambda: None, power_lost=True)
            told.take(*told.resting())
            told.until(lambda: not told.life.is_over)
            told.end_well()
            digests.append(told.tap.digest())

    assert digests[0] == digests[1]
