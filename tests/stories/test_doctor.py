"""The doctor as an operator calls it: on the exchange that `run` would start, and on one with an address."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from replenisher.live.control import SOCKET
from tests.stories.desk import PAPER, Desk, Ended, Record, contents

URL = "REPLENISHER_VENUES__DERIBIT__URL"
ORDERS = ("private/buy", "private/sell", "private/edit", "private/cancel")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An exchange with an address of its own, and its books."""
    desk = Desk(tmp_path_factory.mktemp("exchange"))
    with desk.running("exchange", "--ledger", desk.ledger_file) as process:
        process.until("it listens", process.lines)
        yield json.loads(process.lines()[0])["url"], desk.ledger_file


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "room")


def look(desk: Desk, **variables: str) -> Ended:
    return desk.command("doctor", desk.config, "--json", **variables)


def findings(ended: Ended) -> dict[str, Record]:
    """What was found, by what was looked at."""
    assert ended.stderr == ""
    return {finding["check"]: finding for finding in json.loads(ended.stdout)["findings"]}


def lights(ended: Ended) -> dict[str, str]:
    return {check: finding["light"] for check, finding in findings(ended).items()}


def written(desk: Desk, old: str, new: str) -> None:
    text = desk.config.read_text()
    assert old in text, f"{old!r} is not in {desk.config.name}"
    desk.config = desk.room / "desk.yaml"
    desk.config.write_text(text.replace(old, new, 1))


def test_what_is_shipped_is_healthy_and_the_look_leaves_nothing_behind(desk: Desk) -> None:
    ended = look(desk)

    assert ended.code == 0
    assert set(lights(ended).values()) == {"green"}
    assert findings(ended)["limits and funds"]["found"].startswith("10 of 10 levels may be shown")
    assert findings(ended)["balances"]["found"] == "10 BTC"
    assert findings(ended)["reachable"]["found"].startswith("an exchange started for this look answers in")
    assert contents(desk.data) is None


def test_an_exchange_with_an_address_is_asked_over_the_wire_and_gets_no_order(
    desk: Desk, exchange: tuple[str, Path]
) -> None:
    url, ledger = exchange

    ended = look(desk, **{URL: url})

    assert ended.code == 0
    assert set(lights(ended).values()) == {"green"}
    assert findings(ended)["reachable"]["found"].startswith(url)
    assert not [line for line in ledger.read_text().splitlines() if any(method in line for method in ORDERS)]


def test_a_venue_through_ccxt_is_heard_by_its_session(desk: Desk, exchange: tuple[str, Path]) -> None:
    written(desk, "    adapter: deribit\n", "    adapter: ccxt\n    exchange: deribit\n")

    ended = look(desk, **{URL: exchange[0]})

    assert ended.code == 0
    amber = {check for check, light in lights(ended).items() if light != "green"}
    assert amber == {"key", "cancel-on-disconnect", "rate limit", "price band"}
    assert findings(ended)["balances"]["found"] == "10 BTC"
    assert findings(ended)["limits and funds"]["found"].startswith("10 of 10 levels may be shown")


def test_the_page_ends_with_the_verdict(desk: Desk, exchange: tuple[str, Path]) -> None:
    ended = desk.command("doctor", desk.config, **{URL: exchange[0]})

    assert ended.stdout.splitlines()[-1] == " green: ready to trade (17 green)"
    assert all(len(line) <= 80 for line in ended.stdout.splitlines())
    assert len(ended.stdout.splitlines()) <= 22, "it fits on a terminal of 24 lines"
    assert (ended.code, ended.stderr) == (0, "")


def test_a_venue_that_does_not_answer_is_75_and_said_so(desk: Desk) -> None:
    ended = look(desk, **{URL: "ws://127.0.0.1:1/ws/api/v2"})

    assert ended.code == 75
    assert lights(ended)["reachable"] == "red"
    assert "http://127.0.0.1:1/api/v2 cannot be reached" in findings(ended)["reachable"]["found"]
    assert lights(ended)["database"] == "green"


def test_through_ccxt_it_is_said_as_well_why_nobody_answers(desk: Desk) -> None:
    written(desk, "    adapter: deribit\n", "    adapter: ccxt\n    exchange: deribit\n")

    ended = look(desk, **{URL: "ws://127.0.0.1:1/ws/api/v2"})

    assert ended.code == 75
    assert findings(ended)["reachable"]["found"].startswith("ExchangeNotAvailable: ")


def test_through_ccxt_an_instrument_that_is_not_offered_is_the_reason_and_nothing_else_is_blamed(
    desk: Desk, exchange: tuple[str, Path]
) -> None:
    written(desk, "    adapter: deribit\n", "    adapter: ccxt\n    exchange: deribit\n")
    written(desk, "instrument: BTC-PERPETUAL", "instrument: ETH-PERPETUAL")

    ended = look(desk, **{URL: exchange[0]})

    red = {check for check, light in lights(ended).items() if light == "red"}
    assert (ended.code, red) == (1, {"session", "instrument"})
    assert findings(ended)["session"]["found"].startswith("ETH-PERPETUAL: not offered")


