"""What a setup asks of each strategy, for the record of a life."""

from typing import Any

import msgspec

from replenisher.core.fair_value import fair_value_of
from replenisher.core.setup import Setup, StrategySetup
from replenisher.model.mandate import Chain, Mandate, Owed


def mandates(setup: Setup) -> dict[str, Mandate]:
    """The mandates of all strategies."""
    return {each.id: _mandate(each) for each in setup.strategies}


def _mandate(setup: StrategySetup) -> Mandate:
    strategy = setup.strategy
    fair_value, chain, owed = fair_value_of(strategy), getattr(strategy, "chain", None), setup.obligations
    return Mandate(
        instrument=setup.instrument,
        idea=setup.name or type(strategy).__name__,
        fair_value="" if fair_value is None else fair_value.source,
        chain=chain if isinstance(chain, Chain) else None,
        policy=_told(setup.policy),
        limits=_told(setup.limits),
        guards=None if setup.guards is None else _told(setup.guards),
        obligations=None if owed is None else msgspec.convert(owed, Owed, from_attributes=True),
    )


def _told(settings: object) -> dict[str, Any]:
    """Settings by name, without those that are not in force."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    return {name: value for name, value in told.items() if value is not None}
