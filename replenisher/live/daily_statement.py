"""The statement of the day that is over, made once a day: what it cannot explain is told like an alarm.

Another process makes it, with the lowest priority, as it may read many rows and no quote may wait for that.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import DEVNULL, PIPE

from replenisher.logs import logger

LOWEST = ("nice", "-n", "19")


def statement_of_yesterday(config: Path) -> list[str]:
    """The command that makes it. What the environment says of the configuration, it says to both."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return [*LOWEST, sys.executable, "-m", "replenisher", "statement", str(config), "--day", yesterday.isoformat()]


async def state_yesterday(config: Path) -> None:
    """Have it made for a configuration."""
    await tell_statement(statement_of_yesterday(config))


async def tell_statement(command: Sequence[str]) -> None:
    """Have a statement made, and tell what it comes to: the last line of it, or of what it complains of."""
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        page, complaint = await process.communicate()
    finally:
        if process.returncode is None:  # we are stopped meanwhile
            process.kill()
    lines = (page or complaint).decode().strip().splitlines()
    told = {"code": process.returncode, "told": lines[-1] if lines else ""}
    if process.returncode == 0:
        logger().info("stated", **told)
    elif page:
        logger().error("not_explained", **told)
    else:
        logger().warning("not_stated", **told)
