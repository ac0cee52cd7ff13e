"""Seeds in real time: through the carrier of a venue's frames, the kernel and the exchange's server, ending well."""

import pytest

from replenisher.config import load
from replenisher.simulate import process
from replenisher.simulate.faults import NAMES
from replenisher.simulate.sockets import run_on_sockets
from replenisher.simulate.swarm import NO_FAULTS, Cue, Plan, drawn
from replenisher.venues.doctor import Finding, Light
from replenisher.wiring.simulation import SHIPPED, scene_of

SECONDS = 4.0


def test_nothing_goes_wrong_and_both_books_agree() -> None:
    found = run_on_sockets(scene_of(load(SHIPPED)), seed=1, seconds=SECONDS, plan=NO_FAULTS)

    assert (found.violation, found.traceback) == (None, "")
    assert found.messages > 50


@pytest.mark.parametrize("seed", [5, 12])
def test_what_goes_wrong_over_real_connections_breaks_no_invariant(seed: int) -> None:
    found = run_on_sockets(scene_of(load(SHIPPED)), seed=seed, seconds=SECONDS, plan=drawn(seed, NAMES))

    assert (found.violation, found.traceback) == (None, "")


def test_a_server_that_is_gone_and_comes_back_is_traded_on_again() -> None:
    plan = Plan(script=[Cue(fault="exchange restarted", after_s=2), Cue(fault="cut", after_s=1, connection="trading")])

    found = run_on_sockets(scene_of(load(SHIPPED)), seed=1, seconds=SECONDS, plan=plan)

    assert (found.violation, found.traceback) == (None, "")
    assert found.befell == {"cut": 1, "exchange restarted": 1}
    assert found.tally["disconnects"] >= 3


def test_what_the_doctor_finds_bad_in_the_process_that_lives_on_fails_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Finding(about="deribit", check="key", light=Light.RED, found="it may not trade")
    monkeypatch.setattr(process, "about_venue", lambda *_: [bad])

    found = run_on_sockets(scene_of(load(SHIPPED)), seed=1, seconds=1.0, plan=NO_FAULTS)

    assert found.violation is not None
    assert found.violation.sentence == "a whole process: the doctor finds: ['key: it may not trade']"
