"""The strategies that a configuration can name: the opinion of each, and of one every key, kind, unit and default."""

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from replenisher.config.parameters import Offer, Parameter

EVERY_STRATEGY = (
    "Besides, every strategy takes id, venue, instrument, refill, order_refresh_tolerance_bps, amount_tolerance_pct, "
    "max_order_age_s, amend, keep_place, min_profit_bps, maker_fee_bps and risk. A class of your own is named as "
    "my_strategy.py:MyLadder."
)
OF_ONE = (
    "`replenisher list strategies NAME` says all that one of them can be told. A class of your own is named as "
    "my_strategy.py:MyLadder."
)


def overview(offers: Mapping[str, Offer]) -> RenderableType:
    """Each strategy with its opinion."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, offer in offers.items():
        table.add_row(Text(name, style="bold"), offer.opinion)
    return Group(table, Padding(Text(OF_ONE, style="dim"), (1, 0, 0, 0)))


def strategy_page(name: str, offer: Offer) -> RenderableType:
    """One strategy, with every key of it."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_row(*(Text(title, style="dim") for title in ("key", "what it takes", "default")))
    for parameter in offer.parameters:
        table.add_row(parameter.key, Text(_takes(parameter)), Text(_default(parameter)))
    opinion = Text.assemble((name, "bold"), f": {offer.opinion}")
    return Group(opinion, Padding(table, (1, 0, 1, 2)), Text(EVERY_STRATEGY, style="dim"))


def _takes(parameter: Parameter) -> str:
    kind = f"{parameter.kind}, in {parameter.unit}" if parameter.unit else parameter.kind
    return f"{parameter.about} ({kind})" if parameter.about else kind


def _default(parameter: Parameter) -> str:
    if parameter.is_required:
        return "required"
    return "none" if parameter.default in (None, []) else str(parameter.default)
