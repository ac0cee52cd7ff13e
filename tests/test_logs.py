"""Log lines go on for as long as anybody can take them, and fill no disk."""

import errno
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from replenisher.logs import RotatedFile, configure, logger


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a test configures ends with it."""
    yield
    structlog.reset_defaults()


class Disk:
    """It takes as much as there is room for: the last line before it is full only in part."""

    def __init__(self, room_bytes: int) -> None:
        self.room_bytes, self.written = room_bytes, b""

    def write(self, data: bytes, /) -> int:
        if not self.room_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = data[: self.room_bytes]
        self.written += taken
        self.room_bytes -= len(taken)
        return len(taken)

    def fileno(self) -> int:
        raise AssertionError("nobody silences a disk")


def test_lines_of_several_threads_stay_whole_and_come_once(tmp_path: Path) -> None:
    with closing(RotatedFile(path := tmp_path / "replenisher.jsonl")) as file:
        configure(as_json=True, sink=file)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: logger().error("told", number=number), range(2_000)))

    assert sorted(json.loads(line)["number"] for line in path.read_text().splitlines()) == list(range(2_000))


def test_a_storm_of_lines_leaves_the_newest_in_a_few_files(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "replenisher.jsonl", bytes_max=10_000, old_files=2)
    printer = configure(as_json=True, sink=file)
    for number in range(1_000):
        logger().error("the same again", number=number)
    file.close()

    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == [f"replenisher.jsonl{end}" for end in ("", ".1", ".2")]
    assert all(path.stat().st_size <= 10_000 for path in written)
    lines = [json.loads(line) for path in reversed(written) for line in path.read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(1_000))[-len(lines) :]
    assert printer.is_heard


def test_a_reader_who_went_away_is_noticed_and_nothing_is_raised() -> None:
    there, here = os.pipe()
    os.close(there)
    with os.fdopen(here, "wb", buffering=0) as pipe:
        printer = configure(as_json=True, sink=pipe)

        logger().error("once")
        logger().error("twice")

    assert (printer.is_heard, printer.lost) == (False, 0)


def test_a_disk_that_is_full_loses_lines_and_tells_how_many_once_it_has_room_again() -> None:
    disk = Disk(room_bytes=100)
    printer = configure(as_json=True, sink=disk)
    for number in range(5):
        logger().error("the same again", number=number)
    at_worst = printer.lost
    disk.room_bytes = 10_000
    logger().error("at last")

    told = [json.loads(line) for line in disk.written.splitlines()]
    assert [line.get("number", line["event"]) for line in told] == [0, 1, "lines_lost", "at last"]
    assert (at_worst, told[2]["lines"]) == (3, 3)
    assert (printer.is_heard, printer.lost) == (True, 0)
