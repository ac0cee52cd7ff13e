"""Garbage: looked for once a turn is over, and not in the middle of one, where a quote would wait for it.

Python looks on its own whenever there are so many new objects, which is in the middle of a turn as often as not. So the
young ones are looked through before there are as many; what is left for Python itself is a turn that makes very many.
Objects that have survived are looked at ever less often, as Python does it, and all of them once an hour.
"""

import gc

from replenisher.model.step import Step

YOUNG_MAX = 500  # objects made and not freed again, after which we look
YOUNG_MAX_IN_A_TURN = 50_000  # after which Python does
LOOKS_AT_YOUNG = 10  # after which those that survived them are looked at, too


def look_for_it_ourselves() -> None:
    """From now on. All that is there is there for good: nobody looks at it again."""
    gc.freeze()
    gc.set_threshold(YOUNG_MAX_IN_A_TURN)


def look(_: Step) -> None:
    """A turn is over, its step is watched: look now, if it is time to."""
    young, looks = gc.get_count()[:2]
    if young > YOUNG_MAX:
        gc.collect(0 if looks < LOOKS_AT_YOUNG else 1)


def look_everywhere() -> None:
    """A good while has passed: look at what has survived everything so far."""
    gc.collect()
