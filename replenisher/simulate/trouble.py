"""Carries out a plan: lets faults befall frames and the world, until it is told to stop."""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Protocol

from replenisher.model.units import HOUR_NS, SECOND_NS
from replenisher.simulate.faults import FAULTS
from replenisher.simulate.frame_faults import FRAME_FAULTS, FrameFault, Passage
from replenisher.simulate.network import Link
from replenisher.simulate.swarm import Plan
from replenisher.simulate.timed_faults import TIMED_FAULTS, TimedFault, World
from replenisher.simulate.timeline import Timeline

BY_NAME = {fault.name: fault for fault in FAULTS}


class Hits(Protocol):
    """Who counts faults."""

    def befalls(self, fault: str) -> None:
        """One happens."""

    def hit(self, fault: str, frame: str = "") -> bool:
        """It changed something, perhaps this frame; whether that counts, because an order of ours was at stake."""


class Once:
    """One fault that happened: the first time that it changes something while an order is at stake is its hit."""

    def __init__(self, fault: str, hits: Hits) -> None:
        self._fault = fault
        self._hits = hits
        self._has_hit = False

    def __call__(self) -> None:
        """It has changed a byte, the time at which something arrives, or what lasts."""
        self._has_hit = self._has_hit or self._hits.hit(self._fault)


class Trouble:
    """What goes wrong in one run."""

    def __init__(self, plan: Plan, timeline: Timeline, world: World, chance: Random, hits: Hits) -> None:
        self._timeline = timeline
        self._world = world
        self._chance = chance
        self._hits = hits
        self._is_over = False
        self._cued: dict[str, list[int]] = {}  # frame fault -> how many fitting frames are still let pass
        rated = [(fault, plan.rates[fault.name]) for fault in FRAME_FAULTS if plan.rates.get(fault.name)]
        cued = {cue.fault for cue in plan.script}
        rated += [(fault, 0.0) for fault in FRAME_FAULTS if fault.name in cued and not plan.rates.get(fault.name)]
        self._up = [(fault, rate) for fault, rate in rated if fault.is_up]
        self._down = [(fault, rate) for fault, rate in rated if not fault.is_up]
        for timed in TIMED_FAULTS:
            if rate := plan.rates.get(timed.name):
                self._put_next(timed, rate)
        for cue in plan.script:
            fault = BY_NAME[cue.fault]
            at = timeline.at + round(cue.after_s * SECOND_NS)
            if isinstance(fault, TimedFault):
                timeline.put(at, self._strike, fault, cue.connection)
            else:
                timeline.put(at, partial(self._cued.setdefault(fault.name, []).append, cue.nth - 1))

    def end(self) -> None:
        """Nothing goes wrong any more."""
        self._is_over = True
        self._up, self._down = [], []

    def up(self, link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        """What becomes of a frame from a daemon; None if it is left alone."""
        return self._befall(self._up, link, frame) if self._up else None

    def down(self, link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        """What becomes of a frame from the exchange."""
        return self._befall(self._down, link, frame) if self._down else None

    def _befall(
        self, faults: Sequence[tuple[FrameFault, float]], link: Link, frame: str
    ) -> Sequence[tuple[int, str]] | None:
        for fault, rate in faults:
            if fault.fits(frame) and (self._chance.random() < rate or (self._cued and self._is_cued(fault))):
                passage = Passage(frame, link, self._chance, [(0, frame)])
                fault.befalls(passage)
                self._hits.befalls(fault.name)
                self._hits.hit(fault.name, frame)
                if passage.is_one_too_many:
                    self._world.end_session(link, frame)
                if passage.ending:
                    self._world.cut(link, passage.ending)
                return passage.comes
        return None

    def _is_cued(self, fault: FrameFault) -> bool:
        waiting = self._cued.get(fault.name)
        if not waiting:
            return False
        if waiting[0] == 0:
            del waiting[0]
            return True
        waiting[0] -= 1
        return False

    def _put_next(self, fault: TimedFault, per_hour: float) -> None:
        wait_ns = round(self._chance.expovariate(per_hour) * HOUR_NS)
        self._timeline.put(self._timeline.at + wait_ns, self._happen, fault, per_hour)

    def _happen(self, fault: TimedFault, per_hour: float) -> None:
        if not self._is_over:
            self._strike(fault, "")
            self._put_next(fault, per_hour)

    def _strike(self, fault: TimedFault, connection: str) -> None:
        if not self._is_over:
            self._hits.befalls(fault.name)
            fault.befalls(self._world, connection, Once(fault.name, self._hits))
