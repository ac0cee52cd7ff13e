"""One seed has one outcome, to the last byte, whatever the hash seed of the process; another seed has another."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import pytest

from replenisher.simulate.swarm import Cue
from tests.simulate.kit import outcome_of, script

SEEDS = "3..4"


def outcomes(hash_seed: str) -> list[dict[str, Any]]:
    """What a process of its own finds."""
    command = [sys.executable, "-m", "replenisher", "simulate", "--seeds", SEEDS, "--minutes", "3", "--json"]
    command += ["--faults", "cut,killed,power lost,told to stop,replaced,answer lost,database gone", "--jobs", "1"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    *found, total = [json.loads(line) for line in ended.stdout.splitlines()]
    assert total["total"]["seeds"] == len(found)
    return found


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    return outcomes("1")


def test_the_same_seed_gives_the_same_bytes_and_rows_under_another_hash_seed(found: list[dict[str, Any]]) -> None:
    assert outcomes("2") == found


def test_another_seed_gives_others(found: list[dict[str, Any]]) -> None:
    third, fourth = found

    assert third["hash"] != fourth["hash"]
    assert third["messages"] > 1000 < fourth["messages"]


def test_faults_did_hit_where_they_could_hurt(found: list[dict[str, Any]]) -> None:
    assert any(outcome["tally"] for outcome in found)


def test_a_reason_that_names_the_journal_gives_the_same_hash_wherever_that_lies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = script(Cue(fault="disk full", after_s=20))

    here = outcome_of(4, plan=plan)
    with tempfile.TemporaryDirectory() as elsewhere:
        monkeypatch.setattr(tempfile, "tempdir", elsewhere)
        there = outcome_of(4, plan=plan)

    assert here.tally["disk full"]
    assert here.hash == there.hash
