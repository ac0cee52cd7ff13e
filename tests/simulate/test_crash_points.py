"""A daemon dies in the middle of something, and the next life on its files finds everything, quotes, and ends flat.

Here at a share of the moments of each scenario, another one for each way of dying; `make crash-points` takes them all.
"""

from collections import Counter

import pytest

from replenisher.config import load
from replenisher.exchange.ledger import Amended, Closed, Order, Record, Trade
from replenisher.model.event import JournalBlocked, JournalFreed
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection
from replenisher.simulate.crash_points import DEATHS, SCENARIOS, Death, Scenario, die, moments_of
from replenisher.simulate.moments import KINDS
from replenisher.simulate.run import START
from replenisher.wiring.simulation import SHIPPED, scene_of

SAFE = DEATHS[-1]  # each record is synced: every kind of moment is in it
EVERY = 43  # prime, so that what comes round in a scenario is met at each of its places
HAPPENS = {
    "start and first quotes": {"Order": 6},
    "fill and refill": {"Trade": 1, "Order": 1},
    "burst of amends": {"Amended": 6},
    "cancel all and stop": {"Closed": 6, "exit 0": 1, "began": 1},
    "reconnect with sync": {"disconnected": 1, "asks for its orders": 1, "Order": 1},
    "start after a death": {"began": 1, "asks for its orders": 1, "Order": 1},
    "adoption": {"began": 1, "asks for its orders": 1, "Trade": 1, "Amended": 1, "Order": 1},
    "sync that fails": {"JournalBlocked": 1, "Closed": 1, "JournalFreed": 1, "Order": 1},
    "segment without a name": {"JournalBlocked": 1, "Trade": 1, "Closed": 6, "JournalFreed": 1, "Order": 6},
}


def listener(since: int) -> tuple[type[Check], Counter[str]]:
    """A check that objects to nothing, and what it counts of our account from then on."""
    counts: Counter[str] = Counter()

    class Happens(Check):
        name = "happens"

        def recorded(self, record: Record) -> Objection:
            if isinstance(record, Order | Trade | Amended | Closed):
                self._note(type(record).__name__)
            return None

        def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
            if "get_open_orders" in frame:
                self._note("asks for its orders")
            return None

        def stepped(self, daemon: Daemon, step: Step) -> Objection:
            for event in step.events:
                if isinstance(event, JournalBlocked | JournalFreed):
                    self._note(type(event).__name__)
            return None

        def disconnected(self, daemon: Daemon, connection: str) -> Objection:
            self._note("disconnected")
            return None

        def began(self, daemon: Daemon) -> Objection:
            self._note("began")
            return None

        def ended(self, daemon: Daemon, how: str) -> Objection:
            self._note(how)
            return None

        def _note(self, what: str) -> None:
            if self.oracle.at >= since:
                counts[what] += 1

    return Happens, counts


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_is_what_its_name_says(scenario: Scenario) -> None:
    happens, counts = listener(START + round(scenario.begins_s * SECOND_NS))

    moments = moments_of(scene_of(load(SHIPPED)), scenario, SAFE, [happens])

    assert 100 <= len(moments) <= 400
    assert {what: counts[what] for what, least in HAPPENS[scenario.name].items() if counts[what] < least} == {}


def test_between_them_they_have_moments_of_every_kind() -> None:
    scene = scene_of(load(SHIPPED))

    assert {kind for each in SCENARIOS for kind in moments_of(scene, each, SAFE).values()} == set(KINDS)


@pytest.mark.parametrize("death", DEATHS, ids=str)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_whoever_dies_there_is_followed_by_a_life_that_finds_everything(scenario: Scenario, death: Death) -> None:
    scene = scene_of(load(SHIPPED))
    numbers = list(moments_of(scene, scenario, death))[DEATHS.index(death) * EVERY // len(DEATHS) :: EVERY]

    wrong = [sentence for number in numbers if (sentence := die(scene, scenario, death, number))]

    assert numbers
    assert wrong == []
