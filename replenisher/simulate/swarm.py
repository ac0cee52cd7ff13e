"""Which faults a seed meets and how often: rates are themselves drawn, so that every seed is another kind of bad day.

In a third of the seeds most kinds never happen, so that what is left is seen undisturbed by the others. A script says
instead exactly what happens when; it is how a seed that once failed stays a test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from replenisher.simulate.chance import seeded
from replenisher.simulate.faults import FAULTS
from replenisher.simulate.frame_faults import FrameFault
from replenisher.simulate.timed_faults import TimedFault

CALM_SHARE = 1 / 3  # of the seeds
SYNCS_ALWAYS_SHARE = 1 / 4  # likewise
SHORT_SEGMENT_BYTES = 128 * 1024
SHORT_SEGMENTS_SHARE = 1 / 4  # likewise
ADOPTS_SHARE = 1 / 4  # likewise
LIKELY, UNLIKELY = 0.6, 0.12  # that a kind happens at all


class Cue(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that happens once: after so long, or to the frame that is the `nth` to fit from then on."""

    fault: str
    after_s: float = 0.0
    nth: int = 1
    connection: str = ""  # which one it befalls, where that matters; empty is whichever


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The bad day of one run."""

    rates: Mapping[str, float] = field(default_factory=dict)  # by fault: a share of frames, or times an hour
    script: Sequence[Cue] = ()
    syncs_always: bool = False  # whether the journal is to be on the disk itself before an order leaves
    segment_bytes: int | None = None  # with few, segments of the journal end in the middle of a life, again and again
    adopts: bool = False  # whether a life goes on with the orders that the one before has left, and cancels none


NO_FAULTS = Plan()


def drawn(seed: int, allowed: Sequence[str]) -> Plan:
    """The plan of one seed, of the faults that are allowed; what is drawn of one kind depends on no other."""
    day = seeded(seed, "swarm")
    is_calm, syncs_always = day.random() < CALM_SHARE, day.random() < SYNCS_ALWAYS_SHARE
    segment_bytes = SHORT_SEGMENT_BYTES if day.random() < SHORT_SEGMENTS_SHARE else None
    adopts = day.random() < ADOPTS_SHARE
    rates = {}
    for fault in FAULTS:
        chance = seeded(seed, f"swarm: {fault.name}")
        if fault.name in allowed and chance.random() < (UNLIKELY if is_calm else LIKELY):
            rates[fault.name] = chance.random() ** 2 * most(fault)
    return Plan(rates=rates, syncs_always=syncs_always, segment_bytes=segment_bytes, adopts=adopts)


def most(fault: FrameFault | TimedFault) -> float:
    """The highest rate of a kind."""
    return fault.share_max if isinstance(fault, FrameFault) else fault.per_hour_max
