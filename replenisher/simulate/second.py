"""A second daemon with our configuration, on a data directory of its own: started by mistake, or in the place of ours.

Whoever started it starts it again when it ends, until it is told to leave.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from replenisher.model.units import SECOND_NS
from replenisher.simulate.body import Making
from replenisher.simulate.disk import SimulatedDisk
from replenisher.simulate.life import Life, Place
from replenisher.simulate.moments import Moments
from replenisher.simulate.network import Hit

AGAIN_NS = 5 * SECOND_NS


class Second:
    """The daemons that live there, one after the other."""

    def __init__(self, making: Making, beside: Place, numbers: Iterator[int], chance: Random) -> None:
        self.life: Life | None = None  # that lives now, or ended last
        self.ends: list[str] = []
        self._making = making
        self._place = replace(
            beside,
            disk=SimulatedDisk(chance),
            moments=Moments(),
            directory=beside.directory.with_name(f"{beside.directory.name}-second"),
            court=beside.court.of_second(),
        )
        self._numbers = numbers
        self._chance = chance
        self.is_in_doubt = False  # whether the last one that traded has left something open: it must come again
        self._is_wanted = False
        self._hit: Callable[[], None] = lambda: None

    @property
    def is_gone(self) -> bool:
        """Whether none lives."""
        return self.life is None or self.life.is_over

    def come(self, hit: Hit) -> None:
        """Somebody starts it; `hit` is called when that has come to something."""
        self._hit = hit
        if not self._is_wanted:
            self._is_wanted = True
            self._start()

    def leave(self) -> None:
        """It is told to end, as any daemon is."""
        self._is_wanted = False
        if self.life is not None:
            self.life.interrupt()

    def _start(self) -> None:
        if self._is_wanted and self.is_gone:
            self.life = Life(next(self._numbers), self._making, self._place, self._chance, self._over)
            self.life.begin()
            self._hit()

    def _over(self, life: Life, how: str) -> None:
        self.ends.append(how)
        if life.epoch:  # else it was let in nowhere
            self.is_in_doubt = not life.is_settled
        self._place.court.ended(life, how)
        self._place.network.abandon(life)
        self._place.timeline.put(self._place.timeline.at + AGAIN_NS, self._start)
