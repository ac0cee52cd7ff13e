"""Files that are there as a whole or not at all, whenever the process ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex


@contextmanager
def beside(file: Path, text: str) -> Iterator[Path]:
    """All of a file, in the folder of the one that it is to become; whoever has not made it that one has nothing."""
    whole = file.parent / f".{file.name}.{token_hex(4)}"
    try:
        with whole.open("x") as open_file:
            open_file.write(text)
        yield whole
    finally:
        whole.unlink(missing_ok=True)


def write_over(file: Path, text: str) -> None:
    """Write a file in the place of what was there."""
    with beside(file, text) as whole:
        whole.replace(file)
