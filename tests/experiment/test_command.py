"""The command that prints the tables: for people and for scripts, and the paper beside ours."""

import json
import subprocess
import sys

import pytest

from replenisher.experiment.table import rows
from tests.experiment.given import PAPER, paper
from tests.waiting import LIFE_S

MOMENTS = {"profit", "profit_sd", "inventory", "inventory_sd"}


def command(*words: str) -> subprocess.CompletedProcess[str]:
    words = ("-m", "replenisher", "experiment", "avellaneda-stoikov", *words)
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, timeout=LIFE_S)


def test_a_script_reads_every_quoter_in_every_world_in_three_ways() -> None:
    run = command("--json", "--paths", "1000", "--seed", "3")

    assert (run.returncode, run.stderr) == (0, "")
    document = json.loads(run.stdout)
    found = {(row["fill_model"], row["gamma"], row["quoter"]): row for row in document["rows"]}
    assert (document["seed"], document["paths"], document["paper"]["paths"]) == (3, 1000, 1000)
    assert {each[:2] for each in found} == {
        (model, gamma) for model in ("linear", "poisson") for gamma in (0.1, 0.01, 1)
    }
    assert len(found) == 2 * 3 * 3
    for row in document["rows"]:
        for name in MOMENTS:
            z = (row["monte_carlo"][name] - row["exact"][name]) / row["monte_carlo"]["errors"][name]
            assert row["monte_carlo"]["z"][name] == pytest.approx(z)
    printed = {(gamma, quoter): row["paper"] for (_, gamma, quoter), row in found.items() if row["paper"]}
    assert set(printed) == {(gamma, quoter.value) for gamma, quoter in PAPER}
    assert printed[0.1, "inventory"]["profit"] == PAPER[0.1, "inventory"].moments.profit
    assert printed[0.1, "inventory"]["z"].keys() == MOMENTS


def test_people_read_the_paper_beside_it() -> None:
    run = command("--paths", "100")

    lines = run.stdout.splitlines()
    assert (run.returncode, run.stderr) == (0, "")
    first = next(number for number, line in enumerate(lines) if line.startswith("0.1   inventory"))
    assert lines[first].split() == ["0.1", "inventory", "exact", "1.492", "64.893", "6.543", "0.000", "2.927", "96.96"]
    assert lines[first + 1].split()[:2] == ["100", "paths"]
    assert lines[first + 3].split() == ["paper", "1.49", "65", "6.6", "0.08", "2.9"]
    assert max(map(len, lines)) <= 80
    assert lines[-2].startswith("paper: Avellaneda & Stoikov")


def test_without_the_papers_tables_the_rest_is_the_same() -> None:
    with_paper, without = next(rows(100, 7, paper())), next(rows(100, 7, None))

    assert without.document() == with_paper.document() | {"paper": None}
    assert with_paper.document()["paper"] is not None


@pytest.mark.parametrize(("words", "objection"), [(("--paths", "10"), "'--paths'"), (("--seed", "-1"), "'--seed'")])
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], objection: str) -> None:
    run = command(*words)

    assert (run.returncode, run.stdout) == (2, "")
    assert objection in run.stderr
