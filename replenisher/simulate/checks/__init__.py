"""The invariants that every run is held to, one a file. `ALL` is what a run is checked with."""

from replenisher.simulate.checks.booking import FillsAreBookedSoon
from replenisher.simulate.checks.books import TrustedBookIsTheirs
from replenisher.simulate.checks.bounds import NothingGrowsWithoutEnd
from replenisher.simulate.checks.catching_up import RowsCatchUp
from replenisher.simulate.checks.dialing import DialsAreFew
from replenisher.simulate.checks.endings import OnlyEvidenceEnds
from replenisher.simulate.checks.epochs import OneWriter
from replenisher.simulate.checks.exposure import WorstCaseIsWithinLimits
from replenisher.simulate.checks.fills import FilledOnce
from replenisher.simulate.checks.foresight import NoForesight
from replenisher.simulate.checks.latch import HaltIsALatch
from replenisher.simulate.checks.money import MoneyIsConserved
from replenisher.simulate.checks.orders import OrdersOnlyGoOn
from replenisher.simulate.checks.orphans import NoOrphans
from replenisher.simulate.checks.places import PlacedOnce
from replenisher.simulate.checks.positions import PositionIsTheirs
from replenisher.simulate.checks.presence import PresenceIsTrue
from replenisher.simulate.checks.quoting import QuotesAgain
from replenisher.simulate.checks.rates import RatesAreKept
from replenisher.simulate.checks.remembering import JournalIsEnough
from replenisher.simulate.checks.sanity import OrdersAreSane
from replenisher.simulate.checks.secrecy import SecretsAreKept
from replenisher.simulate.checks.staleness import NoQuoteOnAStaleBook
from replenisher.simulate.checks.stopping import StopsInTime
from replenisher.simulate.checks.strangers import StrangersAreLeftAlone
from replenisher.simulate.checks.telling import OperatorIsTold
from replenisher.simulate.checks.unknowns import UnknownsAreResolved
from replenisher.simulate.checks.unwanted import UnwantedOrdersGo
from replenisher.simulate.checks.writing_ahead import WrittenAhead
from replenisher.simulate.court import Check

SAFETY: tuple[type[Check], ...] = (
    FilledOnce,
    PositionIsTheirs,
    OrdersOnlyGoOn,
    WorstCaseIsWithinLimits,
    OnlyEvidenceEnds,
    OneWriter,
    PlacedOnce,
    NoQuoteOnAStaleBook,
    NoOrphans,
    StrangersAreLeftAlone,
    WrittenAhead,
    NoForesight,
    TrustedBookIsTheirs,
    OrdersAreSane,
    RatesAreKept,
    MoneyIsConserved,
    HaltIsALatch,
    SecretsAreKept,
    JournalIsEnough,
    NothingGrowsWithoutEnd,
    PresenceIsTrue,
)
LIVENESS: tuple[type[Check], ...] = (
    QuotesAgain,
    UnknownsAreResolved,
    FillsAreBookedSoon,
    UnwantedOrdersGo,
    DialsAreFew,
    StopsInTime,
    OperatorIsTold,
    RowsCatchUp,
)
ALL = (*SAFETY, *LIVENESS)
