"""What every method of the dialect works with: the exchange, its catalogue, the shapes, and who is asking."""

from collections.abc import Callable
from typing import Any

import msgspec

from replenisher.exchange.dialects.deribit.catalogue import Catalogue
from replenisher.exchange.dialects.deribit.login import Doorkeeper
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.dialects.deribit.session import Session
from replenisher.exchange.dialects.deribit.shapes import Shape, Shapes
from replenisher.exchange.exchange import Exchange


class Desk(msgspec.Struct, frozen=True):
    """The rooms a method can enter."""

    exchange: Exchange
    catalogue: Catalogue
    shapes: Shapes
    doorkeeper: Doorkeeper
    accounts_that_cancel: set[str]  # accounts whose new connections start with cancel-on-disconnect
    limits: Shape  # the credits of an account, as its summary tells them


class Call(msgspec.Struct, frozen=True):
    """One request: who asks for what, and when it reached the exchange."""

    session: Session
    method: str
    params: Params
    at: int

    @property
    def account(self) -> str:
        """Whose orders and money this is about."""
        assert self.session.login is not None, "private methods are only reached when logged in"
        return self.session.login.key.account


Method = Callable[[Desk, Call], Any]
