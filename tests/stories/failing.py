"""The real program, in which one thing of ours fails: `python -m tests.stories.failing MODULE:NAME NUMBER ARGUMENTS`.

What is named works as ever, but its call of that number, counted from 1, raises: a mistake of ours that nobody knows
of yet. Where it is called by a task or by the event loop, nobody is there to catch it.
"""

import functools
import importlib
import inspect
import runpy
import sys
from itertools import count
from typing import Any


def let_fail(place: str, number: int) -> None:
    """Let one call of a function or a method raise."""
    module, _, path = place.partition(":")
    *outer, name = path.split(".")
    owner = functools.reduce(getattr, outer, importlib.import_module(module))
    works, calls = getattr(owner, name), count(1)

    def fails(*arguments: Any, **options: Any) -> Any:
        if next(calls) == number:
            raise AssertionError("planted")
        return works(*arguments, **options)

    async def fails_later(*arguments: Any, **options: Any) -> Any:
        return await fails(*arguments, **options)

    setattr(owner, name, fails_later if inspect.iscoroutinefunction(works) else fails)


if __name__ == "__main__":
    _, place, number, *arguments = sys.argv
    sys.argv = ["replenisher", *arguments]
    let_fail(place, int(number))
    runpy.run_module("replenisher", run_name="__main__", alter_sys=True)
