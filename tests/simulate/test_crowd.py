"""A hundred instruments on one account: what the venue is asked does not grow with them, at a start nor at a stop."""

import re
from collections import Counter
from pathlib import Path

import yaml

from replenisher.config import load
from replenisher.core.stopping import STOP_NS_MAX
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.run import START
from replenisher.simulate.swarm import Cue
from replenisher.simulate.world import World
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.kit import script

DAYS, MONTHS = range(1, 26), ("MAR", "JUN", "SEP", "DEC")
NAMES = [f"BTC-{day}{month}27" for month in MONTHS for day in DAYS]
METHOD = re.compile('"method":"([^"]+)"')


class Asked(Check):
    """No check: it counts what reached the venue, and knows when the first order did."""

    name = "asked"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.methods: Counter[str] = Counter()
        self.first_order_at = 0

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """One frame."""
        if (method := METHOD.search(frame)) is not None:
            self.methods[method[1]] += 1
            if method[1] in ("private/buy", "private/sell"):
                self.first_order_at = self.first_order_at or self.oracle.at
        return None


def crowd(directory: Path, *cues: Cue) -> tuple[World, Asked]:
    """The shipped configuration, with a strategy of its kind on each of a hundred futures of a slow market."""
    found = yaml.safe_load(SHIPPED.read_text())
    (strategy,) = found["strategies"]
    found["strategies"] = [strategy | {"id": name.lower(), "instrument": name} for name in NAMES]
    found["exchange"] |= {"market": {"source": "synthetic", "time_scale": 0.5}, "rate": {"per_s": 100, "burst": 3000}}
    found["exchange"]["instruments"] = {name: {} for name in NAMES}
    found["venues"]["deribit"] |= {"rate_limit_per_s": 100, "rate_limit_burst": 3000}
    found["risk"] |= {"max_open_orders": found["risk"]["max_open_orders"] * len(NAMES), "max_data_age_ms": 10000}
    file = directory / "crowd.yaml"
    file.write_text(yaml.safe_dump(found))
    kept: list[Asked] = []

    class Kept(Asked):
        def __init__(self, oracle: Oracle) -> None:
            super().__init__(oracle)
            kept.append(self)

    world = World(scene_of(load(file)), seed=3, at=START, directory=directory, plan=script(*cues), checks=[Kept])
    return world, kept[0]


def test_a_hundred_instruments_are_quoted_soon_and_a_stop_is_verified_flat_by_one_question(tmp_path: Path) -> None:
    world, asked = crowd(tmp_path)
    world.run(10)
    quoted = {order.instrument for order in world.exchange.views.open_orders(world.account)}
    at_start = Counter(asked.methods)
    asked.methods.clear()

    stopped_at = world.at
    ending = world.stop()

    assert quoted == set(NAMES)
    assert asked.first_order_at - START < 5 * SECOND_NS
    assert at_start["private/get_open_orders"] <= 3
    assert at_start["private/get_positions"] <= 3
    assert at_start["private/get_user_trades_by_currency_and_time"] <= 5
    assert ending == "exit 0"
    assert world.at - stopped_at < STOP_NS_MAX
    assert asked.methods["private/get_open_orders"] == 1
    assert asked.methods["private/get_positions"] == asked.methods["private/get_account_summary"] == 1, "a last look"
    assert set(asked.methods) <= {
        "private/cancel",
        "private/get_account_summary",
        "private/get_positions",
        "private/get_open_orders",
        "private/get_transaction_log",
        "public/test",
    }
    assert world.exchange.views.open_orders(world.account) == []


def test_a_lost_connection_costs_a_hundred_instruments_seconds(tmp_path: Path) -> None:
    world, asked = crowd(tmp_path, Cue(fault="cut", after_s=6.0))
    world.run(6)
    asked.methods.clear()

    world.run(9)

    quoted = {order.instrument for order in world.exchange.views.open_orders(world.account)}
    assert world.befell["cut"] == 1
    assert asked.methods["private/get_order_history_by_currency"] == 1, "all its orders were in doubt"
    assert asked.methods["private/get_order_state_by_label"] < 10
    assert quoted == set(NAMES)
