"""Whose books they are: the key of an account in the ledger."""

import itertools
from contextlib import closing
from pathlib import Path

import pytest

from replenisher.config import Config, load
from replenisher.errors import ConfigurationError, Taken
from replenisher.store import leases, schema
from replenisher.store.database import Database
from replenisher.store.recorder import Recorder
from replenisher.wiring.books import accounts_of, database_downgrade, newest_account
from tests.store.given import started, step, write_journal
from tests.store.test_leases import THEIRS
from tests.stories.desk import PAPER


def desk(room: Path, mode: str, more: str = "") -> Config:
    path = room / f"{mode}.yaml"
    text = PAPER.read_text().replace("mode: paper", f"mode: {mode}")
    path.write_text(text.replace("account: main", f"account: main\n    {more}"))
    return load(path)


def test_one_name_is_four_accounts_of_which_one_has_money(tmp_path: Path) -> None:
    keys = [accounts_of(desk(tmp_path, mode), None) for mode in ("testnet", "live")]
    simulated = accounts_of(desk(tmp_path, "paper"), "0123456789abcdef")
    at_an_address = accounts_of(desk(tmp_path, "paper", "url: ws://127.0.0.1:1/ws/api/v2"), None)

    assert [*keys, at_an_address, simulated] == [
        {"deribit": "main.testnet"},
        {"deribit": "main"},
        {"deribit": "main.paper"},
        {"deribit": "main@0123456789abcdef"},
    ]


def test_who_rehearsed_last_in_a_database_is_nobody_to_report_on_where_money_is_real(
    tmp_path: Path, ledger_url: str
) -> None:
    lives = itertools.count(1)
    for account in ("main", "main.testnet", "main.paper", "main@0123456789abcdef"):
        journal, epoch = tmp_path / account, next(lives)
        at = started().at + epoch
        write_journal(journal, [step(epoch, [started(epoch, at, account)])], epoch=epoch, journal_id=f"{epoch:016x}")
        with closing(Database(ledger_url)) as database:
            Recorder(journal, database).record_all()

    with closing(Database(ledger_url)) as database:
        found = [
            database.read(lambda connection, mode=mode: newest_account(desk(tmp_path, mode), "deribit", connection))
            for mode in ("live", "testnet", "paper")
        ]

    assert found == ["main", "main.testnet", "main@0123456789abcdef"]


def test_no_tables_are_taken_from_under_a_desk_with_another_data_directory(
    tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLENISHER_DATA_DIR", str(tmp_path / "ours"))
    monkeypatch.setenv("REPLENISHER_DATABASE__URL", ledger_url)
    config = desk(tmp_path, "paper")
    with closing(Database(ledger_url)) as database:
        database.write(lambda c: leases.take(c, THEIRS, 5, database.now(c)))

        with pytest.raises(Taken, match=r"directory /srv/theirs, since .*; stop it, or wait: its lease") as refused:
            database_downgrade(config, "base", drop_rows=True)
        assert refused.value.exit_code == 75
        schema.check(ledger_url)
        database.write(lambda c: leases.give_back(c, THEIRS, 5))

    database_downgrade(config, "base", drop_rows=True)
    with pytest.raises(ConfigurationError, match="not the one in use"):
        schema.check(ledger_url)
