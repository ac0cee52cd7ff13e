"""The bench's end of a WebSocket connection: a blocking socket, so that the clock stands close to the wire.

The protocol is the library's, without its connection and without an event loop: whatever those cost would be in every
latency, the echo's and the daemon's alike, and make them look more alike than they are. What arrives is stamped before
anything else is done with it; all frames that come with one read have arrived at one time.
"""

import socket
import struct
from time import perf_counter_ns
from typing import NamedTuple

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

READ_BYTES = 262_144


class Arrival(NamedTuple):
    """A text frame, and when the read that completed it returned."""

    frame: bytes
    at_ns: int


class Wire:
    """One connection of one client."""

    def __init__(self, connected: socket.socket, patience_s: float) -> None:
        self.path = ""  # where the client has connected to; empty until it has
        self.is_open = True
        self.frames_sent = 0
        self.pongs = 0
        connected.setblocking(True)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel's own time-out, as Python's costs a system call more for each read.
        seconds, rest = divmod(patience_s, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(seconds), int(rest * 1e6)))
        self._socket = connected
        self._protocol = ServerProtocol(max_size=None)

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def send(self, frame: bytes) -> None:
        """Send a text frame."""
        self.send_framed(self.framed(frame))

    def framed(self, frame: bytes) -> bytes:
        """The bytes of a text frame on the wire; they must be sent next."""
        self.frames_sent += 1
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(frame)
        return b"".join(self._protocol.data_to_send())

    def send_framed(self, data: bytes) -> int:
        """Send bytes as they are; the performance counter just before."""
        at_ns = perf_counter_ns()
        try:
            self._socket.sendall(data)
        except OSError:
            self.is_open = False
        return at_ns

    def ping(self) -> None:
        """Ask for a sign of life, which the client's library gives by itself."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()

    def read(self) -> list[Arrival]:
        """Wait for some bytes; the text frames that they complete. Everything else is dealt with here."""
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return []  # nothing came in all the time we had patience
        except OSError:
            data = b""
        at_ns = perf_counter_ns()
        if data:
            self._protocol.receive_data(data)
        else:
            self.is_open = False
        arrivals: list[Arrival] = []
        for event in self._protocol.events_received():
            match event:
                case Request(path=path):
                    self.path = path
                    self._protocol.send_response(self._protocol.accept(event))
                case Frame(opcode=Opcode.TEXT, data=frame):
                    arrivals.append(Arrival(bytes(frame), at_ns))
                case Frame(opcode=Opcode.PONG):
                    self.pongs += 1
                case _:
                    pass
        self._flush()
        return arrivals

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._socket.close()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.send_framed(data)
            else:
                self.is_open = False  # both sides have said goodbye
