"""Taking the lease on the accounts of a life, and what the life is told of them then: all of it, or nothing is its."""

from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from replenisher.model.event import SignalsRemembered
from replenisher.store import halts, leases, signals
from replenisher.store.boot import Boot
from replenisher.store.database import Database
from replenisher.store.halts import Known
from replenisher.store.leases import Claim


def take(
    database: Database, claim: Claim, epoch: int, boot: Boot, at: int, now: Callable[[Connection], int]
) -> tuple[Known, list[SignalsRemembered]]:
    """What is known of halts and signals on the accounts, which are ours from now on.

    `at` is session time, and `now` tells the database's. Raises `Taken` if somebody has just been quicker.
    """

    def work(connection: Connection) -> tuple[Known, list[SignalsRemembered]]:
        leases.take(connection, claim, epoch, now(connection))
        known = halts.known(connection, claim, epoch=boot.epoch, step=boot.step)
        return known, signals.remembered(connection, claim.accounts, at)

    try:
        return database.write(work)
    except (SQLAlchemyError, OSError):
        # A COMMIT that nobody answered may have been done. The lease of a life that never began would keep all others
        # out until it ends.
        with suppress(SQLAlchemyError, OSError):
            database.write(lambda connection: leases.give_back(connection, claim, epoch))
        raise
