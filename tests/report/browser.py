"""A headless Chromium, told what to do over its own protocol, that can reach nothing but files."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.waiting import until

DEADLINE_S = 90.0
SWITCHES = (
    *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-port=0", "--window-size=1200,2000"),
)


class Page:
    """One page; what it asked for and what went wrong in it is kept."""

    def __init__(self, socket: ClientConnection) -> None:
        self.asked_for: list[str] = []
        self.complaints: list[str] = []
        self._socket = socket
        self._number = 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have something done, and wait for the answer."""
        self._number += 1
        request = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(request | ({"sessionId": self._session} if self._session else {})))
        while True:
            told = json.loads(self._socket.recv(timeout=DEADLINE_S))
            if told.get("id") == self._number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
            self._heard(told)

    def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """What an expression is once it is something."""
        until(lambda: self.value(expression), f"{expression} in the page", DEADLINE_S)
        return self.value(expression)

    def _heard(self, told: dict[str, Any]) -> None:
        about = told.get("params", {})
        match told.get("method"):
            case "Network.requestWillBeSent":
                self.asked_for.append(about["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(about["exceptionDetails"]))
            case "Log.entryAdded" if about["entry"]["level"] == "error":
                self.complaints.append(str(about["entry"]["text"]))


@contextmanager
def opened(program: str, file: Path) -> Iterator[Page]:
    """A file, in a browser of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        command = [program, *SWITCHES, *root, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            told = Path(profile) / "DevToolsActivePort"
            until(lambda: told.exists() and "\n" in told.read_text(), "the browser listens", DEADLINE_S)
            port, path = told.read_text().splitlines()
            with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, compression=None) as socket:
                page = Page(socket)
                page.call("Page.navigate", url=file.as_uri())
                yield page
        finally:
            process.terminate()
            process.wait(timeout=DEADLINE_S)