def test_a_key_that_the_venue_does_not_know_is_red_and_its_secret_is_not_told(
    desk: Desk, exchange: tuple[str, Path]
) -> None:
    keys = {"REPLENISHER_VENUES__DERIBIT__API_KEY": "me", "REPLENISHER_VENUES__DERIBIT__API_SECRET": "hunter2"}

    ended = look(desk, **{URL: exchange[0]}, **keys)

    assert ended.code == 1
    assert findings(ended)["key"]["found"] == "the login is refused: 13004 invalid_credentials"
    assert "hunter2" not in ended.stdout


def test_a_key_that_may_only_read_is_red_and_what_it_may_is_told(desk: Desk) -> None:
    written(desk, "queue_model: risk_averse", "queue_model: risk_averse\n  key_scope: account:read_write trade:read")

    ended = look(desk)

    assert ended.code == 1
    assert findings(ended)["key"]["found"] == "it may not trade: account:read_write trade:read"
    assert (lights(ended)["session"], lights(ended)["cancel-on-disconnect"]) == ("red", "amber")


def test_what_would_go_wrong_is_found_before_it_does(desk: Desk, exchange: tuple[str, Path]) -> None:
    written(desk, "rate_limit_per_s: 30", "rate_limit_per_s: 60")
    written(desk, "level_spacing_bps: 4", "level_spacing_bps: 0.01")
    written(desk, "max_open_orders: 40", "max_open_orders: 1")
    with desk.config.open("a") as file:
        file.write(
            "  - {id: edge, strategy: pure_mm, venue: deribit, instrument: ETH-PERPETUAL, size_unit: quote,\n"
            "     order_levels: 1, order_amount: 5, bid_spread_bps: 6, ask_spread_bps: 6}\n"
        )

    ended = look(desk, **{URL: exchange[0]})

    told = {(each["about"], each["check"]): each for each in json.loads(ended.stdout)["findings"]}
    red = {where: each for where, each in told.items() if each["light"] == "red"}
    core, edge = "core on deribit/BTC-PERPETUAL", "edge on deribit/ETH-PERPETUAL"
    assert ended.code == 1
    assert "60 a second, 100 at once of 30 and 100" in told["deribit", "rate limit"]["found"]
    assert told["deribit", "rate limit"]["light"] == "amber", "it is asked no more often than it grants"
    assert "would fall onto the price of a nearer level" in red[core, "levels"]["found"]
    assert "may be shown: max_open_orders" in red[core, "limits and funds"]["found"]
    assert "the venue lists no such instrument" in red[edge, "instrument"]["found"]
    assert red["deribit", "session"]["found"].startswith("ETH-PERPETUAL: ")
    assert all(each["advice"] for each in red.values())


def test_a_daemon_of_this_configuration_is_no_stranger_and_another_one_is(desk: Desk) -> None:
    with desk.running("run", desk.config) as daemon:
        daemon.until("its door is open", (desk.data / SOCKET).exists)

        same = look(desk)
        desk.config = PAPER
        written(desk, "order_amount: 1000", "order_amount: 1010")
        other = look(desk)

    assert (same.code, lights(same)["data directory"]) == (0, "green")
    assert (other.code, lights(other)["data directory"]) == (1, "red")
    assert "another daemon uses" in findings(other)["data directory"]["found"]


def test_a_database_of_a_newer_schema_is_red_and_stays_as_it_is(desk: Desk, exchange: tuple[str, Path]) -> None:
    desk.data.mkdir()
    with closing(sqlite3.connect(desk.database)) as connection, connection:
        connection.executescript(
            "create table alembic_version (version_num varchar(32) not null);"
            "insert into alembic_version values ('9999');"
        )
    before = contents(desk.data)

    ended = look(desk, **{URL: exchange[0]})

    assert ended.code == 1
    assert "schema 9999, which is newer" in findings(ended)["database"]["found"]
    assert contents(desk.data) == before


def test_a_damaged_journal_is_red_and_stays_as_it_is(desk: Desk, exchange: tuple[str, Path]) -> None:
    assert desk.run("--duration", "1").code == 0
    (segment,) = (desk.data / "journal").glob("*.journal")
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    segment.write_bytes(damaged)
    before = contents(desk.data)

    ended = look(desk, **{URL: exchange[0]})

    assert (ended.code, lights(ended)["journal"]) == (1, "red")
    assert "a record is damaged" in findings(ended)["journal"]["found"]
    assert contents(desk.data) == before
