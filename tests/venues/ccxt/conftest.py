"""An exchange that says nothing of use, to see what is sent to it."""

from collections.abc import AsyncIterator
from urllib.parse import unquote

import pytest
from aiohttp import web


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, list[str]]]:
    """Takes everything, says nothing of use, and keeps what it got."""
    requests: list[str] = []

    async def take(request: web.Request) -> web.Response:
        requests.append(unquote(f"{request.method} {request.raw_path} {await request.text()}"))
        return web.json_response({"code": "200000", "retCode": 0, "data": {}, "result": {}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", requests
    finally:
        await runner.cleanup()
