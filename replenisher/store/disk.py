"""The port: what a journal asks of a disk. The module `os` is one, and the one that every daemon uses."""

from pathlib import Path
from typing import Protocol

Bytes = bytes | bytearray


class Disk(Protocol):
    """Files that are written; the names are those of `os`, and so is what they mean and raise."""

    def open(self, path: Path, flags: int, mode: int = ...) -> int:
        """A descriptor of a file or a directory."""

    def write(self, fd: int, data: Bytes, /) -> int:
        """Append, and say how much was taken."""

    def fsync(self, fd: int) -> None:
        """Bring what was written to the disk itself; of a directory, the names in it."""

    def fdatasync(self, fd: int) -> None:
        """Bring what was written to the disk itself."""

    def ftruncate(self, fd: int, length: int, /) -> None:
        """Cut an open file."""

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file."""

    def close(self, fd: int) -> None:
        """Let go."""
