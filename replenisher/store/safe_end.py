"""How much of a journal is on the disk itself: its writer says so, and whoever makes rows of it goes no further.

Else a loss of power could leave the row of an order that no later life has ever heard of, resting for ever. It is one
number, in a file beside the segments. Nobody syncs that file: what it says was true when it was written, and stays so.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

NAME = "safe"
OFFSET_BITS = 40
NUMBER = struct.Struct("<Q")  # the segment, and behind it how much of that


class SafeEnd(NamedTuple):
    """Every segment before this one is safe, and this one up to an offset, where a record ends."""

    segment: int
    offset: int


EVERYTHING = SafeEnd((1 << 64 - OFFSET_BITS) - 1, (1 << OFFSET_BITS) - 1)  # where nobody waits for the disk


def tell_safe_end(directory: Path, segment: int, offset: int) -> None:
    """From now on so much is safe. Where that cannot be written, rows wait for longer."""
    with suppress(OSError):
        fd = os.open(directory / NAME, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(fd, NUMBER.pack(segment << OFFSET_BITS | offset), 0)
        finally:
            os.close(fd)


def safe_end(directory: Path) -> SafeEnd:
    """What was told last; of a journal whose writer tells nothing, everything."""
    try:
        (number,) = NUMBER.unpack((directory / NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError, struct.error):
        return EVERYTHING
    return SafeEnd(number >> OFFSET_BITS, number & EVERYTHING.offset)
