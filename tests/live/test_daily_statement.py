"""The statement of the day that is over: another process makes it, and what it comes to is told."""

import shutil
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from replenisher.live.daily_statement import LOWEST, statement_of_yesterday, tell_statement
from replenisher.store.database import Database
from tests.report.by_hand import LINEAR, Rows

THE_DAY, NO_DAY = "2023-11-14", "2023-11-20"


@pytest.mark.parametrize(
    ("words", "day", "level", "event", "told"),
    [
        (("100", "100"), THE_DAY, "info", "stated", "all that moved is explained"),
        (("100", "100", "98"), THE_DAY, "error", "not_explained", "not explained: USDT on venue: -2 between "),
        (("100", "100"), NO_DAY, "warning", "not_stated", "replenisher: there is nothing to state: on 2023-11-20 "),
    ],
)
async def test_what_a_statement_comes_to_is_told(
    tmp_path: Path, sqlite_ledger: Path, words: tuple[str, ...], day: str, level: str, event: str, told: str
) -> None:
    ledger = Path(shutil.copy(sqlite_ledger, tmp_path / "ledger.db"))
    rows = Rows(LINEAR)
    rows.life("c")
    for word in words:
        rows.balance(word)
    with closing(Database(f"sqlite:///{ledger}")) as database:
        rows.write(database)

    with capture_logs() as logs:
        await tell_statement([sys.executable, "-m", "replenisher", "statement", str(ledger), "--day", day])

    (line,) = logs
    assert (line["log_level"], line["event"], line["code"]) == (level, event, 0 if level == "info" else 1)
    assert line["told"].startswith(told)


def test_the_command_asks_for_yesterday_and_gives_way_to_everybody() -> None:
    before = datetime.now(UTC).date()
    command = statement_of_yesterday(Path("desk.yaml"))

    assert command[:3] == list(LOWEST)
    assert command[-4:-1] == ["statement", "desk.yaml", "--day"]
    assert command[-1] in {f"{day - timedelta(days=1)}" for day in (before, datetime.now(UTC).date())}
