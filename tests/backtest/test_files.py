"""A replay leaves the files that the daemon and its exchange leave, so that the other verbs look at it."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from replenisher.config import load, market_overrides
from replenisher.errors import ConfigurationError, Taken
from replenisher.model.event import InstrumentDefined
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.writer import TapeWriter
from replenisher.wiring.replaying import replay as play
from tests.store import tapes
from tests.stories.desk import PAPER, REPLAY, Desk


class Past(NamedTuple):
    """A desk of which everything is a replay, and what that said."""

    desk: Desk
    told: dict[str, Any]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    desk = Desk(tmp_path_factory.mktemp("past"))
    return Past(desk, replay(desk, "--data-directory", desk.data))


def replay(desk: Desk, *more: str | Path) -> dict[str, Any]:
    ended = desk.command("replay", PAPER, "--synthetic", "--seed", "5", "--minutes", "0.5", "--json", *more)
    assert (ended.code, ended.stderr) == (0, "")
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_the_same_past_has_the_same_hash_and_the_same_files(past: Past, tmp_path: Path) -> None:
    other = replay(past.desk, "--data-directory", tmp_path / "other")

    assert past.told["fills"] > 10
    assert past.told["data_directory"] == str(past.desk.data)
    assert other | {"data_directory": ""} == past.told | {"data_directory": ""} == replay(past.desk)
    for folder in ("journal", "."):
        written = [
            sorted(each for each in (data / folder).iterdir() if each.suffix in {".journal", ".ledger"})
            for data in (past.desk.data, tmp_path / "other")
        ]
        assert written[0]
        assert [file.read_bytes() for file in written[0]] == [file.read_bytes() for file in written[1]]


def test_no_number_of_a_replay_has_an_exponent(past: Past) -> None:
    told = [past.told[name] for name in ("equity_at_mark", "pnl_at_mark", "fees", "positions", "marks")]

    numbers = [number for by_name in told for number in by_name.values()]

    assert set("".join(numbers)) <= set("-.0123456789")


def test_a_second_replay_answers_the_same_byte_for_byte_and_both_tell_the_faults_of_their_tape(
    tmp_path: Path,
) -> None:
    begin, again = tapes.START, tapes.START + 200 * SECOND_NS
    defined = InstrumentDefined(at=begin, instrument=tapes.LINEAR)
    path = tapes.written(tmp_path / "gap.tape", [defined, *tapes.linear_minute(begin)])
    with closing(TapeWriter.append(path, again)) as writer:
        whole, *others = tapes.linear_minute(again)
        for fact in (whole, whole, *others):
            writer.write(fact)
    desk = Desk(tmp_path / "room")

    first, second = (desk.command("replay", REPLAY, "--tape", path, "--json") for _ in range(2))

    assert (first.code, first.stderr) == (0, "")
    assert first.stdout == second.stdout
    told = json.loads(first.stdout)
    assert (told["tape_gaps"], told["tape_blind_s"], told["is_flat"]) == (1, 141, True)
    assert told["tape_disorder"] == {"restarted": 1}
    assert told["orders"] > 0


def test_a_replay_that_fails_leaves_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    config = load(REPLAY, market_overrides(tmp_path / "empty.jsonl", None))

    with pytest.raises(ConfigurationError, match="there is nothing on it"):
        play(config, minutes=None, directory=tmp_path / "past" / "june", tell=lambda _: None)

    assert [each.name for each in tmp_path.iterdir()] == ["empty.jsonl"]


def test_a_second_replay_into_one_folder_is_refused_and_the_first_one_is_written_whole(tmp_path: Path) -> None:
    config, past = load(PAPER), tmp_path / "past"
    refused: list[Taken] = []

    def meanwhile(_: str) -> None:
        with pytest.raises(Taken, match="past: another replay is being written there") as second:
            play(config, minutes=0.1, directory=past, tell=lambda _: None)
        refused.append(second.value)

    of_a_killed_one = tmp_path / ".past.partial" / "data" / "killed"
    of_a_killed_one.mkdir(parents=True)

    play(config, minutes=0.1, directory=past, tell=meanwhile)

    assert refused
    assert [each.name for each in tmp_path.iterdir()] == ["past"]
    assert {each.name for each in past.iterdir()} >= {"journal", "exchange.ledger", "replenisher.db"}
    assert not (past / "killed").exists()


def test_a_replay_says_how_far_it_is_and_of_how_much(tmp_path: Path) -> None:
    defined = InstrumentDefined(at=tapes.START, instrument=tapes.LINEAR)
    path = tapes.written(tmp_path / "minute.tape", [defined, *tapes.linear_minute(tapes.START)])
    told: list[str] = []

    play(load(REPLAY, market_overrides(path, None)), minutes=None, directory=None, tell=told.append)
    play(load(PAPER), minutes=0.2, directory=None, tell=told.append)

    passed = [word.partition(", ")[0] for word in told if " minutes, " in word]
    assert passed[0] == "0.0 of 1.0 minutes"
    assert passed[passed.index("0.0 of 0.2 minutes") - 1] == "1.0 of 1.0 minutes"
    assert passed[-1] == "0.2 of 0.2 minutes"


def test_minutes_and_seconds_are_of_the_clock_by_which_a_tape_goes_by_faster(tmp_path: Path) -> None:
    defined = InstrumentDefined(at=tapes.START, instrument=tapes.LINEAR)
    path = tapes.written(tmp_path / "minute.tape", [defined, *tapes.linear_minute(tapes.START)])

    def found(speed: float, minutes: float | None) -> tuple[float, int]:
        config = load(REPLAY, market_overrides(path, speed))
        outcome = play(config, minutes=minutes, directory=None, tell=lambda _: None)
        return outcome.seconds, outcome.heard_books

    whole_s, whole = found(1, None)
    assert found(4, None) == (pytest.approx(whole_s / 4, abs=0.01), whole)
    part_s, part = found(1, 0.4)
    assert (found(4, 0.1), part < whole) == ((part_s / 4, part), True)


def test_a_replay_says_how_often_it_was_cut_off() -> None:
    falls = {"after_s": 1, "per_s": 3, "burst": 12}
    tight = load(PAPER, {"exchange": {"rate": {"per_s": 30, "burst": 100, "falls": falls}}})

    told = [play(config, minutes=0.2, directory=None, tell=lambda _: None) for config in (tight, load(PAPER))]

    assert [each.cut_off for each in told] == [1, 0]
    assert all(each.is_flat for each in told), "nothing rests"


def test_both_books_of_a_replay_agree(past: Past) -> None:
    found = past.desk.audit()

    assert found["differences"] == []
    assert found["fills"] == past.told["fills"]


def test_a_report_and_the_story_of_an_order_are_made_of_a_replay(past: Past) -> None:
    order_id = next(record["label"] for record in past.desk.ledger() if record["type"] == "trade")

    report, story = past.desk.command("report", PAPER, "--json"), past.desk.command("why", PAPER, order_id)

    assert (report.code, story.code) == (0, 0)
    assert json.loads(report.stdout)
    assert order_id in story.stdout
