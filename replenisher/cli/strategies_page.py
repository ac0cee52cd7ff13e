"""The strategies that a configuration can name: the opinion of each, and of one every key, kind, unit and default."""

from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from replenisher.config.parameters import Offer, Parameter

OF_YOUR_OWN = "A class of your own is named as my_strategy.py:MyLadder."
OF_ONE = f"`replenisher list strategies NAME` says all that one of them can be told. {OF_YOUR_OWN}"


def overview(offers: Mapping[str, Offer]) -> RenderableType:
    """Each strategy with its opinion."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, offer in offers.items():
        table.add_row(Text(name, style="bold"), offer.opinion)
    return Group(table, Padding(Text(OF_ONE, style="dim"), (1, 0, 0, 0)))


def strategy_page(name: str, offer: Offer, shared: Iterable[Parameter]) -> RenderableType:
    """One strategy, with every key of it and then those that all of them take."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_row(*(Text(title, style="dim") for title in ("key", "what it takes", "default")))
    for parameter in (*offer.parameters, *shared):
        table.add_row(parameter.key, Text(parameter.takes), Text(parameter.otherwise))
    opinion = Text.assemble((name, "bold"), f": {offer.opinion}")
    return Group(opinion, Padding(table, (1, 0, 1, 2)), Text(OF_YOUR_OWN, style="dim"))
