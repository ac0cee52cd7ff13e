"""Days on which an invariant once did not hold, as they were drawn then, whatever faults have joined the list since."""

from collections.abc import Mapping

import pytest

from replenisher.simulate.swarm import Cue, Plan
from tests.simulate.kit import outcome_of

UNBOOKED = {  # S4: an order that had ended counted no more, and what it had traded did not count yet
    "change lost": 0.008581,
    "snapshot lost": 0.03422,
    "repeated": 0.0102,
    "answer lost": 0.02184,
    "cut before the request": 0.002405,
    "cut before the answer": 0.005258,
    "garbled": 0.0004176,
    "channel left out": 0.1805,
    "old answer": 0.001494,
    "too many requests": 0.001722,
    "forgotten": 0.001182,
    "cut": 51.29,
    "mute": 3.419,
    "channel silent": 11.44,
    "crashed": 16.41,
    "power lost": 7.045,
    "stalled": 9.588,
    "exchange restarted": 6.249,
    "disk full": 9.227,
    "by hand": 18.64,
}
RENEWALS = {  # L5: eleven attempts to connect within a minute, some of them to replace connections that had grown old
    "snapshot late": 0.1893,
    "repeated": 0.00784,
    "answer lost": 0.03076,
    "cut before the request": 0.005278,
    "cut before the answer": 0.007306,
    "position empty": 0.006988,
    "forgotten": 0.0169,
    "cut": 5.142,
    "half open": 2.564,
    "deaf": 5.036,
    "slow": 3.852,
    "channel silent": 13.0,
    "crashed": 14.9,
    "stalled": 1.556,
    "exchange restarted": 5.318,
    "disk full": 1.061,
    "disk slow": 7.156,
    "by hand": 9.246,
}


@pytest.mark.parametrize(
    ("seed", "minutes", "rates"),
    [(311, 2.5, UNBOOKED), (17, 10, RENEWALS)],
    ids=["what an ended order had traded counted for nobody", "more connects in a minute than are allowed"],
)
def test_it_holds_now(seed: int, minutes: float, rates: Mapping[str, float]) -> None:
    assert outcome_of(seed, minutes=minutes, plan=Plan(rates=rates)).violation is None


POWER, BOOK = Cue(fault="power lost", after_s=10), Cue(fault="snapshot lost", after_s=12)
SHUT = (Cue(fault="power lost", after_s=9), Cue(fault="maintenance", after_s=10))
CUT_OFF = tuple(Cue(fault="unplugged", after_s=after_s) for after_s in range(160, 260, 8))
IN_ITS_PLACE = (Cue(fault="replaced", after_s=5), *CUT_OFF)


@pytest.mark.parametrize(
    ("seed", "minutes", "plan"),
    [
        (3, 1.5, Plan(script=(POWER, BOOK), adopts=True)),  # S7
        (2, 3, Plan(script=SHUT)),  # S8
        (5, 6, Plan(script=IN_ITS_PLACE)),  # S3
    ],
    ids=[
        "orders that may be adopted wait for their first book",
        "a venue that shuts may keep the orders of whoever is dead",
        "who left in doubt while another one took over settles it when started again",
    ],
)
def test_what_was_asked_too_soon_holds_in_time(seed: int, minutes: float, plan: Plan) -> None:
    outcome = outcome_of(seed, minutes=minutes, plan=plan)

    assert outcome.violation is None
    assert {cue.fault for cue in plan.script} <= outcome.befell.keys()
