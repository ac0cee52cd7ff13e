"""The comparison in the whole system: what no stream has told is found, and an empty answer is nothing to halt for."""

from pathlib import Path

from replenisher.config import load
from replenisher.core.absence import why_absent
from replenisher.model.command import Halt
from replenisher.model.event import Event, OrderFilled, PositionReported, TradesReported
from replenisher.model.step import Step
from replenisher.simulate.checks import ALL
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.run import START
from replenisher.simulate.swarm import Cue
from replenisher.simulate.world import World
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.kit import script


class Heard(Check):
    """No check: it keeps what the daemon was told of its fills and its position, and what it halted for."""

    name = "heard"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.events: list[Event] = []
        self.halts: list[Halt] = []

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """Keep it."""
        self.events += step.events
        self.halts += [command for command in step.commands if isinstance(command, Halt)]
        return None


def lived(directory: Path, seconds: float, *cues: Cue) -> tuple[World, Heard]:
    """A run of the shipped configuration in which this goes wrong."""
    scene = scene_of(load(SHIPPED))
    heard: list[Heard] = []

    class Kept(Heard):
        def __init__(self, oracle: Oracle) -> None:
            super().__init__(oracle)
            heard.append(self)

    world = World(scene, seed=3, at=START, directory=directory, plan=script(*cues), checks=[*ALL, Kept])
    world.run(seconds)
    return world, heard[0]


def test_positions_told_empty_halt_nothing_and_take_no_quote_away_for_long(tmp_path: Path) -> None:
    world, heard = lived(tmp_path, 120, *(Cue(fault="position empty", after_s=60 + 20 * n) for n in range(3)))

    position = world.exchange.views.position(world.account, world.instruments[0].partition("/")[2]).size
    wrong = [each for each in heard.events if isinstance(each, PositionReported) and each.amount == 0]
    state = world.life.engine.state

    assert world.befell["position empty"] == 3
    assert position != 0 and wrong, "an empty answer was a wrong one"
    assert heard.halts == []
    assert not [reason for setup in state.setup.strategies if (reason := why_absent(state, setup, world.at))]
    assert world.court.violations == []


def test_a_fill_whose_word_is_lost_is_booked_within_a_round(tmp_path: Path) -> None:
    world, heard = lived(tmp_path, 120, *(Cue(fault="word lost", after_s=20, nth=nth) for nth in range(1, 60, 2)))

    told = {each.trade_id for each in heard.events if isinstance(each, OrderFilled)}
    asked = {fill.trade_id for each in heard.events if isinstance(each, TradesReported) for fill in each.fills}
    booked = world.life.engine.state.account.remembered

    trades = list(world.exchange.views.trades(world.account, since=None, until=None, newest_first=False))
    due = {trade.trade_id for trade in trades if trade.at < world.at - 20 * 10**9}
    assert asked - told, "some were told by nobody"
    assert due <= {key.split("#")[1] for key in booked}
    assert world.court.violations == []
