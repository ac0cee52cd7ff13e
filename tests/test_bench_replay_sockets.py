"""The comparison of replays with daemons over sockets: two short markets, and what is said of the two distributions."""

import json

import pytest

from bench.replay_sockets import compared, main


def test_two_short_markets_are_traded_on_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--json", "--runs", "2", "--seconds", "3"])

    told = capsys.readouterr()
    found = json.loads(told.out)
    assert code == (0 if found["is_alike"] else 1)
    assert found["is_alike"] is all(found[name]["is_alike"] for name in ("fills", "position"))
    assert [line.partition(":")[0] for line in told.err.splitlines()] == ["1 of 2", "2 of 2"]
    assert [pair["seed"] for pair in found["pairs"]] == [1, 2]
    for name in ("fills", "position"):
        for way in ("daemon", "replay"):
            values = [float(pair[f"{way}_{name}"]) for pair in found["pairs"]]
            assert found[name][way]["mean"] == pytest.approx(sum(values) / 2, abs=0.01)
    for way in ("daemon", "replay"):
        assert sum(pair[f"{way}_fills"] for pair in found["pairs"]) > 0


def test_a_difference_is_held_against_its_standard_error() -> None:
    found = compared([10, 20, 30, 40], [11, 23, 31, 43])  # differences of 1, 3, 1 and 3

    assert (found["daemon"]["mean"], found["replay"]["mean"], found["difference"]["mean"]) == (25, 27, 2)
    assert found["difference"]["sd"] == pytest.approx(1.1547, abs=0.005)  # the root of 4 / 3
    assert found["standard_error"] == pytest.approx(0.5774, abs=0.005)
    assert found["t"] == pytest.approx(3.4641, abs=0.005)
    assert not found["is_alike"], "three are allowed"
    assert compared([10, 20, 30, 40], [9, 23, 28, 43])["is_alike"]


@pytest.mark.parametrize(("more", "is_alike"), [(0, True), (1, False)])
def test_runs_that_always_differ_by_as_much_are_alike_only_if_that_is_nothing(more: int, is_alike: bool) -> None:
    found = compared([5, 7], [5 + more, 7 + more])

    assert (found["t"], found["is_alike"]) == (None, is_alike)
