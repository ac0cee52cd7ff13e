"""Whether a write to the journal waits for a sync beside it, with and without room that was set aside.

python -m bench.appends [--rounds N] [--directory D]    the directory decides which file system is measured

Records of 500 bytes are appended, two a millisecond, while a thread syncs the file every 50 ms; the two take turns.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from replenisher.store.disk import Machine
from replenisher.store.growing import GrowingFile

APPENDS = 2_500  # a round
RECORD = bytes(500)
EVERY_S, SYNC_EVERY_S = 0.0005, 0.05
LONG_MS = 1.0


class Unprepared(Machine):
    """A disk on which nothing is set aside."""

    def reserve(self, fd: int, length: int, /) -> None:
        """Leave it to each write."""


def main() -> None:
    """Let both take turns, and say how long their writes took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--directory", type=Path)
    asked = parser.parse_args()
    disks = {"set aside": Machine(), "as it comes": Unprepared()}
    took_ms: dict[str, list[float]] = {name: [] for name in disks}
    with tempfile.TemporaryDirectory(prefix="replenisher-", dir=asked.directory) as folder:
        for _ in range(asked.rounds):
            for name, disk in disks.items():
                took_ms[name] += appended(Path(folder), disk)
    for name, waits in took_ms.items():
        print(f"room {name}: {sentence(waits)}")


def appended(folder: Path, disk: Machine) -> list[float]:
    """How long each write of a round took, in milliseconds."""
    directory, is_over = os.open(folder, os.O_RDONLY), threading.Event()
    path = folder / "00000001.journal"
    file = GrowingFile.create(path, RECORD, directory, disk, 0)
    fd = os.open(path, os.O_WRONLY)

    def sync() -> None:
        while not is_over.wait(SYNC_EVERY_S):
            os.fdatasync(fd)

    thread, waits = threading.Thread(target=sync), []
    thread.start()
    for _ in range(APPENDS):
        began = time.perf_counter()
        file.write(RECORD)
        waits.append((time.perf_counter() - began) * 1e3)
        time.sleep(EVERY_S)
    is_over.set()
    thread.join()
    file.close()
    path.unlink()
    for each in (fd, directory):
        os.close(each)
    return waits


def sentence(waits_ms: Sequence[float]) -> str:
    """What they come to."""
    ordered = sorted(waits_ms)
    long = sum(each > LONG_MS for each in ordered)
    median_us, rare_us = ordered[len(ordered) // 2] * 1e3, ordered[len(ordered) * 99 // 100] * 1e3
    return (
        f"{len(ordered):,} writes, median {median_us:.1f} us, 99 % within {rare_us:.0f} us; "
        f"{long} took more than {LONG_MS:g} ms, the longest {ordered[-1]:.1f} ms"
    )


if __name__ == "__main__":
    main()
