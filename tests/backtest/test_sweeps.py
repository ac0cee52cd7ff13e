"""A replay that leaves files sees the sweeps that the daemon would have seen, and decides nothing by them."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from replenisher.model.event import SweepEnded
from replenisher.model.step import Step
from tests.backtest.given import config_of, lived, replayed, written
from tests.backtest.test_replay import BTCUSDT
from tests.stories.desk import REPLAY, Desk


def sweeps_of(steps: Iterable[Step]) -> list[SweepEnded]:
    return [fact for step in steps for fact in step.events if isinstance(fact, SweepEnded)]


@pytest.mark.parametrize("name", ["paper.yaml", "replay.yaml"])
def test_they_are_those_of_the_daemon_on_virtual_time(
    name: str, recordings: Callable[[str], Path], tmp_path: Path
) -> None:
    config = config_of(name, recordings(BTCUSDT) if name == "replay.yaml" else None)
    steps: list[Step] = []

    replayed(config, 60, steps, is_watched=True)
    lived(config, 60, tmp_path)

    seen = sweeps_of(steps)
    assert len(seen) > 50
    assert seen == sweeps_of(written(tmp_path / "journal"))


def test_but_for_them_every_step_is_what_it_is_when_nobody_watches(recordings: Callable[[str], Path]) -> None:
    config = config_of("replay.yaml", recordings(BTCUSDT))
    watched: list[Step] = []
    plain: list[Step] = []

    same = [replayed(config, 60, steps, is_watched=steps is watched) for steps in (watched, plain)]

    told = {step.number for step in watched if sweeps_of([step])}
    assert told
    assert same[0] == same[1]
    assert plain == [
        msgspec.structs.replace(step, events=tuple(fact for fact in step.events if not isinstance(fact, SweepEnded)))
        if step.number in told
        else step
        for step in watched
    ]


def test_a_report_on_a_replay_has_all_of_them(recordings: Callable[[str], Path], tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    ended = desk.command("replay", REPLAY, "--tape", recordings(BTCUSDT), "--data-directory", desk.data)
    report = desk.command("report", REPLAY, "--json")

    assert (ended.code, report.code) == (0, 0), ended.stderr + report.stderr
    told = {day["band_bps"]: day["resilience"]["sweeps"] for day in json.loads(report.stdout)["resilience"]}
    assert set(told) == {0, 5, 10, 25}
    assert told == Counter(sweep.band_bps for sweep in sweeps_of(written(desk.data / "journal")))
