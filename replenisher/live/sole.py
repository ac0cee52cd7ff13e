"""One process a data directory: the directory itself is locked, nothing is written, and a death gives it back."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replenisher.errors import Taken


@contextmanager
def sole_daemon(data_dir: Path) -> Iterator[None]:
    """Hold the data directory against a second daemon; refuse to be the second one."""
    with sole(data_dir, f"{data_dir}: another daemon runs on this data directory, stop it or set REPLENISHER_DATA_DIR"):
        yield


@contextmanager
def sole(folder: Path, taken: str) -> Iterator[None]:
    """Hold a folder against everybody else who asks for it so; with `taken` who is not the first is refused."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Taken(taken) from None
        yield
    finally:
        os.close(directory)


def is_held(data_dir: Path) -> bool:
    """Whether a daemon lives on the data directory, even one that does not answer."""
    try:
        directory = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(directory, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(directory)
    return False
