"""The bench of replays counts what is on the tape, gives one hash a strategy, and says what it says in figures, too."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import replay
from bench.bare_book import BareBook
from bench.tape import RECORDING, read


def test_two_passes_over_a_part_of_the_recording_have_one_hash(
    recordings: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--json", "--passes", "2", "--events", "3000", "--tape", str(recordings(str(RECORDING)))]

    code = replay.main(words)

    found = json.loads(capsys.readouterr().out)
    fast = {
        name: each["events_per_second"] >= each["events_per_second_min"] for name, each in found["strategies"].items()
    }
    assert found["is_reached"] is all(fast.values()) and code == (0 if found["is_reached"] else 1)
    assert fast == {name: each["is_reached"] for name, each in found["strategies"].items()}
    assert found["events"] == found["changes"] + found["trades"] == 3000
    assert found["events_per_second"] == found["strategies"]["pure_mm"]["events_per_second"] > 0
    assert found["glft_events_per_second"] == found["strategies"]["glft"]["events_per_second"] > 0
    assert found["strategies"]["pure_mm"]["orders"] >= 10
    assert all(each["ratio_to_bare_book"] > 1 for each in found["strategies"].values()), (
        "nobody quotes for less than a book costs"
    )
    assert len({each["hash"] for each in found["strategies"].values()}) == 2


def test_passes_that_differ_are_no_bench(recordings: Callable[[str], Path]) -> None:
    tape = read(recordings(str(RECORDING)))
    config = replay.load(replay.CONFIGS["pure_mm"])
    short, shorter = (replay.Tape(tape.instrument, tape.facts[:count]) for count in (400, 300))

    passes = [replay.play(config, short), replay.play(config, shorter)]
    with pytest.raises(replay.ReplayDiffers, match="passes of one tape have the hashes"):
        replay.found_of("pure_mm", short, passes, BareBook(short))


def test_without_a_tape_it_is_said_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("REPLENISHER_TEST_DATA", raising=False)

    with pytest.raises(SystemExit) as ended:
        replay.main([])

    assert ended.value.code == 2
    assert "no tape: name one with --tape" in capsys.readouterr().err
