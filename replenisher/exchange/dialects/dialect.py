"""The port: one venue's way of speaking, as a machine that is told frames, requests and time.

The server tells it what happened on its connections and drains `actions` after every call. Nothing here reads a clock
or opens a socket, so a dialect runs unchanged on virtual time.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

DROPPED = 1006  # the code of a connection that ends without a closing handshake


class HttpRequest(msgspec.Struct, frozen=True):
    """One HTTP request, as it came: what a client signs is `method`, `target` and `body`."""

    method: str
    target: str  # path and query, nothing decoded
    headers: Mapping[str, str] = {}  # looked up in any case
    body: bytes = b""


class Send(msgspec.Struct, frozen=True):
    """Send one text frame."""

    connection: str
    frame: str


class Close(msgspec.Struct, frozen=True):
    """End the connection after what was sent before; `DROPPED` cuts it without a word."""

    connection: str
    code: int
    reason: str


class HttpReply(msgspec.Struct, frozen=True):
    """Answer the one HTTP request of this connection, with JSON."""

    connection: str
    status: int
    body: str


Action = Send | Close | HttpReply


class Dialect(Protocol):
    """How one venue talks to its clients, and the exchange behind it."""

    path: str  # where its clients open their sockets
    is_shut: bool  # nobody is let in for now

    @property
    def next_wake(self) -> int | None:
        """When `wake` wants to be called."""

    def opened(self, connection: str, at: int) -> None:
        """A client has connected."""

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        """A client's frame has reached the exchange."""

    def requested(self, connection: str, request: HttpRequest, at: int) -> None:
        """A client's HTTP request has reached the exchange; it is answered by one `HttpReply`, and nothing else."""

    def closed(self, connection: str, at: int) -> None:
        """A client's connection has ended."""

    def wake(self, at: int) -> None:
        """`next_wake` has come."""

    def actions(self) -> list[Action]:
        """What the server has to do, in order; the list is the caller's."""
