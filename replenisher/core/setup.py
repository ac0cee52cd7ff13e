"""The setup: the constants of one life, as the configuration and the adapters say them, in the core's own units."""

from dataclasses import dataclass

from replenisher.core.budget import RateLimit
from replenisher.core.reconcile import QuotingPolicy
from replenisher.core.risk import Limits
from replenisher.core.strategy import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSetup:
    """What the configuration and the adapter say about one venue."""

    name: str
    rate_limit: RateLimit
    request_timeout_ns: int
    own_echo_ns_max: int
    amends_price: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySetup:
    """What the configuration says about one strategy."""

    id: str
    strategy: Strategy
    venue: str
    instrument: str  # key
    policy: QuotingPolicy
    limits: Limits

    @property
    def ladder(self) -> tuple[str, str]:
        """Whose orders are reconciled together."""
        return (self.id, self.instrument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The constants of one life."""

    namespace: str
    venues: tuple[VenueSetup, ...]
    strategies: tuple[StrategySetup, ...]
    limits: Limits  # of each account

    def venue(self, name: str) -> VenueSetup:
        """One venue's constants."""
        return next(venue for venue in self.venues if venue.name == name)

    def instruments(self, venue: str) -> list[str]:
        """The instruments that are traded at a venue."""
        return list(dict.fromkeys(setup.instrument for setup in self.strategies if setup.venue == venue))

    def strategy(self, strategy_id: str) -> StrategySetup | None:
        """One strategy's constants."""
        return next((setup for setup in self.strategies if setup.id == strategy_id), None)
