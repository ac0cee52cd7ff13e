"""Files that are there as a whole or not at all, whenever the process ends."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(file: Path, text: str) -> Iterator[Path]:
    """All of a file, in the folder of the one that it is to become; whoever has not made it that one has nothing."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.", delete=False) as open_file:
        whole = Path(open_file.name)
        try:
            open_file.write(text)
            open_file.close()
            whole.chmod(0o644)
            yield whole
        finally:
            whole.unlink(missing_ok=True)


def write_over(file: Path, text: str) -> None:
    """Write a file in the place of what was there."""
    with beside(file, text) as whole:
        whole.replace(file)
