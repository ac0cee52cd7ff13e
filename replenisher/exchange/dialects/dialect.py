"""The port: one venue's way of speaking, as a machine that is told frames and time.

The server tells it what happened on its connections and drains `actions` after every call. Nothing here reads a clock
or opens a socket, so a dialect runs unchanged on virtual time.
"""

from typing import Protocol

import msgspec

DROPPED = 1006  # the code of a connection that ends without a closing handshake


class Send(msgspec.Struct, frozen=True):
    """Send one text frame."""

    connection: str
    frame: str


class Close(msgspec.Struct, frozen=True):
    """End the connection after what was sent before; `DROPPED` cuts it without a word."""

    connection: str
    code: int
    reason: str


Action = Send | Close


class Dialect(Protocol):
    """How one venue talks to its clients, and the exchange behind it."""

    path: str  # where its clients connect

    @property
    def next_wake(self) -> int | None:
        """When `wake` wants to be called."""

    def opened(self, connection: str, at: int) -> None:
        """A client has connected."""

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        """A client's frame has reached the exchange."""

    def closed(self, connection: str, at: int) -> None:
        """A client's connection has ended."""

    def wake(self, at: int) -> None:
        """`next_wake` has come."""

    def actions(self) -> list[Action]:
        """What the server has to do, in order; the list is the caller's."""
