"""The floor: a client that answers every frame with one and the same other frame, and does nothing else.

It is what a program on `websockets` and uvloop costs at least, in a process of its own like the daemon. The first frame
it gets is the one to answer with.
"""

import asyncio
import sys

import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def echo(url: str) -> None:
    """Answer until the other end hangs up."""
    async with connect(url, proxy=None, compression=None, ping_interval=None, max_queue=None) as websocket:
        try:
            answer = await websocket.recv()
            while True:
                await websocket.recv(decode=False)
                await websocket.send(answer)
        except ConnectionClosed:
            pass


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(echo(sys.argv[1]))
