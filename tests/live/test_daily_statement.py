"""The statements of the days that are over: another process makes them, and what they come to is told and kept."""

import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from replenisher.live.accepted import Accepted, accept
from replenisher.live.daily_statement import LOWEST, DailyStatement, statement_of
from replenisher.live.stated import Outcome, kept
from replenisher.store.database import Database
from tests.report.by_hand import LINEAR, Rows

THE_DAY, NO_DAY = date(2023, 11, 14), date(2023, 11, 20)


def ledger_with(tmp_path: Path, sqlite_ledger: Path, words: Sequence[str]) -> Callable[[date], list[str]]:
    """The command that states days of a ledger in which the venue has said this, and nothing moved."""
    ledger = Path(shutil.copy(sqlite_ledger, tmp_path / "ledger.db"))
    rows = Rows(LINEAR)
    rows.life("c")
    for word in words:
        rows.balance(word)
    with closing(Database(f"sqlite:///{ledger}")) as database:
        rows.write(database)
    return lambda day: [sys.executable, "-m", "replenisher", "statement", str(ledger), "--day", f"{day}"]


@pytest.mark.parametrize(
    ("words", "day", "level", "event", "told"),
    [
        (("100", "100"), THE_DAY, "info", "stated", "all that moved is explained"),
        (("100", "100", "98"), THE_DAY, "error", "not_explained", "not explained: USDT on venue: -2 between "),
        (("100", "100"), NO_DAY, "warning", "not_stated", "there is nothing to state: on 2023-11-20 "),
    ],
)
async def test_what_a_statement_comes_to_is_told_once_a_life_and_kept(
    tmp_path: Path, sqlite_ledger: Path, words: tuple[str, ...], day: date, level: str, event: str, told: str
) -> None:
    statement = DailyStatement(tmp_path, ledger_with(tmp_path, sqlite_ledger, words))

    with capture_logs() as logs:
        await statement.state(day)
        await statement.state(day)

    (line,) = logs
    assert (line["log_level"], line["event"], line["code"]) == (level, event, 0 if level == "info" else 1)
    assert line["told"].startswith(told)
    known = [(stated.day, stated.told) for stated in kept(tmp_path)]
    assert known == ([] if event == "not_stated" else [(day, line["told"])])
    alarm = f"{day} is {line['told']}" if event == "not_explained" else ""
    assert statement.alarm == DailyStatement(tmp_path, lambda _: ()).alarm == alarm  # in the next life, too


async def test_the_alarm_ends_when_the_day_is_explained(tmp_path: Path) -> None:
    answers = iter(["print('not explained: BTC'); exit(1)", "print('all that moved is explained')"])
    statement = DailyStatement(tmp_path, lambda _: [sys.executable, "-c", next(answers)])
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    await statement.state(yesterday)
    alarm = statement.alarm

    await statement.state_what_is_due()

    assert (alarm, statement.alarm) == (f"{yesterday} is not explained: BTC", "")


async def test_the_alarm_ends_when_an_operator_accepts_what_is_told_and_comes_back_with_another_word(
    tmp_path: Path,
) -> None:
    answers = iter([f"print('not explained: {left}'); exit(1)" for left in ("BTC -0.5", "BTC -0.5", "BTC -0.7")])
    statement = DailyStatement(tmp_path, lambda _: [sys.executable, "-c", next(answers)])
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    await statement.state(yesterday)

    accept(tmp_path, Accepted(yesterday, "not explained: BTC -0.5", "a gift"))
    await statement.state_what_is_due()
    alarm, known = statement.alarm, statement.told()
    await statement.state_what_is_due()

    assert alarm == ""
    assert known == [
        {"day": f"{yesterday}", "outcome": "not_explained", "told": "not explained: BTC -0.5", "accepted": "a gift"}
    ]
    assert statement.alarm == f"{yesterday} is not explained: BTC -0.7"


@pytest.mark.parametrize("fails", ["exit('there is nothing to state')", "1 / 0", "exit(75)"])
async def test_an_alarm_does_not_end_because_the_day_can_no_longer_be_stated(tmp_path: Path, fails: str) -> None:
    answers = iter(["print('not explained: BTC'); exit(1)", fails])
    statement = DailyStatement(tmp_path, lambda _: [sys.executable, "-c", next(answers)])
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    await statement.state(yesterday)

    await statement.state_what_is_due()

    assert statement.alarm == f"{yesterday} is not explained: BTC"
    assert [each.outcome for each in kept(tmp_path)] == [Outcome.NOT_EXPLAINED]


async def test_a_day_that_could_not_be_stated_for_now_remains_due(tmp_path: Path) -> None:
    asked: list[date] = []

    def command_of(day: date) -> list[str]:
        asked.append(day)
        says = "print('all that moved is explained')" if len(asked) > 1 else "exit(75)"
        return [sys.executable, "-c", says]

    statement = DailyStatement(tmp_path, command_of)
    with capture_logs() as logs:
        for _ in range(3):
            await statement.state_what_is_due()

    assert [line["event"] for line in logs] == ["not_stated", "stated"]
    assert len(asked) == 2
    assert [each.outcome for each in kept(tmp_path)] == [Outcome.EXPLAINED]


def test_the_command_gives_way_to_everybody() -> None:
    command = statement_of(Path("desk.yaml"))(THE_DAY)

    assert command[:3] == list(LOWEST)
    assert command[-4:] == ["statement", "desk.yaml", "--day", "2023-11-14"]
