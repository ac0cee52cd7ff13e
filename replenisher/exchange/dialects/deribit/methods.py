"""What a method of the venue is to this exchange: what answers it, which parameters it takes, and who may call it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from replenisher.exchange.dialects.deribit.credits import Pool
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.login import Login
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.dialects.deribit.session import Session


class Call(msgspec.Struct, frozen=True):
    """One request: who asks for what, and when it reached the exchange."""

    session: Session
    login: Login | None
    method: str
    params: Params
    at: int

    @property
    def account(self) -> str:
        """Whose orders and money this is about."""
        assert self.login is not None, "private methods are only reached when logged in"
        return self.login.key.account


Answer = Callable[[Desk, Call], Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the dispatch table."""

    answer: Answer
    takes: tuple[str, ...]  # every parameter, in the order of the reference
    needs: tuple[str, ...]  # those without which it is refused
    left_out: frozenset[str]  # those that the reference requires and its clients leave out, so that it cannot be so
    not_offered: frozenset[str]  # those of the venue that are refused here, unless they say nothing
    refused_values: Mapping[str, tuple[str, ...]]  # of others: the venue's words that are refused here
    refused_when: Mapping[str, str]  # of others: in which case the method refuses them, as a reader is told
    scope: str  # of the key and the login; empty for none
    pool: Pool
    only_socket: bool  # about a connection, so that it makes no sense over HTTP
    refuses_with: tuple[int, ...]  # the codes of a method that never does what it is asked


def method(
    answer: Answer,
    takes: str = "",
    *,
    scope: str = "",
    pool: Pool = Pool.OTHER,
    only_socket: bool = False,
    refuses_with: tuple[int, ...] = (),
    refused_values: Mapping[str, tuple[str, ...]] = NOTHING,
    refused_when: Mapping[str, str] = NOTHING,
) -> Method:
    """A row from its parameters: `name` is optional, and a mark behind it says what else it may be.

    `name*` is required, `name?` required by the reference alone, `name-` is the venue's and not offered here.
    """
    words = takes.split()
    return Method(
        answer=answer,
        takes=tuple(word.rstrip("*?-") for word in words),
        needs=tuple(word[:-1] for word in words if word.endswith("*")),
        left_out=frozenset(word[:-1] for word in words if word.endswith("?")),
        not_offered=frozenset(word[:-1] for word in words if word.endswith("-")),
        refused_values=refused_values,
        refused_when=refused_when,
        scope=scope,
        pool=pool,
        only_socket=only_socket,
        refuses_with=refuses_with,
    )
