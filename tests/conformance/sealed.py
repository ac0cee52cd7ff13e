"""A Python in which our own packages do not exist and no address but loopback can be reached."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

OURS = ("replenisher", "strategies", "_replenisher", "__editable__", "_editable")

BOOT = """
import runpy, sys

def guard(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        raise PermissionError(f"an address that is not loopback: {arguments[1]}")
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost", None):
        raise PermissionError(f"a host that is not loopback: {arguments[0]}")

sys.addaudithook(guard)
script, sys.path[len(sys.path):] = sys.argv[1], [sys.argv[2]]
runpy.run_path(script, run_name="__main__")
"""


def run_sealed(script: Path, room: Path, told: str, within_s: float) -> str:
    """What the script prints; it reads `told` on stdin, and its stderr is ours."""
    packages = _without_ours(room / "packages")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BOOT, str(script), str(packages)],
        input=told,
        stdout=subprocess.PIPE,
        text=True,
        timeout=within_s,
        cwd=room,
        env={"PATH": os.environ["PATH"]},
        check=True,
    )
    return done.stdout


def _without_ours(folder: Path) -> Path:
    """Links to everything that is installed, but for our own packages and what would find them."""
    folder.mkdir()
    for installed in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(installed).iterdir():
            if not entry.name.startswith(OURS) and entry.suffix != ".pth":
                (folder / entry.name).symlink_to(entry)
    return folder
