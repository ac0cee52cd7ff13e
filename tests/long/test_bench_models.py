"""The bench of models measures both quoters; half a minute of it is what a model must watch before it quotes."""

import json
import subprocess
import sys

import pytest

from bench.daemon import CONFIG


def test_both_quoters_are_measured_on_the_same_changes() -> None:
    command = [sys.executable, "-m", "bench.models", "--json", "--rounds", "4"]

    ended = subprocess.run(command, cwd=CONFIG.parent.parent, capture_output=True, text=True, timeout=300, check=False)

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["rounds"] == 4
    for case in ("one", "all"):
        measured = found["cases"][case]
        assert min(measured["pure_mm_p50_us"], measured["glft_p50_us"]) > 0
        assert measured["ratio"] == pytest.approx(measured["glft_p50_us"] / measured["pure_mm_p50_us"], abs=0.01)
