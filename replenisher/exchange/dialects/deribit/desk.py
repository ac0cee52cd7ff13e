"""What every method and every subscription of the dialect works with: the exchange, its catalogue, the shapes."""

import msgspec

from replenisher.exchange.dialects.deribit.catalogue import Catalogue
from replenisher.exchange.dialects.deribit.login import Doorkeeper
from replenisher.exchange.dialects.deribit.market_shapes import MarketShapes
from replenisher.exchange.dialects.deribit.money_shapes import MoneyShapes
from replenisher.exchange.dialects.deribit.settings import DeribitSettings
from replenisher.exchange.dialects.deribit.shapes import Shapes
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.views import Views


class Desk(msgspec.Struct, frozen=True):
    """The rooms a method can enter."""

    exchange: Exchange
    views: Views
    settings: DeribitSettings
    catalogue: Catalogue
    shapes: Shapes
    market: MarketShapes
    money: MoneyShapes
    doorkeeper: Doorkeeper
    accounts_that_cancel: set[str]  # accounts whose new connections start with cancel-on-disconnect


def open_desk(exchange: Exchange, settings: DeribitSettings) -> Desk:
    """Everything that stands behind the dialect of one exchange."""
    views = exchange.views
    catalogue = Catalogue(views)
    accounts = list(dict.fromkeys(key.account for key in settings.keys))
    return Desk(
        exchange=exchange,
        views=views,
        settings=settings,
        catalogue=catalogue,
        shapes=Shapes(catalogue, views, {account: number for number, account in enumerate(accounts, start=1)}),
        market=MarketShapes(catalogue, views),
        money=MoneyShapes(catalogue, views, settings),
        doorkeeper=Doorkeeper(settings.keys, settings.token_s, exchange.exchange_id),
        accounts_that_cancel=set(),
    )
