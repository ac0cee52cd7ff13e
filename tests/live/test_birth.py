"""A life begins with what its journal remembers."""

from pathlib import Path
from random import Random

from replenisher.live.birth import begin
from replenisher.model.step import Step
from replenisher.simulate.disk import SimulatedDisk
from replenisher.store.journal import Journal, Policy
from tests.core.world import Wishes, setup
from tests.store.given import JOURNAL_ID, SECOND, T0, started


def test_power_loss_may_take_all_of_the_first_life_but_that_and_when_it_was(tmp_path: Path) -> None:
    constants, disk = setup([("test", Wishes())]), SimulatedDisk(Random(1))
    journal = Journal.open(tmp_path, new_id=JOURNAL_ID, policy=Policy(), disk=disk)
    _, epoch = begin(journal, constants, T0)
    journal.append(Step(number=1, at=T0, events=(started(epoch),), commands=()))
    disk.abandon()
    disk.lose_power(Random(2))

    journal = Journal.open(tmp_path, new_id=JOURNAL_ID, policy=Policy(), disk=disk)
    assert journal.boot.steps == ()
    state, _ = begin(journal, constants, T0 + SECOND)

    assert (state.first_started_at, state.epoch) == (T0, epoch), "trades are asked for from then on, and it has spent"
