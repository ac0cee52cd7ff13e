"""The setup: the constants of one life, as the configuration and the adapters say them, in the core's own units."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from replenisher.core.budget import RateLimit
from replenisher.core.fair_value import FairValue, WhenAlone, fair_value_of
from replenisher.core.guards import Guards
from replenisher.core.look import QuotingPolicy
from replenisher.core.obligations import Obligations
from replenisher.core.prices import Of, PriceSpec
from replenisher.core.risk import Limits
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.slots import SlotKey
from replenisher.core.strategy import Strategy
from replenisher.core.topic import Topic
from replenisher.model.instrument import name_of, venue_of
from replenisher.model.step import Quote
from replenisher.model.units import SECOND_NS


class OnStart(StrEnum):
    """What becomes of orders that an earlier life has left."""

    CANCEL = "cancel"
    ADOPT = "adopt"
    ABORT = "abort"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSetup:
    """What the configuration and the adapter say about one venue."""

    name: str
    rate_limit: RateLimit
    request_timeout_ns: int
    own_echo_ns_max: int
    amends_price: bool
    forgets_ns: int = 5 * SECOND_NS  # for how long it may not know an order that rests, when it is asked for it
    cancels_orphans: bool = False  # whether it takes our orders off the book when we are gone
    sync_every_ns: int = 15 * SECOND_NS  # between two comparisons of what the venue shows of us with what we believe
    tells_cash_moves: bool = False  # whether it can be asked what moved our cash without a fill
    tells_at_once: frozenset[Topic] = frozenset()  # what one answer of it can tell of all that we trade there


# Where only an earlier life has traded nothing is waited for any more; what it wrote down of such a venue is read.
FORMER = VenueSetup(
    name="", rate_limit=RateLimit(per_s=1, burst=1), request_timeout_ns=0, own_echo_ns_max=0, amends_price=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySetup:
    """What the configuration says about one strategy."""

    id: str
    strategy: Strategy
    venue: str
    instrument: str  # key
    policy: QuotingPolicy
    limits: Limits
    guards: Guards | None = None
    obligations: Obligations | None = None
    name: str = ""  # by which the configuration calls the strategy; empty if none does

    # What follows from these, and is asked for at every step.
    ladder: tuple[str, str] = field(init=False, compare=False)  # whose orders are reconciled together
    heeds_trades: bool = field(init=False, compare=False)  # if not, a trade is no reason to ask it
    heeds_sizes: bool = field(init=False, compare=False)  # whether the sizes at the touch may change what it wants
    signals: Mapping[str, SignalSpec] = field(init=False, compare=False)  # that it is shown, by names of its own
    priced_by: FairValue | None = field(init=False, compare=False)  # its fair value, if by prices from elsewhere
    alone: FairValue | None = field(init=False, compare=False)  # its fair value, if it quotes on when the others leave
    prices: Mapping[str, PriceSpec] = field(init=False, compare=False)  # those, by the names of its fair value
    is_told_more: bool = field(init=False, compare=False)  # whether it goes by anything but the book that it quotes
    looks_again_ns: int | None = field(init=False, compare=False)  # how long its answer holds, if not for ever

    def __post_init__(self) -> None:
        strategy, fair_value = self.strategy, fair_value_of(self.strategy)
        signals: Mapping[str, SignalSpec] = getattr(strategy, "signals", {})
        priced_by = fair_value if fair_value is not None and fair_value.prices else None
        named = {} if priced_by is None else priced_by.prices
        looks_again_s: float | None = getattr(strategy, "looks_again_s", None)
        follows = {
            "ladder": (self.id, self.instrument),
            "heeds_trades": bool(getattr(strategy, "heeds_trades", fair_value is None)),
            "heeds_sizes": bool(getattr(strategy, "heeds_sizes", True)),
            "signals": signals,
            "priced_by": priced_by,
            "alone": fair_value if fair_value is not None and fair_value.when_alone is WhenAlone.QUOTE else None,
            "prices": {name: spec.on(self.instrument) for name, spec in named.items()},
            "is_told_more": bool(signals) or priced_by is not None,
            "looks_again_ns": None if looks_again_s is None else int(looks_again_s * SECOND_NS),
        }
        for name, value in follows.items():
            object.__setattr__(self, name, value)

    def slot(self, quote: Quote) -> SlotKey:
        """Where one of its quotes lives."""
        return (self.id, self.instrument, quote.side, quote.level)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The constants of one life. Every step asks for some of them by name, whatever their number."""

    namespace: str
    venues: tuple[VenueSetup, ...]
    strategies: tuple[StrategySetup, ...]
    limits: Limits  # of each account
    on_start: OnStart = OnStart.CANCEL
    left_on: tuple[str, ...] = ()  # instruments that nobody quotes now, with orders that an earlier life has left

    def venue(self, name: str) -> VenueSetup:
        """One venue's constants."""
        return self._venues.get(name, FORMER)

    def instruments(self, venue: str) -> Sequence[str]:
        """The instruments that are traded at a venue, or were while something may rest there."""
        return self._instruments.get(venue, ())

    def left_at(self, venue: str) -> Sequence[str]:
        """The venue's own names of what was traded there and may have orders still."""
        return [name_of(key) for key in self.left_on if venue_of(key) == venue]

    @property
    def quoted_venues(self) -> Sequence[VenueSetup]:
        """The venues where something can be ours."""
        return [venue for venue in self.venues if self.is_quoted_on(venue.name)]

    def is_quoted_on(self, venue: str) -> bool:
        """Whether anything can be ours at a venue; else it is only listened to."""
        return bool(self.instruments(venue))

    def scope(self, topic: Topic, instrument: str) -> str:
        """What a question has to be about so that its answer tells of an instrument: that, or all of its venue."""
        venue = venue_of(instrument)
        return venue if topic in self._told_at_once.get(venue, ()) else instrument

    def scopes(self, topic: Topic, venue: str) -> Sequence[str]:
        """The questions that it takes to hear of all that we trade at a venue."""
        return (venue,) if topic in self._told_at_once.get(venue, ()) else self.instruments(venue)

    def covered_by(self, scope: str) -> Sequence[str]:
        """The instruments that an answer tells of."""
        return self.instruments(scope) if scope in self._venues else (scope,)

    def strategy(self, strategy_id: str) -> StrategySetup | None:
        """One strategy's constants."""
        return self._strategies.get(strategy_id)

    def watching(self, instrument: str) -> Sequence[StrategySetup]:
        """The strategies that quote an instrument."""
        return self._watching.get(instrument, ())

    @cached_property
    def max_daily_loss_quote(self) -> float:
        """That limit as a double, as P&L is one."""
        return float(self.limits.max_daily_loss_quote)

    @cached_property
    def data_age_ns_max(self) -> int:
        """For how long a link may be silent before somebody shows nothing any more."""
        return min((setup.limits.max_data_age_ns for setup in self.strategies), default=self.limits.max_data_age_ns)

    @cached_property
    def heeding_trades(self) -> frozenset[str]:
        """The instruments on which a trade may change what somebody wants."""
        return frozenset(setup.instrument for setup in self.strategies if setup.heeds_trades)

    @cached_property
    def signals(self) -> dict[str, dict[str, Mapping[str, SignalSpec]]]:
        """The signals in use, by instrument, strategy and name."""
        used: dict[str, dict[str, Mapping[str, SignalSpec]]] = {}
        for setup in self.strategies:
            if setup.signals:
                used.setdefault(setup.instrument, {})[setup.id] = setup.signals
        return used

    @cached_property
    def followers(self) -> Mapping[str, Sequence[str]]:
        """By the source of a price, the instruments that are quoted by it and are to be looked at when it changes."""
        followers: dict[str, dict[str, None]] = {}
        for setup in self.strategies:
            for spec in setup.prices.values():
                followers.setdefault(spec.source, {})[setup.instrument] = None
        return {source: tuple(instruments) for source, instruments in followers.items()}

    def followed(self, venue: str, kinds: Collection[Of]) -> Sequence[str]:
        """The names of a venue's instruments of which somebody goes by such a price, whether they are traded or not."""
        specs = [spec for setup in self.strategies for spec in setup.prices.values() if spec.of in kinds]
        keys = dict.fromkeys(spec.name for spec in specs if spec.of is not Of.HTTP)
        return [name_of(key) for key in keys if venue_of(key) == venue]

    @cached_property
    def alone(self) -> Mapping[str, StrategySetup]:
        """The instruments that somebody quotes on when the others have left, each with the first one who does."""
        return {setup.instrument: setup for setup in reversed(self.strategies) if setup.alone is not None}

    @cached_property
    def obliged(self) -> dict[str, list[StrategySetup]]:
        """The strategies that have obligations, by instrument."""
        obliged: dict[str, list[StrategySetup]] = {}
        for setup in self.strategies:
            if setup.obligations is not None:
                obliged.setdefault(setup.instrument, []).append(setup)
        return obliged

    @cached_property
    def tighter(self) -> frozenset[str]:
        """The strategies that have limits of their own."""
        return frozenset(setup.id for setup in self.strategies if setup.limits != self.limits)

    @cached_property
    def shares_money(self) -> bool:
        """Whether several instruments may be paid from one purse."""
        return any(len(instruments) > 1 for instruments in self._instruments.values())

    @cached_property
    def ladders(self) -> frozenset[tuple[str, str]]:
        """The ladders of all strategies."""
        return frozenset(setup.ladder for setup in self.strategies)

    @cached_property
    def _venues(self) -> dict[str, VenueSetup]:
        return {venue.name: venue for venue in self.venues}

    @cached_property
    def _strategies(self) -> dict[str, StrategySetup]:
        return {setup.id: setup for setup in self.strategies}

    @cached_property
    def _instruments(self) -> dict[str, Sequence[str]]:
        traded = dict.fromkeys([*(setup.instrument for setup in self.strategies), *self.left_on])
        return {venue.name: [key for key in traded if venue_of(key) == venue.name] for venue in self.venues}

    @cached_property
    def _told_at_once(self) -> dict[str, frozenset[Topic]]:
        told = {venue.name: venue.tells_at_once for venue in self.venues}
        return {venue: topics if len(self.instruments(venue)) > 1 else frozenset() for venue, topics in told.items()}

    @cached_property
    def _watching(self) -> dict[str, Sequence[StrategySetup]]:
        watching: dict[str, list[StrategySetup]] = {}
        for setup in self.strategies:
            watching.setdefault(setup.instrument, []).append(setup)
        return dict(watching)
