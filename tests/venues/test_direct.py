"""The short way for frames against the library's own server, on bytes that are cut wherever they can be."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from replenisher.venues.direct import FRAME_BYTES_MAX, KEYS_BYTES, Direct, masking_keys, text_frames
from tests.waiting import a_turn

SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 70_000)
WHOLE = 1 << 30


class Far:
    """The other end: the library's server without a connection, which says what it is told to."""

    def __init__(self, end: socket.socket) -> None:
        self.protocol = ServerProtocol(max_size=None)
        self.heard: list[Frame] = []
        self._end = end

    def read(self) -> None:
        """Take in whatever the client has sent."""
        while True:
            try:
                data = self._end.recv(1 << 20)
            except BlockingIOError:
                return
            if not data:
                return
            self.protocol.receive_data(data)
            for event in self.protocol.events_received():
                if isinstance(event, Request):
                    self.protocol.send_response(self.protocol.accept(event))
                else:
                    assert isinstance(event, Frame)
                    self.heard.append(event)

    def said(self) -> bytes:
        """What it has to say, not sent yet."""
        return b"".join(self.protocol.data_to_send())

    def texts(self) -> list[bytes]:
        return [bytes(frame.data) for frame in self.heard if frame.opcode is Opcode.TEXT]


def feed(near: Direct, data: bytes, size: int) -> None:
    """Let bytes arrive in pieces of this size."""
    for start in range(0, len(data), size):
        near.data_received(data[start : start + size])


@asynccontextmanager
async def connected(piece: int = WHOLE, said: Sequence[bytes] = ()) -> AsyncIterator[tuple[Direct, Far, list[bytes]]]:
    """A connection whose far end has answered the handshake, and said this in the same breath."""
    mine, other = socket.socketpair()
    for end in (mine, other):
        end.setblocking(False)
    loop = asyncio.get_running_loop()
    uri = parse_uri("ws://venue/ws")
    with other:
        _, near = await loop.create_connection(
            lambda: Direct(ClientProtocol(uri, max_size=FRAME_BYTES_MAX), ping_interval=None, close_timeout=0.1),
            sock=mine,
        )
        shaking = asyncio.create_task(near.handshake())
        await a_turn()
        far = Far(other)
        far.read()
        for text in said:
            far.protocol.send_text(text)
        feed(near, far.said(), piece)
        await shaking
        assert near.protocol.state is State.OPEN
        told: list[bytes] = []
        near.hand_over_to(told.append)
        yield near, far, told
        near.transport.abort()
        await near.wait_closed()


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 1000, WHOLE])
async def test_messages_come_whole_and_in_order_wherever_the_bytes_are_cut(piece: int) -> None:
    small = [size for size in SIZES if size < 1000] if piece < 64 else SIZES
    texts = [b"x" * size for size in small]
    async with connected(piece, said=[b"early"]) as (near, far, told):
        for text in texts:
            far.protocol.send_text(text)
        far.protocol.send_ping(b"are you there")
        far.protocol.send_binary(b"binary")
        far.protocol.send_text(b"in ", fin=False)
        far.protocol.send_ping(b"and now")
        far.protocol.send_continuation(b"", fin=False)
        far.protocol.send_continuation(b"parts", fin=True)
        far.protocol.send_text(b"last")

        feed(near, far.said(), piece)
        await a_turn()
        far.read()

    assert told == [b"early", *texts, b"binary", b"in parts", b"last"]
    assert [bytes(frame.data) for frame in far.heard if frame.opcode is Opcode.PONG] == [b"are you there", b"and now"]


async def test_what_is_said_at_once_is_what_the_other_end_reads() -> None:
    texts = ["y" * size for size in SIZES if size < 70_000] + ["à 100 ₿"]
    async with connected() as (near, far, _):
        near.say(texts)
        while len(far.texts()) < len(texts):
            await a_turn()
            far.read()

    assert far.texts() == [text.encode() for text in texts]


def test_no_two_frames_are_masked_with_the_same_key() -> None:
    frames = 2 * KEYS_BYTES  # more than there are keys in one draw
    data = text_frames(["buy"] * frames, masking_keys())

    assert len({data[start + 2 : start + 6] for start in range(0, len(data), len(data) // frames)}) > 0.99 * frames


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x83abcdxyz", CloseCode.PROTOCOL_ERROR),  # a server does not mask
        (b"\xc1\x01x", CloseCode.PROTOCOL_ERROR),  # an extension that nobody has agreed on
        (b"\x83\x01x", CloseCode.PROTOCOL_ERROR),  # an opcode that does not exist
        (b"\x80\x01x", CloseCode.PROTOCOL_ERROR),  # the continuation of nothing
        (b"\x01\x01x\x81\x01y", CloseCode.PROTOCOL_ERROR),  # a message in the midst of another
        (b"\x81\x7f" + (FRAME_BYTES_MAX + 1).to_bytes(8, "big"), CloseCode.MESSAGE_TOO_BIG),
    ],
)
@pytest.mark.parametrize("piece", [1, WHOLE])
async def test_what_breaks_the_protocol_ends_the_connection_and_nothing_after_it_counts(
    frame: bytes, code: CloseCode, piece: int
) -> None:
    async with connected() as (near, far, told):
        far.protocol.send_text(b"before")
        feed(near, far.said() + frame + b"\x81\x05after", piece)
        await a_turn()
        far.read()
        near.say(["too late"])
        await a_turn()
        far.read()

    assert told == [b"before"]
    assert far.protocol.close_rcvd is not None
    assert far.protocol.close_rcvd.code == code
    assert far.texts() == []


async def test_the_rest_of_a_frame_that_never_comes_is_no_message() -> None:
    async with connected() as (near, far, told):
        far.protocol.send_text(b"whole")
        far.protocol.send_text(b"torn off")
        near.data_received(far.said()[:-1])
        near.eof_received()

        assert near.protocol.close_code == CloseCode.ABNORMAL_CLOSURE
    assert told == [b"whole"]
