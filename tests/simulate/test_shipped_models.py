"""The shipped examples of models, on virtual time: they wait until the market has told enough, and quote by it."""

from math import ceil, floor
from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.model.order import Side
from replenisher.model.step import Decision, Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.checks import ALL
from replenisher.simulate.court import Check, Daemon, Oracle
from replenisher.simulate.run import START
from replenisher.simulate.world import World
from replenisher.wiring.offered import require_offered
from replenisher.wiring.simulation import scene_of

CONFIGS = Path(__file__).parents[2] / "configs"
TICK = 0.5


class Witness(Check):
    """Sees every decision."""

    name = "witness"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.decisions: list[tuple[int, Decision]] = []

    def stepped(self, daemon: Daemon, step: Step) -> None:
        self.decisions += [(step.at, decision) for decision in step.decisions]


@pytest.mark.parametrize(
    ("name", "centre", "measured"),
    [("glft", "centre", {"sigma", "a", "k"}), ("avellaneda_stoikov", "reservation", {"sigma"})],
)
def test_an_example_quotes_by_what_it_measures(name: str, centre: str, measured: set[str], tmp_path: Path) -> None:
    config = load(CONFIGS / f"{name}.yaml")
    require_offered(config)
    world = World(scene_of(config), seed=1, at=START, directory=tmp_path / "journal", checks=[*ALL, Witness])

    world.run(40)

    (witness,) = (check for check in world.checks if isinstance(check, Witness))
    quoting = [(at, decision) for at, decision in witness.decisions if decision.wanted]
    assert quoting[0][0] - START > 20 * SECOND_NS  # so many samples a volatility takes
    assert len(quoting) > 100
    for _, decision in quoting:
        terms = decision.terms
        assert {f"{each}_measured" for each in measured} <= set(terms)
        bids, asks = (
            [quote.price for quote in decision.wanted if quote.side is side] for side in (Side.BUY, Side.SELL)
        )
        assert (len(bids), len(asks)) == (3, 3)
        bid = min(terms[centre] - terms["half_spread"], terms["fair_value"])
        ask = max(terms[centre] + terms["half_spread"], terms["fair_value"])
        assert (bids[0], asks[0]) == (floor(bid / TICK), ceil(ask / TICK))
    assert world.stop() == "exit 0"
    assert world.court.violations == []


def test_a_finite_horizon_comes_nearer_by_the_clock(tmp_path: Path) -> None:
    text = (CONFIGS / "avellaneda_stoikov.yaml").read_text()
    finite = text.replace("horizon: rolling", "time_step_s: 1\n    horizon: finite")
    assert finite.count("horizon_s: 60") == 1
    (tmp_path / "finite.yaml").write_text(finite)
    scene = scene_of(load(tmp_path / "finite.yaml"))
    world = World(scene, seed=1, at=START, directory=tmp_path / "journal", checks=[Witness])

    world.run(90)

    (witness,) = (check for check in world.checks if isinstance(check, Witness))
    left_s = {at: decision.terms["left_s"] for at, decision in witness.decisions if decision.wanted}
    assert left_s == {at: 60 - at // SECOND_NS % 60 for at in left_s}
    assert len(set(left_s.values())) > 50  # in some seconds nothing had to be moved
