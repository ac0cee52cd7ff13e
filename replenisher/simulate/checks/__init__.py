"""The invariants that every run is held to, one a file. `ALL` is what a run is checked with."""

from replenisher.simulate.checks.books import TrustedBookIsTheirs
from replenisher.simulate.checks.endings import OnlyEvidenceEnds
from replenisher.simulate.checks.fills import FilledOnce
from replenisher.simulate.checks.places import PlacedOnce
from replenisher.simulate.checks.quoting import QuotesAgain
from replenisher.simulate.court import Check

ALL: tuple[type[Check], ...] = (FilledOnce, OnlyEvidenceEnds, PlacedOnce, TrustedBookIsTheirs, QuotesAgain)
