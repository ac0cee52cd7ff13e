"""This machine as the doctor sees it: what is there, what is held, and nothing changed by looking."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replenisher.config import Config, load
from replenisher.live.control import sole_daemon
from replenisher.venues.doctor import Finding, Light
from replenisher.wiring.books import database_upgrade
from replenisher.wiring.machine import about_machine
from tests.stories.desk import PAPER, contents


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """The shipped configuration, with a data directory that is not there yet."""
    monkeypatch.setenv("REPLENISHER_DATA_DIR", str(tmp_path / "data"))
    yield load(PAPER)


def look(config: Config) -> dict[str, Finding]:
    before = contents(config.data_dir)
    findings = {finding.check: finding for finding in about_machine(config)}
    assert contents(config.data_dir) == before, "a look changes nothing"
    return findings


def test_what_is_not_there_yet_is_fine(config: Config) -> None:
    findings = look(config)

    assert list(findings) == ["data directory", "disk", "journal", "database"]
    assert {finding.light for finding in findings.values()} <= {Light.GREEN, Light.AMBER}  # the disk is what it is
    assert findings["database"].found == "replenisher.db in the data directory, `run` makes it"


def test_a_database_that_is_up_to_date_is_said_to_be(config: Config) -> None:
    database_upgrade(config)

    assert look(config)["database"].found == "replenisher.db in the data directory, up to date"


def test_a_data_directory_that_cannot_be_made_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_file").write_text("not a folder")
    monkeypatch.setenv("REPLENISHER_DATA_DIR", str(tmp_path / "a_file" / "data"))

    finding = look(load(PAPER))["data directory"]

    assert (finding.light, finding.found) == (Light.RED, f"{tmp_path}/a_file/data cannot be made or written")


def test_a_directory_that_somebody_holds_without_an_answer_is_red(config: Config) -> None:
    config.data_dir.mkdir()

    with sole_daemon(config.data_dir):
        finding = look(config)["data directory"]

    assert (finding.light, finding.found) == (
        Light.RED,
        f"another process holds {config.data_dir} and does not answer",
    )
    assert look(config)["data directory"].light is Light.GREEN
