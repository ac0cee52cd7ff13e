"""Taking a lease: all of it with all that is known, or nothing, whatever becomes of the COMMIT."""

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from replenisher.errors import Taken
from replenisher.store import leases
from replenisher.store.boot import Boot
from replenisher.store.database import Database
from replenisher.store.taking import take
from tests.store.test_leases import OURS, T0, THEIRS

T = TypeVar("T")
BOOT = Boot(journal_id=OURS.journal_id, epoch=0, step=0, snapshot=None, steps=())


class Unanswered(Database):
    """Its first COMMIT is done, and the answer is lost."""

    is_lost = False

    def write(self, work: Callable[[Connection], T]) -> T:
        done = super().write(work)
        if self.is_lost:
            return done
        self.is_lost = True
        raise OperationalError("COMMIT", {}, ConnectionResetError("reset by peer"))


def test_whoever_does_not_hear_that_it_has_the_lease_keeps_nobody_out(ledger_url: str) -> None:
    with closing(Unanswered(ledger_url)) as database:
        with pytest.raises(OperationalError):
            take(database, OURS, 5, BOOT, T0, lambda _: T0)

        assert database.read(lambda c: leases.epoch_before(c, THEIRS, T0 + 1)) == 5


def test_whoever_comes_a_moment_later_takes_nothing_from_the_holder(ledger_url: str) -> None:
    with closing(Database(ledger_url)) as database:
        take(database, THEIRS, 5, BOOT, T0, lambda _: T0)

        with pytest.raises(Taken):
            take(database, OURS, 6, BOOT, T0, lambda _: T0)

        assert database.read(lambda c: leases.standing(c, "kraken", "main")) is None
        assert database.write(lambda c: leases.renew(c, THEIRS, 5, T0)) == ""
