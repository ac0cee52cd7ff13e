"""The bench of models measures both quoters; half a minute of it is what a model must watch before it quotes."""

import json
import subprocess
import sys

import pytest

from bench.daemon import CONFIG


def test_both_quoters_are_measured_on_the_same_changes() -> None:
    command = [sys.executable, "-m", "bench.models", "--json", "--rounds", "4"]

    ended = subprocess.run(command, cwd=CONFIG.parent.parent, capture_output=True, text=True, timeout=300, check=False)

    assert ended.stdout, ended.stderr
    found = json.loads(ended.stdout)
    assert found["rounds"] == 4
    assert list(found["cases"]) == ["one", "all", "moved"]
    for measured in found["cases"].values():
        assert min(measured["pure_mm_p50_us"], measured["glft_p50_us"]) > 0
        assert measured["ratio"] == pytest.approx(measured["glft_p50_us"] / measured["pure_mm_p50_us"], abs=0.01)
    assert found["is_reached"] == all(measured["ratio"] <= 1.3 for measured in found["cases"].values())
    assert ended.returncode == (0 if found["is_reached"] else 1)
