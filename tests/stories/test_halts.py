"""A desk that is halted, and a strategy that fails: the real program, from the breach to quotes again."""

import json
from contextlib import closing
from pathlib import Path
from signal import SIGKILL
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from replenisher.errors import ReplenisherError
from replenisher.live.control import SOCKET, ask
from replenisher.store import tables
from replenisher.store.database import Database
from tests.stories.desk import PAPER, Desk, fills, orders_asked_for, resting

STRICT = {"REPLENISHER_RISK__MAX_DAILY_LOSS_QUOTE": "0.01", "REPLENISHER_RISK__ON_BREACH": "halt"}
PATIENT = {"REPLENISHER_RISK__MAX_LOOP_LAG_MS": "20000"}  # a busy machine looks late, which is another story
MOODY = """
from dataclasses import dataclass

from replenisher.core.strategy import NO_QUOTES, Quotes, View
from replenisher.model.order import Side
from replenisher.model.step import Quote

asked = 0


@dataclass(frozen=True)
class Moody:
    lots: int

    def quote(self, view: View) -> Quotes:
        global asked
        asked += 1
        if asked > 20:
            raise KeyError("the twenty-first")
        return Quotes(fair_value=1.0, quotes=(Quote(Side.BUY, 0, view.touch.bid - 200, self.lots),), terms={})
"""


def trades(desk: Desk, before: int = 0) -> bool:
    """Whether the desk has orders on the book, and some were eaten since there were `before` fills."""
    ledger = desk.ledger()
    return len(fills(ledger)) >= before + 3 and bool(resting(ledger))


def trade_and_stop(desk: Desk, before: int) -> None:
    """A life in which all is well; then both books agree."""
    with desk.running("run", desk.config) as daemon:
        daemon.until("it trades again", lambda: trades(desk, before))
        ended = daemon.stop()
    assert (ended.code, ended.stderr) == (0, "")
    desk.assert_books_agree()


def test_a_halt_ends_this_life_and_the_next_ones_until_an_operator_says_why_it_may_go_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path, **PATIENT)

    breached = desk.run(**STRICT)

    stop = breached.summary["stop"]
    assert (breached.code, stop["verdict"], stop["left"]) == (3, "flat", [])
    assert stop["reason"].startswith("halted: max_daily_loss_quote: ")
    sentence = f'replenisher: {stop["reason"]}; `replenisher resume {desk.config} --reason "…"` lifts that\n'
    assert breached.stderr == sentence

    away = desk.command("status", desk.config)
    assert f", verified flat, exit code 3: {stop['reason']}; `replenisher doctor" in away.stderr

    asked = orders_asked_for(desk)
    again = desk.run()

    assert (again.code, again.stderr, again.summary["stop"]) == (3, sentence, stop)
    (halted,) = (fact for fact in again.told if fact["event"] == "halted")
    assert (halted["level"], halted["cause"], f"halted: {halted['reason']}") == ("warning", "loss", stop["reason"])
    assert orders_asked_for(desk) == asked, "a halted daemon asks for nothing"

    examined = desk.command("doctor", desk.config, "--json")
    (finding,) = (each for each in json.loads(examined.stdout)["findings"] if each["check"] == "halts")
    assert (examined.code, finding["light"]) == (1, "red"), "a halted account is not ready to trade"
    assert finding["found"].startswith(f"{halted['reason']}, on 20")

    unexplained = desk.command("resume", desk.config)
    lacking = 'a halt or a pause left there is lifted with --reason "…"'
    assert (unexplained.code, unexplained.stderr) == (1, f"replenisher: no daemon runs on {desk.data}; {lacking}\n")
    resumed = desk.command("resume", desk.config, "--reason", "the limit was a typing error")
    assert (resumed.code, resumed.stderr) == (0, "")
    assert resumed.stdout == f"lifted: {halted['reason']}\nno daemon runs now, the next `run` quotes again\n"
    twice = desk.command("resume", desk.config, "--reason", "to be sure")
    assert twice.stderr == f"replenisher: no daemon runs on {desk.data}, and none left a halt or a pause there\n"
    assert halts(desk) == [("halted", "loss", halted["reason"]), ("resumed", "", "the limit was a typing error")]

    trade_and_stop(desk, breached.summary["fills"])


def test_a_running_daemon_lets_nobody_out_of_a_halt_without_a_reason_and_remembers_the_one_it_is_told(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, **PATIENT)
    with desk.exchange() as (exchange, url):
        desk.connect(url)
        breached = desk.run(**STRICT)
        assert breached.code == 3
        exchange.stop(SIGKILL)

    with desk.running("run", desk.config) as daemon:  # it waits for the exchange, for twenty seconds
        daemon.until("its door is open", (desk.data / SOCKET).exists)
        with pytest.raises(ReplenisherError) as refused:
            ask(desk.data, "resume")
        (halt,) = ask(desk.data, "status")["halts"]
        assert str(refused.value) == f"halted: {halt['reason']}; only `resume --reason` lifts that"
        resumed = desk.command("resume", desk.config, "--reason", "seen")
        assert (resumed.code, resumed.stdout.startswith("core: shows nothing yet: not in sync")) == (0, True)
        daemon.until("it says so", lambda: daemon.told("resumed"))
        assert {"halt": "loss", "reason": "seen"}.items() <= daemon.told("resumed")[0].items()
        assert ask(desk.data, "status")["halts"] == []
        daemon.stop(SIGKILL)

    with desk.exchange(urlsplit(url).port):
        trade_and_stop(desk, breached.summary["fills"])
    assert halts(desk) == [("halted", "loss", halt["reason"]), ("resumed", "", "seen")]


def test_a_strategy_that_raises_takes_its_own_orders_with_it_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "moody.py").write_text(MOODY)
    config = tmp_path / "desk.yaml"
    moody = "  - {id: moody, strategy: 'moody.py:Moody', venue: deribit, instrument: BTC-PERPETUAL, lots: 100}\n"
    config.write_text(PAPER.read_text() + moody)
    desk = Desk(tmp_path / "desk", config, **PATIENT)

    with desk.running("run", config) as daemon:
        daemon.until("the strategy has failed", lambda: daemon.told("paused"))
        (paused,) = daemon.told("paused")
        reason = "strategy moody failed: it raised KeyError: 'the twenty-first' (moody.py:19)"
        assert (paused["level"], paused["strategy"], paused["reason"]) == ("warning", "moody", reason)
        daemon.until("its order is gone", lambda: {order["strategy"] for order in ladder(desk)} == {"core"})
        before = len(fills(desk.ledger()))
        absences = {"core": "", "moody": f"paused: {reason}"}
        daemon.until("only that one is paused", lambda: ask(desk.data, "status")["not_quoting"] == absences)
        daemon.until("the other one trades on", lambda: trades(desk, before))
        ended = daemon.stop()

    assert (ended.code, ended.stderr) == (0, "")
    desk.assert_books_agree()


def ladder(desk: Desk) -> list[dict[str, str]]:
    """What the daemon says rests."""
    orders: list[dict[str, str]] = ask(desk.data, "status")["ladder"]
    return orders


def halts(desk: Desk) -> list[tuple[str, str, str]]:
    """What the database tells of halts, in the order in which it happened."""
    with closing(Database(desk.database_url)) as database:
        rows = database.read(lambda connection: connection.execute(select(tables.halts).order_by("at")).all())
    return [(row.kind, row.cause, row.reason) for row in rows]
