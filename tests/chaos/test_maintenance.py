"""A venue that goes into maintenance: quotes are off before it, nothing storms against it, and all comes back."""

from pathlib import Path

import pytest

from replenisher.exchange.words import InstrumentState
from replenisher.model.event import RejectReason, RequestRejected
from tests.chaos.story import Story, story

SECOND = 10**9
HALTED, LOCKED = InstrumentState.HALTED, InstrumentState.LOCKED
DOWN, SHUT = InstrumentState.MAINTENANCE, InstrumentState.SHUT


def refusals(told: Story, since: int) -> list[RequestRejected]:
    return [event for event in told.heard(RequestRejected, since) if event.reason is RejectReason.HALTED]


def quotes_again(told: Story, since: int) -> None:
    """Of itself, within the half minute in which it should after whatever has happened."""
    told.until(lambda: any(request.is_place for _, request in told.witness.requests[since:]) and told.resting(), 30)


def test_a_maintenance_that_is_announced(tmp_path: Path) -> None:
    """The venue locks first: all is canceled while that can be done, and nothing is asked for until it is over."""
    with story(tmp_path) as told:
        told.victims.maintain(lambda: None, [(LOCKED, 5 * SECOND), (DOWN, 60 * SECOND)])
        told.until(lambda: not told.resting(), within_s=2)
        told.run(4)
        before = len(told.witness.requests)
        told.run(55)
        assert len(told.witness.requests) == before
        told.run(5)
        quotes_again(told, before)
        told.end_well()


def test_a_maintenance_without_a_word_before(tmp_path: Path) -> None:
    """What rests cannot be canceled. It is tried ever less often, and at once when it is over."""
    with story(tmp_path) as told:
        resting, seen = len(told.resting()), len(told.witness.events)
        told.victims.maintain(lambda: None, [(DOWN, 600 * SECOND)])
        told.run(590)
        assert len(told.resting()) == resting
        assert resting <= len(refusals(told, seen)) <= 30 * resting, "a storm of requests"
        told.life.ask("pause")
        told.run(10)
        told.until(lambda: not told.resting(), within_s=2)
        told.end_well()


@pytest.mark.parametrize("seed", [2, 1], ids=["the venue keeps what rests", "the venue cancels what rests"])
def test_a_maintenance_that_throws_everybody_out(seed: int, tmp_path: Path) -> None:
    """Nobody is told when it is over, because nobody is there: whoever comes back asks, and finds orders or none."""
    with story(tmp_path, seed=seed) as told:
        before = told.resting()
        told.victims.maintain(lambda: None, [(DOWN, SECOND), (SHUT, 90 * SECOND), (DOWN, 5 * SECOND)])
        told.run(60)
        kept = bool(told.resting())
        since = len(told.witness.requests)
        told.run(36)
        quotes_again(told, since)
        told.end_well()

        assert kept is (seed == 2)
        assert all(told.agrees_on(order.label) for order in before)
        assert len(told.witness.dials) < 40


def test_a_halt_of_whose_end_the_market_connection_would_tell_and_does_not(tmp_path: Path) -> None:
    """It falls silent at the wrong time, and cancels have been refused for so long that they are tried ever less."""
    with story(tmp_path) as told:
        market = told.link("market")
        told.victims.interrupt(lambda: None, HALTED, 45 * SECOND)
        told.run(42)
        assert told.resting()
        market.down.is_dead = True
        told.run(3)
        told.until(lambda: not told.resting(), within_s=3)
        told.end_well()
