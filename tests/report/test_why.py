"""Every price that a simulated desk sent follows from the numbers that `why` prints, whatever the strategy."""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import prod
from pathlib import Path

import msgspec
import pytest
import yaml
from sqlalchemy import select

from replenisher.config import load
from replenisher.report.why.page import why_page
from replenisher.report.why.telling import read_story
from replenisher.simulate.rows import SimulatedDatabase, database_in
from replenisher.simulate.run import START, live
from replenisher.simulate.swarm import Cue, Plan
from replenisher.simulate.world import World
from replenisher.store import tables
from replenisher.wiring.simulation import SHIPPED, scene_of

MODEL = {"size_unit": "quote", "order_amount": 1000, "order_levels": 3, "level_spacing_bps": 4}
LEANING = {"inventory": {"skew": "both", "skew_factor": 0.5}}
GUARDED = {
    "maker_fee_bps": 0.1,
    "min_profit_bps": 6,
    "keep_place": {"within_bps": 5, "horizon_s": 20, "queue_model": "risk_averse"},
    "refill": {
        "mode": "per_level",
        "delay_s": 0,
        "partial_fill": "top_up",
        "min_fraction": 0.5,
        "hanging_pct": 0.2,
        "max_daily_buy_quote": 20_000,
        "toxicity": {
            "response": "widen",
            "widen_bps": 10,
            "horizon_s": 1,
            "window_s": 30,
            "fills_min": 1,
            "markout_bps_min": 1,
        },
    },
}
PURE = {"strategy": "pure_mm", **MODEL, "bid_spread_bps": 4, "ask_spread_bps": 5}
STRATEGIES = {
    "pure_mm": {**PURE, **LEANING, "min_spread_bps": 9, "price_floor": 60_000.5, "price_ceiling": 60_150.5},
    "avellaneda_stoikov": {
        "strategy": "avellaneda_stoikov",
        **MODEL,
        "gamma": 0.05,
        "sigma": {"value": 45},
        "k": {"value": 0.05},
        "horizon": "finite",
        "horizon_s": 60,
        "time_step_s": 1,
    },
    "glft": {
        "strategy": "glft",
        **MODEL,
        "gamma": 0.5,
        "sigma": {"value": 45},
        "a": {"value": 5},
        "k": {"value": 0.05},
        "min_spread_bps": 8,
    },
    "volatility_mm": {
        "strategy": "volatility_mm",
        **MODEL,
        **LEANING,
        "sigma": {"value": 20},
        "spread_factor": 0.5,
        "holding_s": 4,
        "max_spread_bps": 40,
    },
    "top_of_book": {"strategy": "top_of_book", **MODEL, **LEANING, "placement": "improve", "spread_bps": 3},
    "ping_pong": {"strategy": "ping_pong", **MODEL, "spread_bps": 4, "width_bps": 6},
    "liquidity_profile": {
        "strategy": "liquidity_profile",
        **LEANING,
        "spread_bps": 6,
        "bands": [
            {"within_pct": 0.1, "depth_quote": 2000, "levels": 2},
            {"within_pct": 0.3, "depth_quote": 4000, "levels": 2},
        ],
    },
    "guarded": {**PURE, **LEANING, **GUARDED},
    "of one leg": {
        **PURE,
        "fair_value": {
            "source": "composite",
            "legs": [
                {"venue": "deribit", "instrument": "BTC-PERPETUAL"},
                {"venue": "deribit", "instrument": "BTC-PERPETUAL", "of": "index", "max_age_ms": 1},
            ],
            "outlier_bps": 20,
            "min_legs": 2,
            "degraded": "widen",
            "widen_bps": 3,
        },
    },
}
ALWAYS = {"spread", "clamp", "rounding"}
STAGES = {
    "pure_mm": {"skew", "bound"},
    "avellaneda_stoikov": {"skew", "half"},
    "glft": {"skew", "half"},
    "volatility_mm": {"skew", "half"},
    "top_of_book": {"skew", "half", "improve"},
    "ping_pong": {"half", "pong"},
    "liquidity_profile": {"skew"},
    "guarded": {"skew", "cut"},
    "of one leg": {"too"},
}
NUMBER = r"-?[0-9.]+(?:e-?[0-9]+)?"
STAGE = re.compile(rf"\s+\S.*? ([-+]|at|not above|not below|down to|up to) ({NUMBER}.*) = ({NUMBER})$")
FAIR = re.compile(rf"\s+fair value +({NUMBER}) ")
CUT = re.compile(rf"\s+cut .*: leaves \S+ at ({NUMBER})$")
SENT_MIN = 250
OF_FAIR = " bps of fair value"


