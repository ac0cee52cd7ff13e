"""The library's connection, with a short way for what matters: whole messages of text, in and out.

The library takes and makes a frame in a dozen calls, and hands messages over through a queue and a task switch. Almost
all that a venue and we have to say is one text frame each, of which a few bytes of header are all there is to know
(RFC 6455, 5.2): these are read and written here, and handed over where they are read. Everything else is the library's:
the handshake, control frames, fragments, closing, and whatever breaks the protocol. It is given whole frames only, so
that it stands at the start of one whenever the next comes.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from os import urandom
from struct import Struct, pack
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import CONNECTING, OPEN, Event

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform that the library has no C for
    from websockets.utils import apply_mask

FRAME_BYTES_MAX = 8 * 1024 * 1024
END_OF_HEAD = b"\r\n\r\n"
TEXT = 0x80 | Opcode.TEXT  # the first byte of a frame that is a whole message of text
MASKED = 0x80  # in the second byte; what a client sends is masked, and what a server sends is not
LENGTH_IN_2, LENGTH_IN_8 = 126, 127  # in the second byte, in the place of a length: so many bytes of length follow
NOT_WHOLE = -1
KEYS, KEYS_BYTES = Struct("4s"), 1024


class Direct(ClientConnection):
    """A connection that hands over whole messages where they are read, and sends several with one write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failure: Exception | None = None  # what handing over raised
        self._hand_over: Callable[[bytes], None] | None = None
        self._early: list[bytes] = []  # messages from before anybody listened
        self._parts: list[bytes] = []  # of a message that comes in fragments
        self._keys = masking_keys()
        self._unread = b""  # the start of a frame that is not whole yet, or the last bytes of a head that is not

    def hand_over_to(self, take: Callable[[bytes], None]) -> None:
        """From now on every message goes here; those that are there already go first."""
        self._hand_over = take
        early, self._early = self._early, []
        for message in early:
            self._deliver(message)

    def say(self, texts: Sequence[str]) -> None:
        """Send messages with one write; they are lost if the connection is about to end."""
        if texts and self.protocol.state is OPEN:
            self.transport.write(text_frames(texts, self._keys))

    # --- What arrives ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Some bytes arrived, which may end anywhere."""
        if self.protocol.state is CONNECTING:
            data = self._answered(data)
        elif self._unread:
            data, self._unread = self._unread + data, b""
        start = 0
        while start < len(data):
            if self.protocol.state is not OPEN:
                super().data_received(data[start:])
                return
            end = self._take(data, start)
            if end == NOT_WHOLE:
                self._unread = data[start:]
                return
            start = end

    def _answered(self, data: bytes) -> bytes:
        """Give the library the answer to the handshake as far as its head goes; what comes after it."""
        before, seen = len(self._unread), self._unread + data
        end = seen.find(END_OF_HEAD) + len(END_OF_HEAD)
        is_whole = end >= len(END_OF_HEAD)
        self._unread = b"" if is_whole else seen[1 - len(END_OF_HEAD) :]
        rest = end - before if is_whole else len(data)
        super().data_received(data[:rest])
        return data[rest:]

    def _take(self, data: bytes, start: int) -> int:
        """Deal with the frame that starts there; where it ends, or `NOT_WHOLE`."""
        size = len(data) - start
        if size < 2:
            return NOT_WHOLE
        length, payload = data[start + 1], start + 2
        is_refused = length >= MASKED
        if length == LENGTH_IN_2:
            if size < 4:
                return NOT_WHOLE
            length, payload = data[start + 2] << 8 | data[start + 3], start + 4
        elif length == LENGTH_IN_8:
            if size < 10:
                return NOT_WHOLE
            length, payload = int.from_bytes(data[start + 2 : start + 10], "big"), start + 10
        if is_refused or length > FRAME_BYTES_MAX:
            end = payload  # the header is all that the library needs to end the connection
        elif (end := payload + length) > len(data):
            return NOT_WHOLE
        elif data[start] == TEXT and not self._parts:
            self._deliver(data[payload:end])
            return end
        super().data_received(data[start:end])
        return end

    def process_event(self, event: Event) -> None:
        """The library has read a frame."""
        if not isinstance(event, Frame) or event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            super().process_event(event)
        elif event.fin and not self._parts:
            self._deliver(bytes(event.data))
        else:
            self._parts.append(bytes(event.data))
            if event.fin:
                whole, self._parts = b"".join(self._parts), []
                self._deliver(whole)

    def _deliver(self, message: bytes) -> None:
        if self.failure is not None:
            return  # nobody trades on half deaf
        if self._hand_over is None:
            self._early.append(message)
            return
        try:
            self._hand_over(message)
        except Exception as error:  # noqa: BLE001 - whatever the listener raised ends its connection, and then the group
            self.failure = error
            self.transport.abort()


def text_frames(texts: Sequence[str], keys: Iterator[bytes]) -> bytes:
    """Messages of a client on the wire, each masked with the next of these keys (RFC 6455, 5.3)."""
    parts: list[bytes] = []
    for text in texts:
        payload, key = text.encode(), next(keys)
        length = len(payload)
        parts.append(HEADERS[length] if length < len(HEADERS) else _header(length))
        parts.append(key)
        parts.append(apply_mask(payload, key))
    return b"".join(parts)


def _header(length: int) -> bytes:
    """What stands before the key of a message that is so long."""
    if length < LENGTH_IN_2:
        return pack("!BB", TEXT, MASKED | length)
    if length < 1 << 16:
        return pack("!BBH", TEXT, MASKED | LENGTH_IN_2, length)
    return pack("!BBQ", TEXT, MASKED | LENGTH_IN_8, length)


HEADERS = tuple(map(_header, range(1024)))  # an order has one of these lengths


def masking_keys() -> Iterator[bytes]:
    """Keys that nobody can foresee. Many are drawn at a time, as to ask the system costs more than to make a frame."""
    return chain.from_iterable(iter(_draw_keys, None))


def _draw_keys() -> list[bytes]:
    return [key for (key,) in KEYS.iter_unpack(urandom(KEYS_BYTES))]
