"""One life, as a check may look at it: what it claims to know and what it knows are of the same moment."""

import json
from pathlib import Path

from replenisher.config import load
from replenisher.simulate.run import START
from replenisher.simulate.world import World
from replenisher.venues.deribit.venue import MARKET
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.simulate.story import KEY, NAME

BID = 1  # tick; nobody else bids so little


def test_a_book_is_not_said_to_be_as_of_a_change_before_the_turn_that_brings_it_there(tmp_path: Path) -> None:
    world = World(scene_of(load(SHIPPED)), seed=1, at=START, directory=tmp_path / "journal")
    world.run(20)
    life = world.life
    before = life.change_id(KEY)
    assert before is not None
    (instrument,) = (each.instrument for each in world.exchange.views.instruments() if each.instrument.name == NAME)
    change = {
        "type": "change",
        "timestamp": world.at // 1_000_000,
        "instrument_name": NAME,
        "change_id": before + 1,
        "prev_change_id": before,
        "bids": [["new", float(instrument.price(BID)), 10.0]],
        "asks": [],
    }
    notification = {"channel": f"book.{NAME}.raw", "data": change}

    life.received(MARKET, json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": notification}))

    assert life.change_id(KEY) is None
    assert BID not in life.book(KEY).bids.quantities

    world.run(0)

    assert life.change_id(KEY) == before + 1
    assert BID in life.book(KEY).bids.quantities
