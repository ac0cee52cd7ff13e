"""Tasks of which none ends in silence."""

import asyncio

from replenisher.live.watched import WatchedTasks
from tests.waiting import eventually


async def test_a_task_that_fails_is_told_and_takes_no_other_with_it() -> None:
    failures: list[BaseException] = []
    tasks = WatchedTasks(failures.append)
    goes_on = asyncio.Event()

    async def fail() -> None:
        raise AssertionError("planted")

    async def wait() -> None:
        await goes_on.wait()

    other = tasks.create_task(wait())
    tasks.create_task(fail())
    await eventually(lambda: failures)

    assert [str(error) for error in failures] == ["planted"]
    assert not other.done()
    await tasks.finish()
    assert other.cancelled()
    assert len(failures) == 1, "to be ended is no failure"
