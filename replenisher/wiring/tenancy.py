"""Taking the lease on the accounts of a life, before it connects to anything.

On SQLite a file lock beside the database comes first: all who use such a file are processes of one machine, so there
the kernel itself says whether the other one lives, stopped or not. The row says who it is.
"""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from replenisher.config import Config
from replenisher.errors import Taken
from replenisher.live.clock import SessionClock
from replenisher.model.event import SignalsRemembered
from replenisher.model.units import SECOND_NS
from replenisher.store import halts, leases
from replenisher.store.boot import Boot
from replenisher.store.database import Database, explained
from replenisher.store.halts import Known
from replenisher.store.leases import Claim
from replenisher.store.queries import refuse_other_account
from replenisher.store.taking import take
from replenisher.wiring.recording import Tenancy


def claim_of(config: Config, accounts: Mapping[str, str], journal_id: str) -> Claim:
    """Who we are to others who would trade on the same accounts."""
    return Claim(
        accounts=accounts,
        journal_id=journal_id,
        life_ns=config.database.lease_s * SECOND_NS,
        data_directory=str(config.data_dir),
    )


@contextmanager
def untaken(config: Config, claim: Claim) -> Iterator[int]:
    """The largest epoch that these accounts have had, with nobody else on them; raises `Taken` if somebody is."""
    with ExitStack() as locks:
        locked = [each for each in _lock_files(config, claim) if not locks.enter_context(_locked(each))]
        with closing(Database(config.database_url)) as database, explained(database):
            database.read(lambda connection: refuse_other_account(connection, claim.journal_id, claim.accounts))
            last = database.read(lambda connection: halts.epoch_before(connection, claim, database.now(connection)))
            if locked:
                raise Taken(database.read(lambda connection: leases.last_holder(connection, claim)))
        yield last


def taken(
    config: Config, claim: Claim, epoch: int, boot: Boot, clock: SessionClock
) -> tuple[Tenancy, Known, list[SignalsRemembered]]:
    """The lease, ours from now on, and what is known of halts and signals.

    Raises `Taken` if somebody has just been quicker.
    """
    asked_at = clock.now()
    with closing(Database(config.database_url)) as database, explained(database):
        known, remembered = take(database, claim, epoch, boot, asked_at, database.now)
    return Tenancy(claim, epoch, asked_at), known, remembered


def _lock_files(config: Config, claim: Claim) -> list[Path]:
    """One for each account, beside a database that is a file."""
    scheme, _, file = config.database_url.partition(":///")
    if not scheme.startswith("sqlite"):
        return []
    return [Path(f"{file}.{venue}.{account}.lock") for venue, account in claim.accounts.items()]


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether it is ours, for as long as the block takes or this process lives. The file itself means nothing."""
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
