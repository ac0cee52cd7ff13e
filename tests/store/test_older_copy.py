"""An older copy of a journal under the rows of a newer one is refused: no row of what follows it would be written."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from replenisher.errors import ConfigurationError
from replenisher.store.database import Database
from replenisher.store.older_copy import refuse_older_copy
from replenisher.store.recorder import Recorder
from replenisher.store.segments import segments
from tests.store.given import started, step, write_journal


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


def lived(journal: Path, epoch: int, database: Database) -> None:
    """One more life, of one step, of which there are rows."""
    write_journal(journal, [step(epoch, [started(epoch)])], epoch=epoch)
    Recorder(journal, database).record_all()


def test_a_backup_of_the_life_before_is_no_journal_to_go_on_with(tmp_path: Path, database: Database) -> None:
    journal, backup = tmp_path / "journal", tmp_path / "backup"
    refuse = partial(database.read, partial(refuse_older_copy, journal))
    refuse()  # there is none yet
    lived(journal, 1, database)
    shutil.copytree(journal, backup)
    lived(journal, 2, database)
    refuse()

    shutil.rmtree(journal)
    backup.rename(journal)

    with pytest.raises(ConfigurationError, match=r"journal: the database has later rows of this journal, so this is "):
        refuse()


def test_nor_is_one_of_the_same_life_that_lacks_more_than_power_loss_can_take(
    tmp_path: Path, database: Database
) -> None:
    journal = tmp_path / "journal"
    for epoch in (1, 2, 3):
        lived(journal, epoch, database)
    refuse = partial(database.read, partial(refuse_older_copy, journal))
    *_, second, third = segments(journal)
    second.path.unlink()
    third.path.rename(second.path)  # the last life, one segment short
    refuse()

    second.path.rename(segments(journal)[0].path)

    with pytest.raises(ConfigurationError, match="older copy"):
        refuse()


def test_a_database_that_lacks_the_newest_lives_is_one_to_go_on_with(tmp_path: Path, database: Database) -> None:
    journal = tmp_path / "journal"
    lived(journal, 1, database)
    write_journal(journal, [step(2, [started(2)])], epoch=2)

    database.read(partial(refuse_older_copy, journal))
