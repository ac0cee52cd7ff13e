"""What is refused before anything starts, because the venue could not have it."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

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


def written(tmp_path: Path, **keys: object) -> Config:
    """Paper trading with other keys of its strategy; two levels of 1,000 a side 8 and 12 bps from the mid."""
    content = yaml.safe_load(PAPER.read_text())
    content["strategies"][0] |= {"order_levels": 2, "inventory": {"skew": "none"}} | keys
    file = tmp_path / "owed.yaml"
    file.write_text(yaml.safe_dump(content))
    return load(file)


def owed(spread_bps: float, depth_quote: int) -> dict[str, object]:
    return {"max_spread_bps": spread_bps, "min_depth_quote": depth_quote, "min_uptime_pct": 90}


@pytest.mark.parametrize(
    ("keys", "lacking"),
    [
        ({"obligations": owed(16.1, 1000)}, ""),
        ({"obligations": owed(15.9, 1000)}, "the spread is too wide: 16.00 bps, and 15.9 are owed"),
        ({"obligations": owed(16.1, 2000)}, "the spread is too wide: 24.00 bps, and 16.1 are owed"),
        ({"obligations": owed(24.1, 2000)}, ""),
        ({"obligations": owed(100, 2010)}, "too little rests on the bid: 2000.00 of 2010.00"),
        ({"obligations": owed(40, 1000), "min_spread_bps": 50}, "the spread is too wide: 50.00 bps, and 40 are owed"),
        ({"obligations": owed(100, 1000), "price_ceiling": 1000}, "no bid rests"),
        ({"obligations": owed(100, 2000), "risk": {"max_order_quote": 500}}, "no bid rests"),
        (
            {"obligations": owed(100, 2000), "risk": {"price_collar_bps": 10}},
            "too little rests on the bid: 1000.00 of 2000.00",
        ),
    ],
)
def test_what_a_ladder_at_rest_does_not_meet_is_refused_before_anything_starts(
    tmp_path: Path, keys: dict[str, object], lacking: str
) -> None:
    config = written(tmp_path, **keys)
    if not lacking:
        assert check(config)["strategies"]
        return

    with pytest.raises(ConfigurationError) as refused:
        check(config)

    assert refused.value.exit_code == 78
    told = str(refused.value)
    assert told.endswith(f"owed.yaml: strategies[0].obligations cannot be met, not even at rest: {lacking}")


def test_what_is_met_only_once_a_target_is_held_is_not_refused(tmp_path: Path) -> None:
    leaning = {"skew": "size", "skew_factor": 1.0, "target_quote": -50_000}  # until then no bid is wanted
    config = written(tmp_path, obligations=owed(30, 1000), inventory=leaning)

    assert check(config)["strategies"]


def mirrored(tmp_path: Path, outer_ask: int, mode: str) -> Config:
    """Two bids of 1,000, and two asks of which the outer one is of another size; a contract is 10 USD."""
    content = yaml.safe_load(PAPER.read_text())
    counted = ("order_levels", "bid_spread_bps", "ask_spread_bps", "level_spacing_bps", "order_amount")
    plain = {key: value for key, value in content["strategies"][0].items() if key not in counted}
    bids, asks = ([{"spread_bps": 8, "amount": 1000}, {"spread_bps": 12, "amount": size}] for size in (1000, outer_ask))
    custom = {"size_curve": "custom", "bid_levels": bids, "ask_levels": asks, "refill": {"mode": mode}}
    content["strategies"] = [plain | custom]
    file = tmp_path / "mirrored.yaml"
    file.write_text(yaml.safe_dump(content))
    return load(file)


def test_a_level_whose_mirror_is_too_small_to_stand_is_refused_where_it_would_wait_for_that(tmp_path: Path) -> None:
    assert check(mirrored(tmp_path, 5, "per_level"))["strategies"]
    assert check(mirrored(tmp_path, 10, "opposite_side"))["strategies"]

    with pytest.raises(ConfigurationError) as refused:
        check(mirrored(tmp_path, 5, "opposite_side"))

    assert refused.value.exit_code == 78
    assert str(refused.value).endswith(
        "mirrored.yaml: strategies[0].refill.mode: 'opposite_side' is not allowed, "
        "asks 1 would be below the venue's minimum, so that what mirrors them would never come back"
    )


def profiled(tmp_path: Path, within_pct: float, levels: int, **keys: object) -> Config:
    content = yaml.safe_load(PAPER.read_text())
    kept = {key: content["strategies"][0][key] for key in ("id", "venue", "instrument")}
    bands = [{"within_pct": within_pct, "depth_quote": 10_000, "levels": levels}]
    content["strategies"] = [kept | {"strategy": "liquidity_profile", "bands": bands, "spread_bps": 10} | keys]
    file = tmp_path / "profile.yaml"
    file.write_text(yaml.safe_dump(content))
    return load(file)


def test_bands_of_which_the_grid_takes_too_much_are_refused(tmp_path: Path) -> None:
    assert check(profiled(tmp_path, 1, 10))["strategies"]

    with pytest.raises(ConfigurationError) as refused:
        check(profiled(tmp_path, 1, 50))  # of 200 USD each, rounded down to lots of 10

    assert refused.value.exit_code == 78
    told = str(refused.value)
    assert told.endswith("would stand on the bid")
    assert "profile.yaml: strategies[0].bands cannot be met, not even at rest: " in told


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
