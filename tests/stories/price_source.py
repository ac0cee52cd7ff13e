"""Somebody who tells a price over HTTP, or something else."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread


class Source(HTTPServer):
    """Somebody who tells a price."""

    answer = b""


class Handler(BaseHTTPRequestHandler):
    """Gives the same answer to everybody."""

    server: Source

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def source() -> Iterator[Source]:
    with Source(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
