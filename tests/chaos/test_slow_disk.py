"""A disk that takes seconds: what it holds up leaves together with what follows, and the venue bears both."""

from pathlib import Path

from replenisher.model.units import MS_NS
from tests.chaos.story import story


def test_what_a_slow_disk_has_held_up_leaves_a_cancel_for_each_order(tmp_path: Path) -> None:
    """A day once failed so: what had waited was paid for out of credits that were back before it had left."""
    with story(tmp_path) as told:
        told.run(5)  # every credit is back
        told.place.disk.write_ns = 900 * MS_NS
        told.take(*told.resting())
        told.until(lambda: told.life.at > told.at)
        told.place.disk.write_ns = 0
        for _ in range(3):
            told.until(told.is_quoting)
            told.take(*told.resting())
        told.end_well()
