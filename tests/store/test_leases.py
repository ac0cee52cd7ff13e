"""Leases in SQL: one holder, a fencing token that only grows, and others who wait until the holder is surely gone."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeVar

import msgspec
import pytest
from sqlalchemy import Connection

from replenisher.errors import Taken
from replenisher.model.units import SECOND_NS
from replenisher.store import leases
from replenisher.store.database import Database
from replenisher.store.leases import Claim

T = TypeVar("T")
T0 = 1_750_000_000 * SECOND_NS
LIFE = 90 * SECOND_NS
GONE = LIFE + LIFE // leases.GRACE
OURS = Claim(
    accounts={"deribit": "main", "kraken": "main"},
    journal_id="0" * 16,
    life_ns=LIFE,
    data_directory="/srv/ours",
    host="left",
    pid=7,
)
THEIRS = msgspec.structs.replace(OURS, accounts={"deribit": "main"}, journal_id="1" * 16, data_directory="/srv/theirs")


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


def done(database: Database, work: Callable[[Connection], T]) -> T:
    return database.write(work)


def test_a_second_one_is_told_who_trades_and_until_when(database: Database) -> None:
    assert done(database, lambda c: leases.epoch_before(c, OURS, T0)) == 0
    done(database, lambda c: leases.take(c, OURS, 5, T0))

    with pytest.raises(Taken) as refused:
        done(database, lambda c: leases.epoch_before(c, THEIRS, T0 + GONE - 1))

    assert str(refused.value) == (
        "another daemon trades on account main at deribit: process 7 on left, with the data directory /srv/ours, since "
        "2025-06-15 15:06:40 UTC; stop it, or wait: its lease ends 2025-06-15 15:08:40 UTC if it is dead"
    )


def test_a_later_life_of_the_same_journal_takes_it_over_at_once(database: Database) -> None:
    done(database, lambda c: leases.take(c, OURS, 5, T0))

    assert done(database, lambda c: leases.epoch_before(c, OURS, T0 + 1)) == 5
    done(database, lambda c: leases.take(c, OURS, 6, T0 + 1))

    assert done(database, lambda c: leases.renew(c, OURS, 6, T0 + 2)) == ""
    assert "process 7 on left" in done(database, lambda c: leases.renew(c, OURS, 5, T0 + 2))


def test_whoever_was_renewed_is_waited_for_and_whoever_was_not_is_fenced_off(database: Database) -> None:
    done(database, lambda c: leases.take(c, OURS, 5, T0))
    assert done(database, lambda c: leases.renew(c, OURS, 5, T0 + LIFE)) == ""
    with pytest.raises(Taken):
        done(database, lambda c: leases.take(c, THEIRS, 9, T0 + GONE))

    done(database, lambda c: leases.take(c, THEIRS, 9, T0 + LIFE + GONE))

    assert "/srv/theirs" in done(database, lambda c: leases.renew(c, OURS, 5, T0 + LIFE + GONE + 1))
    assert done(database, lambda c: leases.renew(c, THEIRS, 9, T0 + LIFE + GONE + 1)) == ""


def test_one_that_was_given_back_is_free_and_its_epoch_is_remembered(database: Database) -> None:
    done(database, lambda c: leases.take(c, OURS, 5, T0))
    done(database, lambda c: leases.give_back(c, OURS, 4))
    with pytest.raises(Taken):
        done(database, lambda c: leases.epoch_before(c, THEIRS, T0 + 1))

    done(database, lambda c: leases.give_back(c, OURS, 5))

    assert done(database, lambda c: leases.epoch_before(c, THEIRS, T0 + 1)) == 5


def test_one_whose_row_is_gone_is_not_ours_any_more(database: Database) -> None:
    assert "no longer in the database" in done(database, lambda c: leases.renew(c, THEIRS, 9, T0))


def test_the_time_is_the_databases_own(database: Database) -> None:
    first = database.read(database.now)

    assert 1_700_000_000 * SECOND_NS < first <= database.read(database.now)
