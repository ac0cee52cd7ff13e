"""Days on which an invariant once did not hold, as they were drawn then, whatever faults have joined the list since."""

import pytest

from replenisher.simulate.swarm import SHORT_SEGMENT_BYTES, Cue, Plan
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

LATE_ANSWERS = {  # S3: the answer to one amend was taken for that to the next, and the order for smaller than its fills
    "change lost": 0.003915,
    "snapshot lost": 0.2636,
    "repeated": 0.003382,
    "answer lost": 0.002101,
    "cut before the request": 0.003081,
    "cut before the answer": 0.0007664,
    "old answer": 0.08394,
    "forgotten": 0.002106,
    "key refused": 0.01861,
    "half open": 0.8845,
    "unplugged": 1.012,
    "deaf": 0.2842,
    "slow": 6.907,
    "channel silent": 8.027,
    "killed": 3.84,
    "power lost": 0.01187,
    "suspended": 0.3083,
    "stalled": 3.336,
    "interrupted": 8.829,
    "disk full": 0.9948,
    "name not synced": 0.06506,
    "disk slow": 1.952,
    "database gone": 2.423,
    "recorder died": 0.5089,
    "told to stop": 0.4723,
    "by hand": 0.0413,
    "guest": 1.631,
}
ROWS_AHEAD = {  # S3: power loss took the record of an order that was a row already, and rested there for ever
    "change lost": 0.005987,
    "snapshot lost": 0.1784,
    "snapshot late": 0.1222,
    "request lost": 0.0003506,
    "cut before the request": 0.002513,
    "channel left out": 0.02952,
    "old answer": 0.08556,
    "key refused": 0.004545,
    "cut": 46.55,
    "half open": 12.04,
    "unplugged": 20.48,
    "deaf": 0.687,
    "mute": 5.383,
    "slow": 16.16,
    "crashed": 6.475,
    "power lost": 4.33,
    "suspended": 2.22,
    "stalled": 5.508,
    "exchange restarted": 2.108,
    "disk full": 0.2204,
    "sync fails": 4.477,
    "name not synced": 15.62,
    "disk slow": 6.297,
    "database locked": 6.528,
    "recorder died": 0.02166,
    "told to stop": 2.896,
    "told twice to stop": 1.67,
    "replaced": 1.649,
    "by hand": 11.02,
    "guest": 28.24,
    "maintenance": 0.1926,
}


@pytest.mark.parametrize(
    ("seed", "minutes", "plan"),
    [
        (311, 2.5, Plan(rates=UNBOOKED)),
        (17, 10, Plan(rates=RENEWALS)),
        (3980, 5.2, Plan(rates=LATE_ANSWERS, segment_bytes=SHORT_SEGMENT_BYTES)),
        (3515, 10, Plan(rates=ROWS_AHEAD)),
    ],
    ids=[
        "what an ended order had traded counted for nobody",
        "more connects in a minute than are allowed",
        "a late answer was taken for that to the next amend",
        "rows were ahead of what outlives a loss of power",
    ],
)
def test_it_holds_now(seed: int, minutes: float, plan: Plan) -> None:
    assert outcome_of(seed, minutes=minutes, plan=plan).violation is None


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
