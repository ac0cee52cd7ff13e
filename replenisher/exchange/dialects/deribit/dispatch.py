"""From the name of a method to its answer: what is looked up, checked and charged before a method is called."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from replenisher.exchange.dialects.deribit import (
    conversation,
    history,
    holdings,
    market_data,
    mass_cancel,
    protections,
    quoting,
    trading,
    transactions,
)
from replenisher.exchange.dialects.deribit.credits import Credits, Pool
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import (
    FORBIDDEN,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_PARAMS,
    MUST_BE_WEBSOCKET,
    NOT_IMPLEMENTED,
    PUBLIC_DISABLED,
    SCOPE_EXCEEDED,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    refuse,
    refuse_param,
)
from replenisher.exchange.dialects.deribit.login import Login
from replenisher.exchange.dialects.deribit.methods import Call, Method
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.dialects.deribit.refused import REFUSED
from replenisher.exchange.dialects.deribit.session import Session

METHODS: dict[str, Method] = (
    conversation.METHODS
    | market_data.METHODS
    | trading.METHODS
    | mass_cancel.METHODS
    | protections.METHODS
    | quoting.METHODS
    | history.METHODS
    | holdings.METHODS
    | transactions.METHODS
)
OF_EVERY_METHOD = frozenset({"access_token"})
WITHOUT_LOGIN = frozenset({"public/auth", "public/hello", "public/test", "public/set_heartbeat"})
NOBODY = ""  # who asks over HTTP without a login
SAYS_NOTHING = (None, False, "false", "")


def reaches_the_engine(name: Any) -> bool:
    """Whether a method of this name is one of those that cost credits of the matching engine."""
    row = METHODS.get(name) if isinstance(name, str) else None
    return row is not None and row.pool in (Pool.TRADING, Pool.CANCEL_ALL)


class Dispatch:
    """Calls the methods of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._credits: defaultdict[str, Credits] = defaultdict(Credits)  # by account

    def answer(self, session: Session, request: Mapping[str, Any], at: int) -> Any:
        """The result of a request, however it came; what stands against it is raised as `Refused`."""
        name, values = request.get("method"), request.get("params")
        if not isinstance(name, str) or not isinstance(values, dict | None):
            refuse(INVALID_REQUEST)
        row = METHODS.get(name)
        if row is None and name not in REFUSED:
            refuse(METHOD_NOT_FOUND)
        if row is not None and row.only_socket and session.request is not None:
            refuse(MUST_BE_WEBSOCKET)
        params = Params(values or {})
        call = Call(session, self._login(session, name, params, at), name, params, at)
        if row is None:
            refuse(REFUSED[name][0])
        self._check_scope(row, call.login)
        self._charge(row, call)
        _check_params(row, values)
        return row.answer(self._desk, call)

    def _login(self, session: Session, name: str, params: Params, at: int) -> Login | None:
        """Who asks; a private method is for nobody else, and a public one only where everybody may ask."""
        login = self._desk.doorkeeper.login_of(session.request, session.login, params, at)
        if login is None and name.startswith("private/"):
            refuse(UNAUTHORIZED, {"reason": "invalid_token"})
        if login is None and not self._desk.settings.public_without_login and name not in WITHOUT_LOGIN:
            refuse(PUBLIC_DISABLED)
        return login

    def _check_scope(self, row: Method, login: Login | None) -> None:
        """A login may do what it asked for, as far as its key goes."""
        if login is None or login.scope.allows(row.scope):
            return
        refuse(SCOPE_EXCEEDED if self._desk.doorkeeper.scope_of(login.key).allows(row.scope) else FORBIDDEN)

    def _charge(self, row: Method, call: Call) -> None:
        """A request costs credits of its method's pool: of the account, of the connection, or of all such requests."""
        if call.login is not None:
            credits = self._credits[call.account]
        elif call.session.request is None:
            credits = call.session.credits
        else:
            credits = self._credits[NOBODY]  # all requests come from one address
        if not credits.pay(row.pool, self._desk.settings, call.at):
            refuse(TOO_MANY_REQUESTS)


def _check_params(row: Method, values: Mapping[str, Any] | None) -> None:
    """What is there is known and offered here, and nothing is missing."""
    if values is None:
        if row.needs:
            refuse(MISSING_PARAMS)
        return
    for name, value in values.items():
        if name not in row.takes and name not in OF_EVERY_METHOD:
            refuse_param(name, "unknown parameter")
        is_refused = name in row.not_offered and value not in SAYS_NOTHING
        if is_refused or value in row.refused_values.get(name, ()):
            refuse(NOT_IMPLEMENTED, {"param": name})
    for name in row.needs:
        if values.get(name) is None:
            refuse_param(name, "value required")
