"""The pages for programs name every key of what `--json` says, and every table."""

import re
from pathlib import Path

import msgspec
import pytest

from replenisher.core.resilience import Resilience
from replenisher.live.metrics import PREFIX, families
from replenisher.live.picture import Stop, Summary
from replenisher.live.standing import Holding
from replenisher.live.uptime import Uptime
from replenisher.report.audit import Audit, Difference
from replenisher.report.statement import Entry, Statement
from replenisher.store import tables
from replenisher.store.lived import Life
from replenisher.wiring.replay_outcome import Outcome
from tests.live.watched import answer_of, opened

DOCS = Path(__file__).parent.parent / "docs"
STANDING = {"config_version", "file_differs", "lease", "rows", "statements", "ladder", "empty_slots", "book"}
WHOSE = {"venue", "account", "asset", "config_version"}


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("status", (Summary, Holding, Resilience, Uptime, Stop)),
        ("audit", (Audit, Difference)),
        ("statement", (Statement, Entry, Life)),
        ("replay", (Outcome,)),
    ],
)
def test_each_key_of_a_document_is_on_the_page(verb: str, told: tuple[type[msgspec.Struct], ...]) -> None:
    (section,) = re.findall(rf"\n## `{verb}`\n(.*?)(?=\n## |\Z)", (DOCS / "json.md").read_text(), re.DOTALL)
    keys = {key for each in told for key in each.__struct_fields__} | (STANDING if verb == "status" else set())

    assert keys - set(re.findall(r"`(\w+)`", section)) - WHOSE == set()


def test_each_table_is_on_the_page() -> None:
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "tables.md").read_text(), re.MULTILINE)

    assert sorted(re.findall(r"\w+", " ".join(rows))) == sorted(tables.metadata.tables)


def test_each_alarm_goes_by_a_number_that_is_served() -> None:
    asked = re.findall(rf"expr: \"?{PREFIX}(\w+)", (DOCS / "running.md").read_text())

    assert {PREFIX + name for name in asked} <= {metric.name for metric in families(answer_of(*opened()))}
    assert len(asked) == (DOCS / "running.md").read_text().count("{alert: ")
