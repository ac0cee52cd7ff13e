"""Rows that wait: nobody takes a ledger for whole that a journal goes on behind."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from replenisher.config import load
from replenisher.errors import Unreachable
from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS
from replenisher.wiring.replaying import START, replay
from replenisher.wiring.reporting import statement, unread

BLIND = Path(__file__).parents[2] / "bench" / "blind.yaml"
DAY = datetime.fromtimestamp(START // 10**9, UTC).date()


def test_a_day_is_not_stated_and_a_report_says_so_while_rows_of_it_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(load(BLIND), minutes=0.1, directory=tmp_path / "data", tell=lambda _word: None)
    monkeypatch.setenv("REPLENISHER_DATA_DIR", str(tmp_path / "data"))
    assert unread(str(BLIND), ALWAYS) == ""
    assert statement(str(BLIND), DAY, lambda _done, _of: None).is_explained

    with closing(Database(load(BLIND).database_url)) as database:
        table = tables.cursor
        database.write(lambda connection: connection.execute(update(table).values(offset=table.c.offset - 1000)))

    assert unread(str(BLIND), ALWAYS).startswith(
        "1,000 bytes of the journal are not in the database, whose rows end at 20"
    )
    with pytest.raises(Unreachable, match=f"{DAY} is not stated yet: 1,000 bytes of the journal"):
        statement(str(BLIND), DAY, lambda _done, _of: None)
