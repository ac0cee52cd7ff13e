"""An instrument is locked, halted, or all is under maintenance: the daemon shows nothing, and comes back each time."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.stories.desk import Desk, Process, Record

LOCKED = {"state": "locked", "after_s": 15, "for_s": 2}  # orders can be cancelled; by then a busy machine quotes, too
HALTED = {"state": "halted", "after_s": 19, "for_s": 2}  # not even that
STAGES = [("locked", 15, 2), ("maintenance", 17, 1), ("shut", 18, 4), ("maintenance", 22, 1)]
MAINTENANCE = [{"state": state, "after_s": after_s, "for_s": for_s} for state, after_s, for_s in STAGES]
SECOND_NS = 10**9


def desk_with(room: Path, *interruptions: dict[str, Any]) -> Desk:
    listed = json.dumps({"BTC-PERPETUAL": {"interruptions": interruptions}})
    return Desk(room, REPLENISHER_EXCHANGE__INSTRUMENTS=listed)


@pytest.fixture(scope="module", autouse=True)
def maintained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Process]]:
    """A desk whose exchange is under maintenance in a while: it begins before the other one, and not after it."""
    desk = desk_with(tmp_path_factory.mktemp("maintained"), *MAINTENANCE)
    with desk.running("run", desk.config) as daemon:
        yield desk, daemon


def test_it_pulls_its_quotes_while_an_instrument_does_not_trade_and_comes_back(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, LOCKED, HALTED)
    with desk.running("run", desk.config) as daemon:
        daemon.until("the second of them is over", lambda: len(daemon.told("instrument_opened")) == 3)
        back_at = heard_at(daemon.told("instrument_opened")[-1])
        daemon.until("it quotes again", lambda: "order" in kinds(desk, back_at))
        ended = daemon.stop()

    assert ended.code == 0
    changes = [fact["reason"] for fact in ended.told if fact["event"].startswith("instrument_")]
    assert changes == ["open", "locked", "open", "halted", "open"]
    began = desk.ledger()[0]["at"]
    assert "closed" in kinds(desk, began + 15 * SECOND_NS, began + 17 * SECOND_NS)
    assert kinds(desk, began + 19 * SECOND_NS + SECOND_NS // 5, began + 21 * SECOND_NS) == {"request", "rejected"}
    refused = {(fact["request"], fact["reason"]) for fact in ended.told if fact["event"] == "refused"}
    assert ("cancel", "halted") in refused
    desk.assert_books_agree()


def kinds(desk: Desk, start_ns: int, end_ns: int | None = None) -> set[str]:
    """What kinds of facts the exchange wrote down between two moments."""
    return {
        record["type"] for record in desk.ledger() if start_ns <= record["at"] and (not end_ns or record["at"] < end_ns)
    }


def heard_at(fact: Record) -> int:
    """When the daemon told a fact, in nanoseconds."""
    return round(datetime.fromisoformat(fact["ts"]).timestamp() * 10**6) * 1000


def test_it_comes_back_by_itself_after_a_maintenance_that_ended_its_connections(
    maintained: tuple[Desk, Process],
) -> None:
    desk, daemon = maintained
    daemon.until("it is thrown out", lambda: daemon.told("session_lost"))
    daemon.until("it is back, and it is over", lambda: len(daemon.told("instrument_opened")) == 2)
    back_at = heard_at(daemon.told("instrument_opened")[-1])
    daemon.until("it quotes again", lambda: "order" in kinds(desk, back_at))
    ended = daemon.stop()

    assert ended.code == 0
    began = desk.ledger()[0]["at"]
    assert "closed" in kinds(desk, began + 15 * SECOND_NS, began + 17 * SECOND_NS)
    assert kinds(desk, began + 17 * SECOND_NS, began + 23 * SECOND_NS) <= {"request", "rejected"}
    desk.assert_books_agree()
