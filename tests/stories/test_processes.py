"""Processes that are stopped, cut off or started anew around a desk: it quotes again without anybody's hand."""

import resource
from pathlib import Path
from time import monotonic

from tests.stories.harm import Scene, told
from tests.waiting import until

STOPPED_S = 6.0  # longer than a gap that is begun anew after


def test_a_daemon_that_is_stopped_and_goes_on_cancels_first_and_quotes_again(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        began = monotonic()
        with scene.stopped():
            until(lambda: monotonic() - began > STOPPED_S, "it stands still")
        scene.daemon.until("it says so", lambda: told(scene.daemon, "lagged", "suspended"))

        assert max(lagged["lag_s"] for lagged in scene.daemon.told("lagged")) > STOPPED_S - 1
        scene.back_after_s()
        scene.end_well()


def test_a_connection_that_carries_nothing_is_found_out_and_replaced(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        with scene.half_open():
            scene.daemon.until("it gives up the connection", lambda: told(scene.daemon, "session_lost"))
        scene.back_after_s()
        scene.end_well()


def test_an_exchange_that_dies_and_comes_back_is_traded_on_again(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        with scene.without_exchange():
            scene.daemon.until("it knows", lambda: told(scene.daemon, "session_lost"))
        scene.back_after_s()
        scene.end_well()


def test_a_daemon_without_descriptors_shows_nothing_and_comes_back_when_there_are_some(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        before = resource.prlimit(scene.daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(scene.daemon.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        with scene.without_exchange():
            scene.daemon.until("it knows", lambda: told(scene.daemon, "session_lost"))
        said = "[Errno 24] Too many open files"
        scene.daemon.until("it has tried", lambda: any(said in line for line in scene.daemon.lines()))
        assert not scene.daemon.told("failed")

        resource.prlimit(scene.daemon.pid, resource.RLIMIT_NOFILE, before)
        scene.back_after_s()
        scene.end_well()
