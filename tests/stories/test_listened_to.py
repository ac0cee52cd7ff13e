"""A desk whose fair value goes by a second exchange, on which it quotes nothing: it only listens there, in public."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.desk import PAPER, Desk, Process, resting

TOO_FEW = {"core": "fair value: 1 of 3 legs is fresh, 3 are needed"}
FAIR_VALUE = """
    fair_value:
      source: composite
      legs:
        - {venue: deribit, instrument: BTC-PERPETUAL, weight: 1000}
        - {venue: elsewhere, instrument: BTC-PERPETUAL, max_age_ms: 2000}
        - {venue: elsewhere, instrument: BTC-PERPETUAL, max_age_ms: 2000, of: index}
      outlier_bps: 1000
      min_legs: 3
"""


def written(room: Path, url: str, adapter: str) -> Path:
    """The shipped desk, with a second venue to which no key is known."""
    text = PAPER.read_text()
    assert text.count("    fair_value: {source: mid}\n") == text.count("venues:\n") == 1
    venue = f"venues:\n  elsewhere: {{adapter: {adapter}, url: {url!r}, api_key: nobody, api_secret: nothing}}\n"
    config = room / "desk.yaml"
    config.write_text(text.replace("    fair_value: {source: mid}\n", FAIR_VALUE[1:]).replace("venues:\n", venue))
    return config


@pytest.fixture(scope="module", autouse=True)
def unheard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A desk that nobody tells the second price, and that takes its time to say so: it begins before all others."""
    room = tmp_path_factory.mktemp("unheard")
    desk = Desk(room, written(room, "ws://127.0.0.1:9/ws/api/v2", "deribit"))
    with desk.running("run", desk.config) as daemon:
        yield daemon


@pytest.fixture(scope="module", autouse=True)
def unpriced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A desk whose only price is asked for where nobody listens; it takes its time as well."""
    room = tmp_path_factory.mktemp("unpriced")
    text = PAPER.read_text().replace("fair_value: {source: mid}", "fair_value: {source: http, http: desk}")
    config = room / "desk.yaml"
    config.write_text(f"price_sources: {{desk: {{url: 'http://127.0.0.1:9/', field: price, poll_ms: 200}}}}\n{text}")
    desk = Desk(room, config)
    with desk.running("run", desk.config) as daemon:
        yield daemon


@pytest.mark.parametrize("adapter", ["deribit", "ccxt, exchange: deribit"])
def test_it_quotes_while_it_hears_both_and_has_no_account_there(tmp_path: Path, adapter: str) -> None:
    other = Desk(tmp_path / "other")
    with other.exchange() as (_, url):
        desk = Desk(tmp_path, written(tmp_path, url, adapter))
        with desk.running("run", desk.config) as daemon:
            daemon.until("it quotes", lambda: resting(desk.ledger()))
            status = desk.answer("status")
            assert list(status["sync"]) == list(status["dead_man_switch"]) == ["deribit"]
            legs = ["deribit/BTC-PERPETUAL", "elsewhere/BTC-PERPETUAL", "index:elsewhere/BTC-PERPETUAL"]
            assert list(status["prices"]["core"]) == legs
            assert list(status["instruments"]) == ["deribit/BTC-PERPETUAL"]

            ended = daemon.stop()
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.summary["stop"]["verdict"] == "flat"
    assert [record for record in other.ledger() if record["type"] == "request"] == []
    desk.assert_books_agree()


def test_where_the_other_exchange_is_away_its_quotes_are_pulled_until_it_is_back(tmp_path: Path) -> None:
    other = Desk(tmp_path / "other")
    with other.exchange() as (exchange, url):
        desk = Desk(tmp_path, written(tmp_path, url, "deribit"))
        with desk.running("run", desk.config) as daemon:
            daemon.until("it quotes", lambda: resting(desk.ledger()))

            exchange.send(signal.SIGKILL)
            daemon.until("it has pulled its quotes", lambda: not resting(desk.ledger()))
            daemon.until("both of its legs are old", lambda: desk.answer("status")["not_quoting"] == TOO_FEW)
            assert desk.answer("status")["prices"]["core"]["elsewhere/BTC-PERPETUAL"] == "not fresh"

            with other.exchange(int(url.rpartition(":")[2].partition("/")[0])):
                daemon.until("it quotes again", lambda: resting(desk.ledger()))
                ended = daemon.stop()
    assert (ended.code, ended.summary["stop"]["verdict"]) == (0, "flat")
    desk.assert_books_agree()


def test_the_doctor_says_whether_it_is_heard(tmp_path: Path) -> None:
    other = Desk(tmp_path / "other")
    with other.exchange() as (_, url):
        desk = Desk(tmp_path, written(tmp_path, url, "deribit"))
        findings = json.loads(desk.command("doctor", desk.config, "--json").stdout)["findings"]

    about = [(each["check"], each["light"]) for each in findings if each["about"] == "elsewhere"]
    assert about == [("reachable", "green"), ("book", "green")]


def test_a_desk_that_needs_a_price_that_nobody_tells_says_so_and_ends(unheard: Process) -> None:
    ended = unheard.wait()

    assert ended.code == 75
    assert ended.stderr.startswith("replenisher: venue elsewhere tells no price after 20 s: ")
    assert "\n" not in ended.stderr.strip()


def test_a_desk_that_was_never_told_its_only_price_says_so_and_ends_flat(unpriced: Process) -> None:
    ended = unpriced.wait()

    assert ended.code == 75
    assert ended.stderr.startswith("replenisher: nothing to quote on after 20 s: http is not fresh: ")
    assert "\n" not in ended.stderr.strip()
    assert (ended.told[-1]["event"], ended.told[-1]["verdict"]) == ("stopped", "flat")
