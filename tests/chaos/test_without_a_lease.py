"""A lease that ends at the worst moment: what was to be canceled is canceled, and nothing new leaves."""

from pathlib import Path

from replenisher.model.event import LeaseLost
from replenisher.simulate.frame_faults import Passage, is_order
from tests.chaos.story import story


def test_cancels_that_nobody_answers_when_the_lease_has_run_out(tmp_path: Path) -> None:
    """The database is away for longer than the lease, so that all is canceled, and the cancels are lost as well."""
    with story(tmp_path) as told:
        lost = told.spoil(lambda frame: is_order(frame) and "cancel" in frame, Passage.lose, times=10_000, up=True)
        told.victims.lock_database(lambda: None, is_locked=True)
        told.until(lambda: told.heard(LeaseLost), within_s=100)
        since = len(told.witness.requests)
        told.run(8)
        assert told.resting() and len(lost.met) > len(told.resting()), "they are sent again"
        told.lift(lost)
        told.until(lambda: not told.resting(), within_s=3)
        assert not any(request.is_place for _, request in told.witness.requests[since:])
        told.victims.lock_database(lambda: None, is_locked=False)
        told.end_well()
