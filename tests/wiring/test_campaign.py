"""A campaign against planted bugs: what finds one, what does not, and that it goes on where it was stopped."""

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import msgspec
import pytest
from msgspec import to_builtins

from replenisher.errors import UsageError
from replenisher.wiring.campaign import WANTED, Campaign, Days, Found, Record, missing
from replenisher.wiring.mutations import PACKAGE, Mutation, named

SEED = 3  # on which a connection is cut soon


def lost_session(name: str, does: str) -> Mutation:
    """A bug that shows as soon as a session is lost."""
    old = "        case SessionLost():\n"
    return Mutation(
        name=name,
        file="core/apply.py",
        old=old,
        new=f"{old}            {does}\n",
        why="it is planted",
        caught_by=("S5",),
    )


WAITS = Mutation(
    name="whoever has lost a connection waits for an hour",
    file="venues/session.py",
    old="self._dial_at = at + int(self._random() * cap)",
    new="self._dial_at = at + 3600 * 10**9",
    why="one cut ends the day",
    caught_by=("L1",),
)
RAISES = lost_session("nothing is left where something must be", "next(iter(()))")
DIES = lost_session("the process dies", "__import__('os')._exit(9)")
LOUD = Mutation(
    name="it cannot be read",
    file="core/apply.py",
    old="def apply(state",
    new="def def apply(state",
    why="it is planted",
    caught_by=("S5",),
)


def settled(mutations: list[Mutation], record: Record) -> dict[str, Found]:
    days = Days(seeds=range(SEED, SEED + 1), minutes=0.5, faults="cut", calm_seeds=range(1, 2))
    campaign = Campaign(mutations, days, jobs=1, record=record, tell=lambda _: None, say=lambda _: None)
    campaign.run()
    return {each.mutation: each for each in campaign.found}


def test_only_a_named_invariant_finds_a_bug_and_whatever_else_happens_the_campaign_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "trials.jsonl"
    code = (PACKAGE / WAITS.file).read_bytes(), (PACKAGE / RAISES.file).read_bytes()

    found = settled([WAITS, RAISES, DIES], Record(file))

    assert (found[WAITS.name].seed, found[WAITS.name].invariant) == (SEED, "L1")
    for bug in (RAISES, DIES):
        assert not found[bug.name].is_caught
        assert (found[bug.name].seed, found[bug.name].raised, found[bug.name].too_loud) == (None, [SEED], "")
    raised = [
        line["sentence"] for line in map(json.loads, file.read_text().splitlines()) if line["invariant"] == "ours"
    ]
    assert "StopIteration" in raised[0]
    assert raised[1] == "ended with 9: it said nothing"
    assert ((PACKAGE / WAITS.file).read_bytes(), (PACKAGE / RAISES.file).read_bytes()) == code


def test_a_day_on_which_a_bug_was_found_once_is_tried_first_and_each_day_once(tmp_path: Path) -> None:
    days = Days(seeds=range(1, SEED + 1), minutes=0.5, faults="cut", calm_seeds=range(0))
    tried = {}
    for first in (SEED, SEED + 1, None):
        record = Record(tmp_path / f"{first}.jsonl")
        bug = msgspec.structs.replace(WAITS, seed=first)
        Campaign([bug], days, jobs=1, record=record, tell=lambda _: None, say=lambda _: None).run()
        lines = map(json.loads, (tmp_path / f"{first}.jsonl").read_text().splitlines())
        tried[first] = [line["seed"] for line in lines if line["mutation"]]

    assert tried[SEED] == [SEED]
    assert tried[SEED + 1] == tried[None]
    assert list(chain(*days.beginning_with(2))) == [2, 1, 3]


def test_what_is_written_down_is_not_tried_again_and_a_line_that_was_torn_is(tmp_path: Path) -> None:
    file = tmp_path / "trials.jsonl"
    found = settled([WAITS], Record(file))
    whole = file.read_bytes()

    again = settled([WAITS], Record(file))

    assert again == found
    assert file.read_bytes() == whole
    file.write_bytes(whole[:-20])
    assert settled([WAITS], Record(file)) == found
    assert file.read_bytes().splitlines()[-1] == whole.splitlines()[-1]


def test_a_bug_that_shows_without_faults_is_too_loud_and_the_command_fails(tmp_path: Path) -> None:
    (tmp_path / "bugs.yaml").write_text(json.dumps({"mutations": [to_builtins(LOUD)]}))
    command = [sys.executable, "-m", "replenisher", "simulate", "--mutations", "bugs.yaml", "--seeds", "1"]
    command += ["--minutes", "0.5", "--results", "trials.jsonl"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    scripted = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True)

    heading, row, sum_up, never = done.stdout.splitlines()
    assert (done.returncode, scripted.returncode) == (1, 1)
    assert heading.split() == ["mutant", "file", "seed", "invariant"]
    assert row.split("  ")[0] == LOUD.name
    assert "TOO LOUD without faults, seed 1: ours: ended with 1: SyntaxError" in row
    assert sum_up == "0 of 1 planted bugs were found by their invariant"
    assert never == f"never the first to find one: {', '.join(WANTED)}"
    assert json.loads(scripted.stdout.splitlines()[-1])["total"]["survived"] == [LOUD.name]


def test_each_wanted_invariant_must_be_the_first_to_find_some_bug() -> None:
    caught = [
        Found(mutation=name, file="", caught_by=(name,), seed=1, invariant=name) for name in WANTED if name != "S9"
    ]
    loud = Found(
        mutation="loud", file="", caught_by=("S9",), seed=1, invariant="S9", too_loud="seed 2: S9: it shows at once"
    )

    assert missing([*caught, loud]) == ["S9"]
    assert missing([*caught, Found(mutation="S9", file="", caught_by=("S9",), seed=4, invariant="S9")]) == []


def test_a_bug_is_named_by_any_words_that_only_its_name_has() -> None:
    assert named([WAITS, RAISES], "connection") is WAITS
    with pytest.raises(
        UsageError, match="names 2 mutations: whoever has lost a connection waits for an hour; nothing is left"
    ):
        named([WAITS, RAISES], "o")
