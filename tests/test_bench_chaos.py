"""What a long run of seeds takes for the same code."""

import subprocess
import sys

PARTS = "from bench import chaos; print(*chaos.parts(), sep='\\n')"


def test_what_a_seed_loads_is_its_code_and_what_it_never_sees_may_change() -> None:
    told = subprocess.run([sys.executable, "-c", PARTS], capture_output=True, text=True, check=True).stdout.split()
    assert {"replenisher/core/engine.py", "replenisher/venues/deribit/venue.py", "replenisher/simulate/run.py"} <= {
        *told
    }
    assert {"strategies/pure_mm.py", "configs/simulate.yaml", "requirements.lock"} <= {*told}
    assert not [
        name for name in told if name.startswith(("replenisher/report/", "replenisher/cli/", "bench/", "tests/"))
    ]


def test_a_run_of_no_seeds_is_refused_and_proves_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.chaos", "--first", "11", "--seeds", "10"], capture_output=True, text=True
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.endswith("error: --seeds: 10 is the last one, and comes before --first, 11\n")
