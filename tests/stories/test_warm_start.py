"""A model that measures its market quotes at once after a restart, and not only when it has measured it again."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.stories.desk import ROOT, Desk

WINDOW_S = 30


def test_a_restart_does_not_quote_blind(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "room")
    desk.config = desk.room / "glft.yaml"
    desk.config.write_text(
        (ROOT / "configs" / "glft.yaml").read_text().replace("window_s: 300", f"window_s: {WINDOW_S}")
    )

    with desk.running("run", desk.config) as daemon:
        daemon.until("it is in sync", lambda: daemon.told("synced"))
        daemon.until("it has measured enough to quote", lambda: "order" in {each["type"] for each in desk.ledger()})
        assert daemon.stop().code == 0
    again = desk.run("--duration", "4")

    assert again.code == 0
    assert again.summary["orders"] > 0
    (recalled,) = [fact for fact in again.told if fact["event"] == "signals_remembered"]
    assert recalled["instrument"] == "deribit/BTC-PERPETUAL"
    assert recalled["age_s"] < WINDOW_S
    with closing(sqlite3.connect(desk.database)) as database:
        specifications = {text for (text,) in database.execute("select specification from signals")}
    assert {text.partition("(")[0] for text in specifications} == {"Volatility", "ArrivalRate"}  # which tells k, too
