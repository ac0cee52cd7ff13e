"""The recorder's bench runs all that it says it runs, and counts every row of it."""

import json

import pytest

from bench import recorder


def test_both_databases_and_both_floors_are_measured(postgres: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert recorder.main(["--json", "--orders", "5", "--passes", "1", "--postgres", postgres]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["orders"], found["rows"]) == (5, 5 * len(("order", "request", "decision", "fill")) + 2)
    assert set(found["databases"]) == {"sqlite", "postgresql"}
    for rates in found["databases"].values():
        assert rates["ratio_to_floor"] == pytest.approx(rates["recorder"] / rates["floor"], abs=0.01)
        assert min(rates["recorder"], rates["floor"], found["journal"]) > 0
