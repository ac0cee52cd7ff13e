"""A death at every moment of every short scenario, in every way: `make crash-points`; minutes, with progress.

python -m bench.crash_points                                          all of them
python -m bench.crash_points --only "fill and refill"                 one scenario
python -m bench.crash_points --only "fill and refill" --moment 180    one moment of it, died at in every way
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import NamedTuple

from replenisher.config import load
from replenisher.simulate import crash_points
from replenisher.simulate.crash_points import DEATHS, SCENARIOS, Death, Scenario
from replenisher.simulate.world import Scene
from replenisher.wiring import simulation

TELL_EVERY_S = 10
AT_A_TIME = 8  # deaths that a process is given


class Point(NamedTuple):
    """One death."""

    scenario: Scenario
    death: Death
    number: int  # of the moment


def main() -> int:
    """Die everywhere; 1 if that has cost anything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[scenario.name for scenario in SCENARIOS], help="one scenario")
    parser.add_argument("--moment", type=int, help="the number of one moment of it")
    parser.add_argument("--jobs", type=int, default=simulation.cpus())
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.jobs) as pool:
        lives = [(each, death) for each in SCENARIOS if asked.only in (None, each.name) for death in DEATHS]
        points = []
        for (scenario, death), numbers in zip(lives, pool.map(_moments, lives), strict=True):
            print(f"{scenario.name}, {death}: {len(numbers)} moments", file=sys.stderr)
            wanted = numbers if asked.moment is None else [asked.moment]
            points += [Point(scenario, death, number) for number in wanted if number in numbers]
        wrong = []
        began = told = time.monotonic()
        for done, sentence in enumerate(pool.map(_die, points, chunksize=AT_A_TIME), start=1):
            if sentence:
                wrong.append(sentence)
                print(sentence, file=sys.stderr)
            if time.monotonic() - told > TELL_EVERY_S:
                told = time.monotonic()
                left_s = (told - began) / done * (len(points) - done)
                print(f"{done:,} of {len(points):,} deaths, {left_s / 60:.0f} min left", file=sys.stderr)
    print(f"{len(points):,} deaths at commit {simulation.commit()}: {len(wrong)} cost something")
    print("".join(f"  {sentence}\n" for sentence in wrong), end="")
    return 1 if wrong or not points else 0


@cache
def _scene() -> Scene:
    return simulation.scene_of(load(simulation.SHIPPED))


def _moments(life: tuple[Scenario, Death]) -> dict[int, str]:
    return crash_points.moments_of(_scene(), *life)


def _die(point: Point) -> str:
    return crash_points.die(_scene(), *point)


if __name__ == "__main__":
    sys.exit(main())
