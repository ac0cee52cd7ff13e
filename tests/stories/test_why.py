"""Why an order is there is told by rows alone: neither another configuration nor another life changes a byte of it."""

from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from replenisher.report.why.page import why_page
from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.wiring.explaining import why
from tests.stories.desk import DATABASE, PAPER, Desk, resting


def test_an_answer_is_the_same_after_a_restart_with_another_configuration(tmp_path: Path, database_url: str) -> None:
    desk = Desk(tmp_path / "room", **{DATABASE: database_url})
    desk.config = desk.room / "desk.yaml"
    desk.config.write_text(PAPER.read_text())
    quote_and_stop(desk)
    before = {order_id: why_page(why(database_url, order_id)) for order_id in orders_in(database_url)}

    text = PAPER.read_text()
    for old, new in (("bid_spread_bps: 8", "bid_spread_bps: 20"), ("skew_factor: 0.25", "skew_factor: 1")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    desk.config.write_text(text)
    quote_and_stop(desk)

    assert before
    assert {order_id: why_page(why(database_url, order_id)) for order_id in before} == before
    some_id, page = next(iter(before.items()))
    asked = desk.command("why", desk.config, some_id)
    assert (asked.code, asked.stdout, asked.stderr) == (0, f"{page}\n", "")
    assert "placed: " in page and "8.0 bps of fair value" in page


def quote_and_stop(desk: Desk) -> None:
    """A life that comes to quote."""
    with desk.running("run", desk.config) as daemon:
        daemon.until("it quotes", lambda: resting(desk.ledger()))
        ended = daemon.stop()
    assert (ended.code, ended.stderr) == (0, "")


def orders_in(url: str) -> list[str]:
    """Every order of a ledger, in the order in which they were placed."""
    with closing(Database(url)) as database:
        query = select(tables.orders.c.order_id).order_by(tables.orders.c.order_id)
        return list(database.read(lambda connection: connection.execute(query).scalars()))
