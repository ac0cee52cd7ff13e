"""What a strategy owes is counted over the death of its daemon: no time is lost, and none is claimed."""

import json
import signal
from pathlib import Path

from replenisher.live.control import ask
from tests.stories.desk import Desk

OWED = "    obligations: {max_spread_bps: 100, min_depth_quote: 500, min_uptime_pct: 95}\n"


def test_the_hours_and_breaches_of_two_lives_are_one_account(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "room")
    written = desk.config.read_text()
    desk.config = desk.room / "owed.yaml"
    desk.config.write_text(written.replace("    strategy: pure_mm\n", f"    strategy: pure_mm\n{OWED}"))

    with desk.running("run", desk.config) as daemon:
        daemon.until("it is in sync", lambda: daemon.told("synced"))
        daemon.until("it meets them", lambda: desk.answer("status")["obligations"]["core"]["is_met"])
        daemon.send(signal.SIGKILL)
    desk.wait_until_gone()
    with desk.running("run", desk.config) as daemon:
        daemon.until("it is in sync", lambda: daemon.told("synced"))
        daemon.until("it meets them again", lambda: ask(desk.data, "status")["obligations"]["core"]["is_met"])
        assert daemon.stop().code == 0

    found = json.loads(desk.command("obligations", desk.config, "--json").stdout)
    hours, breaches = found["hours"], found["breaches"]
    unmet_ns = sum(hour["traded_ns"] - hour["met_ns"] for hour in hours)
    last = breaches[-1]
    assert last["until"] is None
    assert last["reason"] == "stopping: SIGTERM"
    counted_to = breaches[0]["since"] + sum(hour["traded_ns"] for hour in hours)
    assert unmet_ns == sum((breach["until"] or counted_to) - breach["since"] for breach in breaches)
    assert unmet_ns == sum(breach["lasted_ns"] for breach in breaches)
    assert "the daemon was away" in {breach["reason"] for breach in breaches}
    assert {hour["is_enough"] for hour in hours} <= {False, None}
    assert "too little" in desk.command("obligations", desk.config).stdout
