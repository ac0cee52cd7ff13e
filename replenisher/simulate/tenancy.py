"""The lease on the timeline: the real rows and sentences, told and renewed a moment after they are asked for."""

from contextlib import suppress

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from replenisher.errors import Unreachable
from replenisher.live.lease import Word
from replenisher.model.event import SignalsRemembered
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.rows import SimulatedDatabase
from replenisher.simulate.timeline import Timeline, VirtualLoop
from replenisher.store import halts, leases
from replenisher.store.boot import Boot
from replenisher.store.database import said
from replenisher.store.halts import Known
from replenisher.store.journal import Journal
from replenisher.store.leases import Claim
from replenisher.store.taking import take

LIFE_NS = 90 * SECOND_NS
ANSWER_NS = 20 * MS_NS


def claim_of(accounts: dict[str, str], journal: Journal, directory: str, number: int) -> Claim:
    """A life's claim, in which nothing of this machine is."""
    return Claim(
        accounts=accounts,
        journal_id=journal.boot.journal_id,
        life_ns=LIFE_NS,
        data_directory=directory,
        host="simulated",
        pid=number,
    )


def epoch_before(database: SimulatedDatabase, claim: Claim, at: int) -> int:
    """The largest epoch that the accounts have had."""
    return database.read(lambda connection: halts.epoch_before(connection, claim, at))


class SimulatedKeeper:
    """Renews the lease of one life; without a database nobody else is to be feared, and it is always held."""

    def __init__(
        self,
        timeline: Timeline,
        loop: VirtualLoop,
        database: SimulatedDatabase | None,
        claim: Claim,
        epoch: int,
        boot: Boot,
    ) -> None:
        self.known = Known((), "")  # of halts on the accounts
        self.remembered: list[SignalsRemembered] = []
        self.word = Word(asked_at=timeline.at)
        self._timeline, self._loop, self._database = timeline, loop, database
        self._claim, self._epoch = claim, epoch
        if database is None:
            return
        try:
            self.known, self.remembered = take(database, claim, epoch, boot, timeline.at, lambda _: timeline.at)
        except SQLAlchemyError as error:
            raise Unreachable(said(error)) from error

    def renew(self, at: int) -> None:
        """The recorder's process does, a moment later."""
        self._timeline.put(self._timeline.at + ANSWER_NS, self._loop.beside, self._renew, at)

    def _renew(self, asked_at: int) -> None:
        if self._database is None:
            self.word = Word(asked_at=asked_at)
            return
        at = self._timeline.at
        try:
            holder = self._database.write(lambda c: leases.renew(c, self._claim, self._epoch, at))
        except SQLAlchemyError as error:
            self.word = msgspec.structs.replace(self.word, error=said(error))
        else:
            self.word = Word(asked_at=asked_at, holder=holder)

    def give_back(self) -> None:
        """Whoever ends lets others trade at once; where that cannot be written they wait."""
        if self._database is not None:
            with suppress(SQLAlchemyError):
                self._database.write(lambda connection: leases.give_back(connection, self._claim, self._epoch))
