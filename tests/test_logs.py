"""Log lines go on for as long as anybody can take them, and fill no disk."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from replenisher.logs import RotatedFile, configure, logger


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a test configures ends with it."""
    yield
    structlog.reset_defaults()


def test_a_storm_of_lines_leaves_the_newest_in_a_few_files(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "replenisher.jsonl", bytes_max=10_000, old_files=2)
    printer = configure(as_json=True, stream=file)
    for number in range(1_000):
        logger().error("the same again", number=number)
    file.close()

    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == [f"replenisher.jsonl{end}" for end in ("", ".1", ".2")]
    assert all(path.stat().st_size <= 10_000 for path in written)
    lines = [json.loads(line) for path in reversed(written) for line in path.read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(1_000))[-len(lines) :]
    assert printer.is_heard


def test_a_file_that_takes_nothing_is_noticed_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "replenisher.jsonl").symlink_to("/dev/full")
    file = RotatedFile(tmp_path / "replenisher.jsonl")
    printer = configure(as_json=True, stream=file)

    logger().error("once")
    logger().error("twice")
    file.close()

    assert not printer.is_heard
