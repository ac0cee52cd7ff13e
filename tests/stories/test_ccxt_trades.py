"""The daemon trades through ccxt: its Deribit, pointed at the simulated exchange, with books that agree."""

import json
import signal
from pathlib import Path

import pytest

from tests.stories.desk import PAPER, Desk, fills, resting


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk whose venue is reached through ccxt."""
    config = tmp_path / "ccxt.yaml"
    text = PAPER.read_text()
    assert text.count("    adapter: deribit\n") == 1
    config.write_text(text.replace("    adapter: deribit\n", "    adapter: ccxt\n    exchange: deribit\n"))
    return Desk(tmp_path / "room", config)


def filled(desk: Desk) -> int:
    return len(fills(desk.ledger())) if desk.ledger_file.exists() else 0


def test_it_trades_through_ccxt_and_the_books_agree(desk: Desk) -> None:
    with desk.running("run", desk.config) as daemon:
        daemon.until("ten fills", lambda: filled(desk) >= 10)
        ended = daemon.stop()

    assert (ended.code, ended.stderr) == (0, "")
    assert (ended.summary["stop"]["verdict"], ended.summary["stop"]["left"]) == ("flat", [])
    assert ended.summary["amended"] > 0 and ended.summary["refills"] > 0
    assert desk.assert_books_agree()["fills"] >= 10


def test_it_quotes_around_the_mark_that_ccxt_tells_and_not_without_it(desk: Desk) -> None:
    text = desk.config.read_text()
    assert text.count("{source: mid}") == 1
    desk.config.write_text(text.replace("{source: mid}", "{source: mark, max_age_ms: 2000}"))
    with desk.exchange() as (exchange, url):
        desk.connect(url)
        with desk.running("run", desk.config) as daemon:
            daemon.until("five fills", lambda: filled(desk) >= 5)
            daemon.until("it quotes around the mark", lambda: quotes_around_the_mark(desk))

            exchange.send(signal.SIGSTOP)  # nobody tells anything any more
            daemon.until("the mark is too old", lambda: desk.answer("status")["prices"]["core"]["mark"] == "not fresh")
            exchange.send(signal.SIGCONT)
            daemon.until("it quotes again", lambda: quotes_around_the_mark(desk))
            daemon.until("what was under way is known", lambda: not desk.answer("status")["unanswered"])
            ended = daemon.stop()
    assert (ended.code, ended.summary["stop"]["verdict"]) == (0, "flat")


def quotes_around_the_mark(desk: Desk) -> bool:
    """Not for a moment where a busy machine lets a mark or a book grow old: then there are no terms, either."""
    status = desk.answer("status")
    terms = status["terms"].get("core", {})
    if "mark" not in terms:
        return False
    assert terms["mark"] == terms["fair_value"]
    assert abs(terms["mark"] / 60_000 - 1) < 0.1
    return bool(status["live_orders"])


def test_killed_in_the_middle_it_finds_its_orders_again_through_ccxt(desk: Desk) -> None:
    with desk.running("exchange", desk.config, "--ledger", desk.ledger_file) as exchange:
        exchange.until("it listens", exchange.lines)
        url = json.loads(exchange.lines()[0])["url"]
        desk.variables["REPLENISHER_VENUES__DERIBIT__URL"] = url
        desk.data.mkdir(exist_ok=True)
        with desk.running("run", desk.config) as daemon:
            daemon.until("five fills, and orders rest", lambda: filled(desk) >= 5 and resting(desk.ledger()))
            daemon.send(signal.SIGKILL)
            daemon.wait()
        assert resting(desk.ledger())  # through ccxt nothing cancels for the dead

        with desk.running("run", desk.config) as daemon:
            daemon.until("it is in sync", lambda: any('"synced"' in line for line in daemon.lines()))
            before = filled(desk)
            daemon.until("five fills more", lambda: filled(desk) >= before + 5)
            ended = daemon.stop()
        assert (ended.code, ended.stderr) == (0, "")
        findings = desk.audit()
        assert (findings["differences"], resting(desk.ledger())) == ([], set())
        assert findings["fills"] == filled(desk)
