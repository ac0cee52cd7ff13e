"""The statements of the days that are over, made by a daemon: what they cannot explain is an alarm.

Another process makes each, with the lowest priority, as it may read many rows and no quote may wait for that.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import msgspec

from replenisher.live.accepted import alarms, reasons
from replenisher.live.stated import Outcome, Stated, due, keep, kept, with_news
from replenisher.logs import logger

LEVELS = {"stated": logging.INFO, "not_stated": logging.WARNING, "not_explained": logging.ERROR}
LOWEST = ("nice", "-n", "19")
CommandOf = Callable[[date], Sequence[str]]  # that states a day


def statement_of(config: Path) -> CommandOf:
    """The commands of a configuration. What the environment says of it, it says to them as well."""
    return lambda day: [*LOWEST, sys.executable, "-m", "replenisher", "statement", str(config), "--day", f"{day}"]


class DailyStatement:
    """Has days stated, and knows what they came to."""

    def __init__(self, data_dir: Path, command_of: CommandOf) -> None:
        self._data_dir, self._command_of = data_dir, command_of
        self.stated = kept(data_dir)
        self._told: set[tuple[str, date, str]] = set()  # in this life

    @property
    def alarm(self) -> str:
        """What an operator must see; empty if there is nothing."""
        return "; ".join(alarms(self._data_dir, self.stated))

    def told(self) -> list[dict[str, Any]]:
        """What is known of each day, and why it was accepted if it was."""
        whys = reasons(self._data_dir, self.stated)
        return [msgspec.to_builtins(each) | {"accepted": why} for each, why in zip(self.stated, whys, strict=True)]

    async def state_what_is_due(self) -> None:
        """State every day that nobody has stated, or that was not explained then."""
        for day in due(self.stated, datetime.now(UTC).date()):
            await self.state(day)

    async def state(self, day: date) -> None:
        """Have one day stated, and tell what it comes to: the last line of it, or of what it complains of."""
        code, page, complaint = await _ran(self._command_of(day))
        lines = (page or complaint).strip().splitlines()
        told = lines[-1].removeprefix("replenisher: ") if lines else ""
        match code, bool(page):
            case 0, _:
                self._learn(Stated(day, Outcome.EXPLAINED, told), code)
            case 1, True:
                self._learn(Stated(day, Outcome.NOT_EXPLAINED, told), code)
            case _:  # there is nothing to state, or the database is away, or it has failed: the day remains due
                self._tell("not_stated", day, code, told)

    def _learn(self, new: Stated, code: int) -> None:
        self.stated = with_news(self.stated, new)
        keep(self._data_dir, self.stated)
        self._tell("stated" if new.outcome is Outcome.EXPLAINED else "not_explained", new.day, code, new.told)

    def _tell(self, event: str, day: date, code: int, told: str) -> None:
        """A line for the operator, the same one once."""
        if (event, day, told) not in self._told:
            self._told.add((event, day, told))
            logger().log(LEVELS[event], event, day=f"{day}", code=code, told=told)


async def _ran(command: Sequence[str]) -> tuple[int, str, str]:
    """How a command ended, and what it has said and complained of."""
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        page, complaint = await process.communicate()
    finally:
        if process.returncode is None:  # we are stopped meanwhile
            process.kill()
    assert process.returncode is not None, "it has ended"
    return process.returncode, page.decode(), complaint.decode()
