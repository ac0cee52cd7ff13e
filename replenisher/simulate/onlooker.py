"""The operator's eyes: the live page and the page of `status`, drawn now and then, whatever a daemon has come to.

The live page is a task of the daemon's process, so what cannot be drawn ends that. Here it fails the seed.
"""

from collections.abc import Callable
from io import StringIO
from random import Random
from typing import Any

import msgspec
from rich.console import Console

from replenisher.live.lines import Page
from replenisher.live.picture import Picture
from replenisher.live.screen import Backstage, Title, farewell, page
from replenisher.live.status_page import status_page
from replenisher.model.units import SECOND_NS
from replenisher.simulate.timeline import Timeline

LOOKING_SHARE = 1 / 5  # of the runs
EVERY_S = (2.0, 30.0)
WIDTHS, HEIGHTS = (20, 220), (2, 70)


class Standpoint(msgspec.Struct, frozen=True):
    """What is to be seen of a daemon at one moment."""

    picture: Picture
    status: dict[str, Any]


class Onlooker:
    """Looks at the daemon that lives now, on a terminal of another size each time."""

    def __init__(
        self, timeline: Timeline, see: Callable[[Callable[[Standpoint], None]], None], instrument: str, chance: Random
    ) -> None:
        self._timeline = timeline
        self._see = see  # hands what is to be seen to whoever asks, if there is anything
        self._title = Title(mode="paper", instrument=instrument)
        self._chance = chance
        self._look_again()

    def _look_again(self) -> None:
        self._timeline.put(self._timeline.at + round(self._chance.uniform(*EVERY_S) * SECOND_NS), self._look)

    def _look(self) -> None:
        self._see(self._draw)
        self._look_again()

    def _draw(self, seen: Standpoint) -> None:
        width, height = self._chance.randint(*WIDTHS), self._chance.randint(*HEIGHTS)
        backstage = Backstage(journal="open", alarm=seen.status["rows"]["error"])
        live = page(self._title, seen.picture, backstage, width, height)
        assert len(live.lines) <= height, "no page is higher than the terminal"
        for drawn in (live, farewell(self._title, seen.picture, width)):
            _show(drawn, width)
        status_page(msgspec.json.decode(msgspec.json.encode(seen.status)))  # as it comes through the door


def _show(drawn: Page, width: int) -> None:
    console = Console(file=StringIO(), width=width, color_system="truecolor", force_terminal=True)
    console.print(drawn)
