"""The floor of a server: it answers every frame with one and the same other frame, and does nothing else.

It is what a server on `websockets` and uvloop costs at least. The first frame of a connection is the one to answer
with.
"""

import asyncio

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def answer(websocket: ServerConnection) -> None:
    """Answer until the other end hangs up."""
    try:
        fixed = await websocket.recv()
        while True:
            await websocket.recv(decode=False)
            await websocket.send(fixed)
    except ConnectionClosed:
        pass


async def main() -> None:
    """Serve until killed; the address is printed."""
    async with serve(answer, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
