"""The way between a daemon and what it talks to, on which the death of the one need not reach the other.

The kernel closes the sockets of a process that is killed, and the exchange hears of it one way later. When a whole
machine dies, or a router on the way forgets, nobody tells the exchange anything: it goes on filling the orders until
its own heartbeat finds nobody. A wire can be either. It can also be cut: then it takes what it is given and carries
nothing, and neither end hears why. Or it breaks at a word of the server's, which the client does not hear any more.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.waiting import DEADLINE_S

BITE_BYTES = 65_536


class Wire:
    """Carries bytes both ways between any number of clients and one server, in a thread of its own."""

    def __init__(self, far_url: str) -> None:
        self.keeps_silent = False  # about the ends of clients, until `tell`
        self.url = ""
        self.breaks_at = b""  # the next connection on which the server says this breaks before it is heard
        self.broken = 0
        self._far = urlsplit(far_url)

    @contextmanager
    def laid(self) -> Iterator["Wire"]:
        """Carry for as long as the block takes."""
        is_laid = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._live(is_laid)), name="wire")
        thread.start()
        assert is_laid.wait(DEADLINE_S), "the wire has no end on this side"
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()

    def tell(self) -> None:
        """The exchange hears at last of all who ended in silence."""
        self._loop.call_soon_threadsafe(self._tell)

    def cut(self) -> None:
        """Carry nothing from now on, in silence."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Carry again, what has waited first."""
        self._loop.call_soon_threadsafe(self._whole.set)

    async def _live(self, is_laid: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._over, self._told, self._whole = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._whole.set()
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user, at, _ = self._far.netloc.rpartition("@")
        self.url = self._far._replace(netloc=f"{user}{at}127.0.0.1:{port}").geturl()
        is_laid.set()
        await self._over.wait()
        server.close()

    def _tell(self) -> None:
        self._told.set()
        self._told.clear()

    async def _carry(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection(self._far.hostname, self._far.port)
        back = asyncio.create_task(self._pour(far_reader, near, self._breaks))
        back.add_done_callback(lambda _: near.close())
        try:
            await self._pour(near_reader, far, lambda _: False)
            if self.keeps_silent:
                await self._told.wait()
        finally:
            far.close()
            await back

    def _breaks(self, data: bytes) -> bool:
        """The server says something: whether that is the word."""
        if not self.breaks_at or self.breaks_at not in data:
            return False
        self.breaks_at = b""
        self.broken += 1
        return True

    async def _pour(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_over: Callable[[bytes], bool]
    ) -> None:
        """Carry one way until the source ends. What a dead end no longer takes is lost; the source hears nothing."""
        with suppress(ConnectionError):
            while data := await source.read(BITE_BYTES):
                await self._whole.wait()
                if is_over(data):
                    return
                if not sink.is_closing():
                    sink.write(data)
