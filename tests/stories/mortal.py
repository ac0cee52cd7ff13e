"""The real program, which dies of SIGKILL at a counted place: `python -m tests.stories.mortal PLACE MODULE ARGUMENTS`.

The program knows nothing of it. What is counted is taken where it meets the world: a write to a journal's file, a
write to a venue's connection, a COMMIT, of the daemon while it starts or of the recorder beside it. A death in the
middle of a write lets the bytes before it through. With the recorder dies the daemon, and the other way round the
recorder ends by itself, a moment later.
"""

import os
import runpy
import signal
import subprocess
import sys
from asyncio import Transport
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal, NoReturn, cast, get_args

from sqlalchemy.engine.default import DefaultDialect
from websockets.asyncio.client import ClientConnection

Kind = Literal["record", "byte", "upgrade", "commit"]
RECORDER = "replenisher.wiring.recording"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a life ends."""

    kind: Kind  # what is counted; an upgrade is a COMMIT of the daemon itself, which only starts with some
    number: int  # of the record, byte or COMMIT, counted from 1
    share: float = 1.0  # of it that still happens: 0 is just before, 1 just after, between them half a record

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}:{self.share:.4f}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """The place that `str` wrote."""
        kind, number, share = text.split(":")
        assert kind in get_args(Kind)
        return cls(cast(Kind, kind), int(number), float(share))


def die(*others: int) -> NoReturn:
    """Nothing of this process runs any more, in any of its threads, nor of the others."""
    for pid in (*others, os.getpid()):
        os.kill(pid, signal.SIGKILL)
    raise AssertionError("nobody survives this")


def die_at_record(place: Place) -> None:
    """Count the writes to a journal's file."""
    write, numbers = os.write, count(1)

    def counted(fd: int, data: bytes) -> int:
        if Path(f"/proc/self/fd/{fd}").readlink().suffix != ".journal" or next(numbers) < place.number:
            return write(fd, data)
        write(fd, data[: round(len(data) * place.share)])
        die()

    os.write = counted


def die_at_byte(place: Place) -> None:
    """Count the bytes sent to venues, over all connections; what was sent before on any of them is on its way."""
    connection_made, sent = ClientConnection.connection_made, 0

    class Counted:
        """A connection's transport; it remembers what the loop has not written yet."""

        def __init__(self, transport: Transport) -> None:
            self._transport, self._unwritten = transport, b""

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transport, name)

        def write(self, data: bytes) -> None:
            nonlocal sent
            sent += len(data)
            waiting = self._transport.get_write_buffer_size()
            self._unwritten = self._unwritten[len(self._unwritten) - waiting :] + bytes(data)
            if sent >= place.number:
                kept = len(self._unwritten) - (sent - place.number)
                os.write(self._transport.get_extra_info("socket").fileno(), self._unwritten[:kept])
                die()
            self._transport.write(data)

    ClientConnection.connection_made = lambda self, transport: connection_made(self, Counted(transport))


def die_at_commit(place: Place, *others: int) -> None:
    """Count the COMMITs of this process."""
    commit, numbers = DefaultDialect.do_commit, count(1)

    def counted(self: DefaultDialect, connection: Any) -> None:
        is_last = next(numbers) == place.number
        if is_last and place.share == 0:
            die(*others)
        commit(self, connection)
        if is_last:
            die(*others)

    DefaultDialect.do_commit = counted


def die_with_the_recorder(place: Place) -> None:
    """Start the recorder as a mortal, too."""
    start = subprocess.Popen.__init__

    def started(self: "subprocess.Popen[bytes]", command: list[str], *arguments: Any, **options: Any) -> None:
        if RECORDER in command:
            at = command.index(RECORDER)
            command = [*command[:at], __spec__.name, str(place), *command[at:]]
        start(self, command, *arguments, **options)

    subprocess.Popen.__init__ = started


def prepare(place: Place, module: str) -> None:
    """Let this process die at its place."""
    match place.kind:
        case "record":
            die_at_record(place)
        case "byte":
            die_at_byte(place)
        case "upgrade":
            die_at_commit(place)
        case "commit" if module == RECORDER:
            die_at_commit(place, os.getppid())
        case "commit":
            die_with_the_recorder(place)


if __name__ == "__main__":
    _, text, module, *arguments = sys.argv
    sys.argv = [module, *arguments]
    prepare(Place.parse(text), module)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