def desk(directory: Path, **section: object) -> Path:
    """The desk that is simulated, with another strategy."""
    content = yaml.safe_load(SHIPPED.read_text())
    (core,) = content["strategies"]
    kept = ("id", "venue", "instrument", "refill", "max_order_age_s", "amend")
    content["strategies"] = [{name: core[name] for name in kept} | {"order_refresh_tolerance_bps": 0.2} | section]
    content["risk"] |= {"max_open_orders": 12, "max_position_quote": 10_000}
    file = directory / "desk.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def page(database: SimulatedDatabase, order_id: str) -> list[str]:
    """The story of an order, as lines."""
    story = database.read(lambda connection: read_story(connection, order_id))
    return why_page(msgspec.to_builtins(story)).splitlines()


class Sum:
    """Does a printed sum again, line by line. A price is a double until it meets a tick."""

    def __init__(self) -> None:
        self.fair = 0.0
        self.price: float | Decimal = 0.0
        self.sent: list[Decimal] = []
        self.stages: set[str] = set()

    def read(self, line: str) -> None:
        if given := FAIR.match(line):
            self.fair = self.price = float(given[1])
        elif left := CUT.match(line):
            self.price = Decimal(left[1])
            self.stages.add("cut")
        elif line.split()[0] == "sent":
            assert Decimal(line.split()[2]) == self.price
            self.sent.append(Decimal(line.split()[2]))
        elif stage := STAGE.match(line):
            self._go_on(stage[1], stage[2])
            assert str(self.price) == stage[3], line
            self.stages.add(line.split()[0])

    def _go_on(self, does: str, numbers: str) -> None:
        match does:
            case "-" | "+":
                amount = self._amount(numbers)
                self.price = float(self.price) - amount if does == "-" else float(self.price) + amount
            case "at":
                self.price = float(numbers.split()[0])
            case "not above":
                self.price = min(self.price, float(numbers.split()[0]))
            case "not below":
                self.price = max(self.price, float(numbers.split()[0]))
            case _:
                tick = Decimal(numbers.split()[0])
                rounding = ROUND_FLOOR if does == "down to" else ROUND_CEILING
                self.price = (Decimal(repr(self.price)) / tick).to_integral_value(rounding) * tick

    def _amount(self, numbers: str) -> float:
        if numbers.endswith(OF_FAIR):
            return self.fair * float(numbers.removesuffix(OF_FAIR)) / 10_000
        return prod(float(factor.split()[0]) for factor in numbers.split(" * "))


def asked_for(database: SimulatedDatabase) -> dict[str, list[Decimal]]:
    """By order, the price of each place and amend, in the order in which they were sent."""
    requests = tables.requests.c
    query = select(requests.order_id, requests.price).where(requests.kind.in_(["place", "amend"]))
    prices: dict[str, list[Decimal]] = {}
    for order_id, price in database.read(lambda found: found.execute(query.order_by("epoch", "step", "index")).all()):
        prices.setdefault(order_id, []).append(price)
    return prices


def those_that_ended(database: SimulatedDatabase) -> list[str]:
    orders = tables.orders.c
    query = select(orders.order_id).where(orders.status.in_(["filled", "canceled"]))
    return list(database.read(lambda found: found.execute(query).scalars()))


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_numbers_that_are_printed_lead_to_every_price_that_was_sent(name: str, tmp_path: Path) -> None:
    config = load(desk(tmp_path, **STRATEGIES[name]))
    with database_in(tmp_path) as database:
        world = World(scene_of(config), seed=5, at=START, directory=tmp_path / "journal", database=database)
        world.run(90)
        while sum(map(len, asked_for(database).values())) < SENT_MIN:
            world.run(30)
        assert world.stop() == "exit 0"
        prices = asked_for(database)

        stages: set[str] = set()
        for order_id, sent in prices.items():
            working = Sum()
            for line in page(database, order_id):
                working.read(line)
            assert working.sent == sent, order_id
            stages |= working.stages

    assert stages == ALWAYS | STAGES[name]


def test_whatever_goes_wrong_every_order_has_its_story(tmp_path: Path) -> None:
    lost = [Cue(fault=fault, after_s=5.0, nth=nth) for fault in ("answer lost", "word lost") for nth in (1, 9, 20)]
    bad_day = Plan(script=(*lost, Cue(fault="killed", after_s=30), Cue(fault="cut", after_s=60, connection="trading")))
    with database_in(tmp_path) as database:
        scene = scene_of(load(SHIPPED))
        world = World(scene, seed=3, at=START, directory=tmp_path / "journal", database=database, plan=bad_day)
        world.run(25)
        ended = {order_id: page(database, order_id) for order_id in those_that_ended(database)}
        live(world, 65)
        prices = asked_for(database)

        told: set[str] = set()
        for order_id, sent in prices.items():
            story = database.read(lambda connection, order_id=order_id: read_story(connection, order_id))
            asked = [event for event in story.events if event.what in ("placed", "amended")]
            assert [event.price for event in asked] == sent
            assert all(event.shown is not None and event.shown.agrees for event in asked)
            assert all("decided nothing" not in event.told for event in story.events)
            told |= {event.what for event in story.events}

        assert ended
        assert {order_id: page(database, order_id) for order_id in ended} == ended
    assert told >= {"placed", "amended", "kept", "asked", "cancel", "filled", "life", "ended"}
