"""What a life is made of, on whatever it runs: put together as `wiring` does it for a process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from replenisher.core.engine import Engine
from replenisher.core.mandates import mandates
from replenisher.core.setup import Setup
from replenisher.core.state import State
from replenisher.live.birth import begin, inherited
from replenisher.live.chronicle import Chronicle, Tell
from replenisher.live.clock import Clock
from replenisher.live.lease import Lease
from replenisher.live.monitor import Monitor
from replenisher.live.supervisor import Parts
from replenisher.model.event import Started
from replenisher.model.step import Step
from replenisher.simulate.rows import SimulatedDatabase
from replenisher.simulate.tenancy import SimulatedKeeper, claim_of, epoch_before
from replenisher.simulate.timeline import Timeline, VirtualLoop
from replenisher.store.journal import Journal, Policy
from replenisher.venues.deribit.settings import Credentials
from replenisher.venues.deribit.venue import DeribitVenue


@dataclass(frozen=True, kw_only=True)
class Making:
    """What every life of a daemon is made of."""

    setup: Setup
    config_version: str
    accounts: dict[str, str]
    policy: Policy
    dead_man_ns: int  # as the venue was told
    credentials: Credentials
    venue: Callable[[Callable[[], float], str], DeribitVenue]  # a new machine: its source of chance, and an address
    objection: Callable[[State], Callable[[], str]]  # what of the configuration no venue would take


class Body(NamedTuple):
    """One life before it starts."""

    parts: Parts
    venue: DeribitVenue
    monitor: Monitor
    keeper: SimulatedKeeper
    epoch: int


def body_of(
    making: Making,
    venue: DeribitVenue,
    journal: Journal,
    *,
    timeline: Timeline,
    loop: VirtualLoop,
    clock: Clock,
    database: SimulatedDatabase | None,
    directory: str,
    number: int,
    observe: Sequence[Callable[[Step], None]],
    tell: Tell,
    rows: Callable[[], dict[str, Any]],
) -> Body:
    """Begin a life in a journal; `rows` says how those are doing, and `loop` is what its lease is renewed beside."""
    claim = claim_of(making.accounts, journal, directory, number)
    before = epoch_before(database, claim, timeline.at) if database is not None else 0
    state, epoch = begin(journal, making.setup, timeline.at, epoch_before=before)
    keeper = SimulatedKeeper(timeline, loop, database, claim, epoch, journal.boot)
    monitor, lease = Monitor(state), Lease(keeper, claim.life_ns)
    parts = Parts(
        engine=Engine(state, number=journal.boot.step),
        journal=journal,
        venues={venue.name: venue},
        clock=clock,
        lease=lease,
        started=Started(
            at=timeline.at,
            epoch=epoch,
            namespace=making.setup.namespace,
            config_version=making.config_version,
            accounts=making.accounts,
            mandates=mandates(making.setup),
        ),
        inherited=[*inherited(state, keeper.known, timeline.at), *keeper.remembered],
        observers=[*observe, monitor.observe, Chronicle(state, tell).observe],
        learned=monitor.learned,
        tell=tell,
        status=lambda: {
            "lease": {"epoch": epoch, **lease.standing(clock.now())},
            "rows": rows(),
            "statements": [],
            "lines_lost": 0,
            **monitor.status(state, clock.now()),
        },
        objection=making.objection(state),
        complaint=journal.complaint,
    )
    return Body(parts, venue, monitor, keeper, epoch)
