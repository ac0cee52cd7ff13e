"""A desk that trades spot as well: what it buys there is a balance and no position, and both books add it up alike."""

from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.simulate.checks import ALL, money
from replenisher.simulate.run import Outcome, run
from replenisher.simulate.swarm import NO_FAULTS
from replenisher.wiring.simulation import SHIPPED, scene_of

SPOT = "BTC_USDC"


def day_on_spot(room: Path) -> Outcome:
    """A short one on which something is traded."""
    text = SHIPPED.read_text().replace("instrument: BTC-PERPETUAL", f"instrument: {SPOT}")
    assert SPOT in text
    funds = f'{{BTC: "10", USDC: "500000"}}\n  instruments: {{{SPOT}: {{}}}}\n'
    (room / "spot.yaml").write_text(text.replace('{BTC: "10"}\n', funds))
    return run(scene_of(load(room / "spot.yaml")), seed=1, minutes=2, plan=NO_FAULTS, checks=ALL)


def test_what_is_bought_on_spot_is_money_in_both_books(tmp_path: Path) -> None:
    assert day_on_spot(tmp_path).violation is None


def test_money_that_spot_would_not_move_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(money, "_swap", lambda *_: None)

    found = day_on_spot(tmp_path).violation

    assert found is not None
    assert (found.invariant, "the ledger adds up to" in found.sentence) == ("S15", True)
