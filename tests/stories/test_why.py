"""Why an order is there is told by rows alone: neither another configuration nor another life changes a byte of it."""

import json
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from replenisher.store import tables
from replenisher.store.database import Database
from tests.stories.desk import DATABASE, PAPER, Desk, Ended


def test_an_answer_is_the_same_after_a_restart_with_another_configuration(tmp_path: Path, database_url: str) -> None:
    desk = Desk(tmp_path / "room", **{DATABASE: database_url})
    desk.config = desk.room / "desk.yaml"
    desk.config.write_text(PAPER.read_text())
    assert desk.run("--duration", "3").code == 0
    orders = some_orders(database_url)
    before = [why(desk, desk.config, order_id) for order_id in orders]

    text = PAPER.read_text()
    for old, new in (("bid_spread_bps: 8", "bid_spread_bps: 20"), ("skew_factor: 0.25", "skew_factor: 1")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    desk.config.write_text(text)
    assert desk.run("--duration", "2").code == 0

    assert [
        why(desk, ledger, order_id) for ledger, order_id in zip([desk.config, database_url], orders, strict=True)
    ] == before
    assert all("placed: " in each.stdout and "8.0 bps of fair value" in each.stdout for each in before)
    told = json.loads(why(desk, desk.config, orders[0], "--json").stdout)
    assert told["order_id"] == orders[0]
    assert {event["what"] for event in told["events"]} >= {"placed", "ended"}
    assert told["events"][0]["shown"]["agrees"] is True


def some_orders(url: str) -> list[str]:
    """One that was moved, and one that was taken off."""
    requests = tables.requests.c
    of_kind = [select(requests.order_id).where(requests.kind == kind).limit(1) for kind in ("amend", "cancel")]
    with closing(Database(url)) as database:
        return [database.read(lambda connection, query=query: connection.execute(query).scalar()) for query in of_kind]


def why(desk: Desk, ledger: str | Path, *arguments: str) -> Ended:
    ended = desk.command("why", ledger, *arguments)
    assert (ended.code, ended.stderr) == (0, "")
    return ended
