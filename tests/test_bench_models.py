"""The bench of models compares like with like. That it measures is among the long tests: a model must watch first."""

from decimal import Decimal
from pathlib import Path

import pytest

from bench.models import GLFT, PURE_MM
from bench.tick_to_order import ALL_MOVE, LOTS, ONE_MOVES, STILL, TOUCH
from replenisher.config.opinions import adapter, field_names, strategy_class
from replenisher.core.book import Touch
from replenisher.core.strategy import View
from replenisher.model.order import Side
from replenisher.wiring.listings import synthetic_instrument


@pytest.mark.parametrize("bid_lots", [STILL, ONE_MOVES, ALL_MOVE])
@pytest.mark.parametrize("measured", [0.0, 1e-9, 1e9])
def test_both_show_the_same_quotes_whatever_is_measured(bid_lots: int, measured: float) -> None:
    view = View(
        at=0,
        instrument=synthetic_instrument("deribit"),
        touch=Touch(TOUCH[Side.BUY], bid_lots, TOUCH[Side.SELL], LOTS - bid_lots),
        last_trade=None,
        inventory=Decimal(0),
        signals=dict.fromkeys(("sigma", "a", "k"), measured),
    )

    shown = []
    for section in (PURE_MM, GLFT):
        strategy = strategy_class(section["strategy"], Path())
        own = {name: section[name] for name in field_names(strategy) if name in section}
        shown.append(adapter(strategy).validate_python(own).quote(view).quotes)

    assert len(shown[0]) == 10
    assert shown[0] == shown[1]
