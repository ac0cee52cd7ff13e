"""Streams that may break: a terminal or a reader that goes away must not change how the process ends."""

import os
import sys
from errno import EDQUOT, EFBIG, ENOSPC
from typing import Protocol, TextIO


class Described(Protocol):
    """What has a descriptor."""

    def fileno(self) -> int:
        """Its number."""


def silence(stream: Described) -> None:
    """Let a stream that cannot be written lead nowhere: what waits in it would fail again when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def lacks_room(error: OSError) -> bool:
    """Whether nothing is wrong but that a disk is full: there may be room again, while a reader does not come back."""
    return error.errno in (ENOSPC, EDQUOT, EFBIG)


def say(sentence: str) -> None:
    """One line on stderr, if anybody is there."""
    try:
        sys.stderr.write(f"replenisher: {sentence}\n")
    except OSError:  # nobody is there any more
        silence(sys.stderr)


def flush(*streams: TextIO) -> None:
    """Write what still waits, so that a terminal that went away does not change how the process ends."""
    for stream in streams:
        try:
            stream.flush()
        except OSError:
            silence(stream)
