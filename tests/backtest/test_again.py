import json
import os
import shutil
from pathlib import Path

import pytest

from replenisher.backtest.again import again
from replenisher.config import load
from replenisher.errors import ConfigurationError
from replenisher.simulate.faults import NAMES
from replenisher.simulate.run import START
from replenisher.simulate.swarm import drawn
from replenisher.simulate.world import World
from replenisher.store.segments import segments, whole_records
from replenisher.wiring.setup import setup_of
from replenisher.wiring.simulation import SHIPPED, scene_of
from tests.backtest.given import CONFIGS
from tests.stories.desk import Desk

EVERY_STEP = {"journal": {"market_data": True}}


def silence(_: str) -> None:
    """Nobody wants to know how far it is."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A paper daemon that has traded for two lives and kept every step."""
    room = tmp_path_factory.mktemp("again")
    config = room / "paper.yaml"
    config.write_text((CONFIGS / "paper.yaml").read_text().replace("market_data: false", "market_data: true"))
    desk = Desk(room, config)
    for _ in range(2):
        life = desk.run("--duration", "5")
        assert (life.code, life.stderr) == (0, "")
    return desk


def test_the_journal_of_a_paper_daemon_gives_its_commands_again(desk: Desk) -> None:
    ended = desk.command("replay", desk.config, "--journal", desk.data / "journal", "--json")

    found = json.loads(ended.stdout)
    assert ended.code == 0
    assert (found["difference"], found["lives"], found["left_out"], found["torn_bytes"]) == (None, 2, 0, 0)
    assert found["commands"] > 50


def test_of_a_step_that_was_torn_off_it_is_told_how_many_bytes_were_left_out(desk: Desk, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(desk.data / "journal", tmp_path / "journal"))
    last = segments(directory)[-1]
    (*_, (_, begins), (_, ends)) = whole_records(last)
    os.truncate(last.path, ends - 1)

    found = again(directory, setup_of(load(desk.config)), silence)

    assert (found.difference, found.lives, found.torn_bytes) == (None, 2, ends - 1 - begins)


def test_another_configuration_differs_and_it_is_told_where(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(desk.config.read_text().replace("order_amount: 1000", "order_amount: 1010"))

    ended = desk.command("replay", other, "--journal", desk.data / "journal", "--json")

    difference = json.loads(ended.stdout)["difference"]
    assert ended.code == 1
    assert (difference["recorded"]["type"], difference["now"]["type"]) == ("PlaceOrder", "PlaceOrder")
    assert difference["recorded"]["quantity"] != difference["now"]["quantity"]


def test_the_journal_of_another_desk_is_refused(desk: Desk) -> None:
    setup = setup_of(load(desk.config, {"namespace": "xyz"}))

    with pytest.raises(ConfigurationError, match="the journal is of namespace rpl on deribit"):
        again(desk.data / "journal", setup, silence)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_journal_of_a_day_on_which_everything_went_wrong_gives_its_commands_again(seed: int, tmp_path: Path) -> None:
    config = load(SHIPPED, EVERY_STEP)
    world = World(scene_of(config), seed=seed, at=START, directory=tmp_path, plan=drawn(seed, NAMES))
    world.run(60)
    world.calm()
    world.run(10)
    world.stop()

    told: list[str] = []
    found = again(tmp_path, world.setup, told.append)

    assert found.difference is None
    assert found.steps > 300
    shares = [int(how_far.removesuffix("% of the journal")) for how_far in told]
    assert len(shares) >= found.lives and shares == sorted(shares) and (shares[0], shares[-1] < 100) == (0, True)


def test_a_journal_without_the_market_is_refused_with_the_step_that_is_missing(tmp_path: Path) -> None:
    config = load(SHIPPED)
    world = World(scene_of(config), seed=1, at=START, directory=tmp_path)
    world.run(20)
    world.stop()

    with pytest.raises(ConfigurationError, match=r"step \d+ is not there, only with journal.market_data: true"):
        again(tmp_path, setup_of(config), silence)


def test_where_there_is_no_journal_it_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no journal"):
        again(tmp_path, setup_of(load(SHIPPED)), silence)
