"""How much of a journal is on the disk itself: its writer says so, and whoever makes rows of it goes no further.

Else a loss of power could leave the row of an order that no later life has ever heard of, resting for ever. It is one
number, in a file beside the segments. Nobody syncs that file: what it says was true when it was written, and stays so.
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple

from replenisher.store.disk import Disk

NAME = "safe"
OFFSET_BITS = 40
NUMBER = struct.Struct("<Q")  # the segment, and behind it how much of that


class SafeEnd(NamedTuple):
    """Every segment before this one is safe, and this one up to an offset, where a record ends."""

    segment: int
    offset: int


NOTHING = SafeEnd(0, 0)
EVERYTHING = SafeEnd((1 << 64 - OFFSET_BITS) - 1, (1 << OFFSET_BITS) - 1)  # where nobody waits for the disk


def tell_safe_end(directory: Path, safe: SafeEnd, disk: Disk) -> None:
    """From now on so much is safe; raises what a disk raises."""
    path = directory / NAME
    try:
        fd = disk.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        disk.pwrite(fd, NUMBER.pack(safe.segment << OFFSET_BITS | safe.offset), 0)
    finally:
        disk.close(fd)


def safe_end(directory: Path) -> SafeEnd:
    """What was told last; of a journal that no writer has told anything of, everything."""
    try:
        told = (directory / NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return EVERYTHING
    if len(told) < NUMBER.size:
        return NOTHING  # there was no room for it
    (number,) = NUMBER.unpack(told[: NUMBER.size])
    return SafeEnd(number >> OFFSET_BITS, number & EVERYTHING.offset)
