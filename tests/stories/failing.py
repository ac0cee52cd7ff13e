"""The real program, in which one thing of ours fails: `python -m tests.stories.failing MODULE:NAME SIGN ARGUMENTS`.

What is named works as ever until the sign is there, which is a file: its next call takes that away and raises, as for
a mistake of ours that nobody knows of yet. Where a task or the event loop calls it, nobody is there to catch it.
"""

import functools
import importlib
import inspect
import runpy
import sys
from pathlib import Path
from typing import Any


def let_fail(place: str, sign: Path) -> None:
    """Let one call of a function or a method raise."""
    module, _, path = place.partition(":")
    *outer, name = path.split(".")
    owner = functools.reduce(getattr, outer, importlib.import_module(module))
    works = getattr(owner, name)

    def fails(*arguments: Any, **options: Any) -> Any:
        if sign.exists():
            sign.unlink()
            raise AssertionError("planted")
        return works(*arguments, **options)

    async def fails_later(*arguments: Any, **options: Any) -> Any:
        return await fails(*arguments, **options)

    setattr(owner, name, fails_later if inspect.iscoroutinefunction(works) else fails)


if __name__ == "__main__":
    _, place, sign, *arguments = sys.argv
    sys.argv = ["replenisher", *arguments]
    let_fail(place, Path(sign))
    runpy.run_module("replenisher", run_name="__main__", alter_sys=True)
