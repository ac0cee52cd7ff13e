"""What a life tells once of each strategy: what was asked of it, in words that need no configuration."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec

from replenisher.core.guards import Guards
from replenisher.core.mandates import mandates
from replenisher.core.obligations import Obligations
from replenisher.core.strategy import NO_QUOTES, Quotes, View
from replenisher.model.mandate import Chain, How, Link, Mandate, Owed
from replenisher.model.order import Side
from strategies.pure_mm import PureMarketMaking
from tests.core.world import KEY, limits, policy, setup

OWN = Chain(links=(Link("edge", How.OUTWARD, ("edge",)),), spreads_bps={})


@dataclass(frozen=True)
class Own:
    """A strategy of somebody's own."""

    chain: object = field(default=OWN)

    def quote(self, view: View) -> Quotes:
        return NO_QUOTES


def test_a_mandate_names_what_was_in_force_and_leaves_out_what_was_not() -> None:
    strategy = PureMarketMaking(
        size_unit="quote", order_levels=2, bid_spread_bps=4, ask_spread_bps=5, level_spacing_bps=3, order_amount=100
    )
    told = mandates(setup([("core", strategy)], policy=policy(tolerance_bps=2.5), guards=Guards(closest_bps=1.5)))

    (mandate,) = told.values()
    assert (mandate.instrument, mandate.idea, mandate.fair_value) == (KEY, "PureMarketMaking", "mid")
    assert mandate.chain is not None
    assert mandate.chain.spreads_bps == {Side.BUY: (4.0, 7.0), Side.SELL: (5.0, 8.0)}
    assert mandate.policy["tolerance_bps"] == 2.5
    assert "max_order_age_ns" not in mandate.policy
    assert Decimal(mandate.limits["max_position_quote"]) == limits().max_position_quote
    assert mandate.guards == {"closest_bps": 1.5}
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(mandate), type=Mandate) == mandate


def test_what_is_owed_is_in_the_mandate_and_in_none_that_is_older() -> None:
    owed = Obligations(max_spread_bps=50.0, min_depth_quote=Decimal("20000.5"), min_uptime_pct=95.0)
    told = mandates(setup([("core", Own())], obligations=owed))["core"]
    older = msgspec.to_builtins(told)
    del older["obligations"]

    assert told.obligations == Owed(max_spread_bps=50.0, min_depth_quote=Decimal("20000.5"), min_uptime_pct=95.0)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Mandate).obligations == told.obligations
    assert msgspec.convert(older, Mandate) == msgspec.structs.replace(told, obligations=None)


def test_a_strategy_is_called_what_the_configuration_calls_it() -> None:
    named = replace(setup([("core", Own())]).strategies[0], name="own.py:Own")

    assert mandates(replace(setup([]), strategies=(named,)))["core"].idea == "own.py:Own"


def test_a_strategy_of_ones_own_is_explained_by_what_it_says_of_itself() -> None:
    told = mandates(setup([("own", Own()), ("silent", Own(chain="a word"))]))

    assert told["own"].chain == OWN
    assert (told["silent"].chain, told["silent"].fair_value, told["silent"].guards) == (None, "", None)
