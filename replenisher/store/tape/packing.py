"""A file of a recording, unpacked if it is gzip, of which one knows how far it has been read."""

import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Self, cast

GZIP_MAGIC = b"\x1f\x8b"
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)  # what reading raises where it is cut off or corrupt

Say = Callable[[float], None]  # told which share of a recording has been read


def silence(_: float) -> None:
    """Nobody wants to know how far it is."""


class Unpacked:
    """What is in a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._size = os.fstat(self._file.fileno()).st_size
        self.is_packed = self._file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        self._file.seek(0)
        self.stream: BinaryIO = self._file
        if self.is_packed:
            self.stream = cast(BinaryIO, gzip.GzipFile(fileobj=self._file))

    @property
    def share(self) -> float:
        """How much of the file has been read, packed as it is."""
        return self._file.tell() / self._size

    def __enter__(self) -> Self:
        """It is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.stream.close()
        self._file.close()
