"""What is refused before anything starts, because the venue could not have it."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from replenisher.config import Config, load
from replenisher.errors import ConfigurationError
from replenisher.model.units import SECOND_NS
from replenisher.venues.doctor import Light
from replenisher.wiring.books import check
from replenisher.wiring.doctor import doctor
from replenisher.wiring.offered import require_offered, require_undelivered

PAPER = Path(__file__).parents[2] / "configs" / "paper.yaml"
DIRECTLY, THROUGH_CCXT = "adapter: deribit", "adapter: ccxt\n    exchange: deribit"


def configured(tmp_path: Path, instrument: str, adapter: str = DIRECTLY) -> Config:
    file = tmp_path / "future.yaml"
    text = PAPER.read_text().replace("BTC-PERPETUAL", instrument).replace(DIRECTLY, adapter)
    file.write_text(text.replace("exchange:\n  venue", f"exchange:\n  instruments: {{{instrument}: {{}}}}\n  venue"))
    return load(file)


def moment(day: int, hour: int) -> int:
    return int(datetime(2034, 12, day, hour, tzinfo=UTC).timestamp()) * SECOND_NS


@pytest.mark.parametrize("adapter", [DIRECTLY, THROUGH_CCXT])
def test_a_future_is_refused_from_the_moment_of_its_delivery(tmp_path: Path, adapter: str) -> None:
    config = configured(tmp_path, "BTC-29DEC34", adapter)

    require_undelivered(config, moment(29, 7))
    with pytest.raises(ConfigurationError) as refused:
        require_undelivered(config, moment(29, 8))

    assert refused.value.exit_code == 78
    assert str(refused.value).endswith(
        "strategies[0].instrument: 'BTC-29DEC34' is not allowed, it was delivered on 29 December 2034 at 08:00 UTC"
    )


def test_what_never_ends_is_not_refused(tmp_path: Path) -> None:
    require_undelivered(configured(tmp_path, "ETH-PERPETUAL"), time.time_ns())


def test_check_refuses_what_was_delivered(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="it was delivered on 27 September 2024"):
        check(configured(tmp_path, "BTC-27SEP24"))


FAILING = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Failing:
    def quote(self, view):
        raise ValueError("no idea")
"""


def test_a_strategy_that_fails_is_no_reason_not_to_begin_and_the_doctor_says_so(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    head = PAPER.read_text().partition("strategies:")[0]
    entry = '{id: core, strategy: "failing.py:Failing", venue: deribit, instrument: BTC-PERPETUAL}'
    (tmp_path / "desk.yaml").write_text(f"{head}strategies: [{entry}]\n")
    config = load(tmp_path / "desk.yaml")

    require_offered(config)

    found = {(finding.about, finding.check): finding for finding in doctor(config, lambda _: None)}
    levels = found["core on deribit/BTC-PERPETUAL", "levels"]
    assert (levels.light, levels.found) == (Light.AMBER, "it fails when it is asked: ValueError: no idea")
