"""The methods about the connection itself: login, heartbeat, cancel-on-disconnect, subscriptions, the clock."""

from replenisher.exchange.dialects.deribit.channels import Channel, parse
from replenisher.exchange.dialects.deribit.credits import Pool
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import INVALID_PARAMS, RAW_NOT_AVAILABLE, refuse, refuse_param
from replenisher.exchange.dialects.deribit.methods import Call, Method, method
from replenisher.exchange.dialects.deribit.numbers import Shape, milliseconds
from replenisher.exchange.dialects.deribit.session import HEARTBEAT_S_MIN, Heartbeat
from replenisher.exchange.dialects.deribit.subscription import Subscription
from replenisher.model.units import SECOND_NS

VERSION = "1.2.26"
SCOPES = ("connection", "account")
LABEL_LENGTH_MAX = 16


def auth(desk: Desk, call: Call) -> Shape:
    """`public/auth`: a login on this connection."""
    session = call.session
    is_new = session.login is None
    on_socket = session.request is None
    session.login = desk.doorkeeper.log_in(call.params, session.login, call.at, on_socket=on_socket)
    if is_new and session.login.key.account in desk.accounts_that_cancel:
        session.cancels_on_disconnect = True
    return desk.doorkeeper.reply(session.login, call.params)


def logout(desk: Desk, call: Call) -> None:
    """`private/logout` closes the connection without an answer, and leaves its orders alone."""
    assert call.login is not None, "the method is private"
    if call.params.flag("invalidate_token", default=True):
        desk.doorkeeper.forget(call.login)
    call.session.cancels_on_disconnect = False
    call.session.says_goodbye = True


def hello(desk: Desk, call: Call) -> Shape:
    """`public/hello`."""
    call.params.text("client_name")
    call.params.text("client_version")
    return {"version": VERSION}


def test(desk: Desk, call: Call) -> Shape:
    """`public/test`, which is also the answer to a test request."""
    if "expected_result" in call.params:
        refuse(INVALID_PARAMS, {"reason": "expected exception"})
    if call.session.heartbeat:
        call.session.heartbeat.answered()
    return {"version": VERSION}


def get_time(desk: Desk, call: Call) -> int:
    """`public/get_time`."""
    return milliseconds(call.at)


def status(desk: Desk, call: Call) -> Shape:
    """`public/status`: the indices of which nothing takes an order."""
    locked = desk.catalogue.locked_indices()
    some = "true" if locked == desk.catalogue.index_names() else "partial"
    return {"locked": some if locked else "false", "locked_indices": locked}


def set_heartbeat(desk: Desk, call: Call) -> str:
    """`public/set_heartbeat`."""
    interval_s = call.params.decimal("interval")
    if interval_s < HEARTBEAT_S_MIN:
        refuse_param("interval", f"value must be at least {HEARTBEAT_S_MIN}")
    call.session.heartbeat = Heartbeat(int(interval_s * SECOND_NS), call.at)
    return "ok"


def disable_heartbeat(desk: Desk, call: Call) -> str:
    """`public/disable_heartbeat`."""
    call.session.heartbeat = None
    return "ok"


def enable_cancel_on_disconnect(desk: Desk, call: Call) -> str:
    """`private/enable_cancel_on_disconnect`; scope `account` is about connections that come later."""
    return _set_cancel_on_disconnect(desk, call, True)


def disable_cancel_on_disconnect(desk: Desk, call: Call) -> str:
    """`private/disable_cancel_on_disconnect`."""
    return _set_cancel_on_disconnect(desk, call, False)


def _set_cancel_on_disconnect(desk: Desk, call: Call, enabled: bool) -> str:
    if _scope(call) == "connection":
        call.session.cancels_on_disconnect = enabled
    elif enabled:
        desk.accounts_that_cancel.add(call.account)
    else:
        desk.accounts_that_cancel.discard(call.account)
    return "ok"


def get_cancel_on_disconnect(desk: Desk, call: Call) -> Shape:
    """`private/get_cancel_on_disconnect`."""
    scope = _scope(call)
    by_account = call.account in desk.accounts_that_cancel
    return {"scope": scope, "enabled": by_account if scope == "account" else call.session.cancels_on_disconnect}


def _scope(call: Call) -> str:
    return call.params.choice("scope", SCOPES, default="connection")


def subscribe(desk: Desk, call: Call) -> list[str]:
    """`public/subscribe` and `private/subscribe`: what does not exist is dropped without a word."""
    session = call.session
    may_hear_all = call.login is not None
    if len(call.params.text("label", default="")) > LABEL_LENGTH_MAX:
        refuse_param("label", "value too long")
    channels = [channel for name in dict.fromkeys(call.params.names("channels")) if (channel := parse(name))]
    if not may_hear_all and any(channel.is_raw for channel in channels):
        refuse(RAW_NOT_AVAILABLE)
    heard = [channel for channel in channels if _is_offered(desk, call, channel)]
    for channel in heard:
        if channel.name not in session.subscriptions:
            account = call.account if may_hear_all else ""
            session.subscribe(channel.name, Subscription(channel, account, desk))
    return [channel.name for channel in heard]


def _is_offered(desk: Desk, call: Call, channel: Channel) -> bool:
    if channel.topic.is_private and not call.method.startswith("private/"):
        return False
    if call.login is not None and not call.login.scope.allows(channel.topic.scope):
        return False
    return desk.catalogue.exists(channel)


def unsubscribe(desk: Desk, call: Call) -> list[str]:
    """`public/unsubscribe` and `private/unsubscribe`: the channels that are no longer heard."""
    names = call.params.names("channels")
    return [name for name in names if call.session.unsubscribe(name)]


def unsubscribe_all(desk: Desk, call: Call) -> str:
    """`public/unsubscribe_all` and `private/unsubscribe_all`."""
    for name in list(call.session.subscriptions):
        call.session.unsubscribe(name)
    return "ok"


METHODS: dict[str, Method] = {
    "public/auth": method(
        auth,
        "grant_type* client_id client_secret refresh_token timestamp signature nonce data state scope",
    ),
    "private/logout": method(logout, "invalidate_token", only_socket=True),
    "public/hello": method(hello, "client_name* client_version*"),
    "public/test": method(test, "expected_result"),
    "public/get_time": method(get_time),
    "public/status": method(status),
    "public/set_heartbeat": method(set_heartbeat, "interval*", only_socket=True),
    "public/disable_heartbeat": method(disable_heartbeat, only_socket=True),
    "private/enable_cancel_on_disconnect": method(
        enable_cancel_on_disconnect, "scope", scope="account:read_write", only_socket=True
    ),
    "private/disable_cancel_on_disconnect": method(
        disable_cancel_on_disconnect, "scope", scope="account:read_write", only_socket=True
    ),
    "private/get_cancel_on_disconnect": method(
        get_cancel_on_disconnect, "scope", scope="account:read", only_socket=True
    ),
    "public/subscribe": method(subscribe, "channels*", pool=Pool.SUBSCRIBE, only_socket=True),
    "private/subscribe": method(subscribe, "channels* label", pool=Pool.SUBSCRIBE, only_socket=True),
    "public/unsubscribe": method(unsubscribe, "channels*", only_socket=True),
    "private/unsubscribe": method(unsubscribe, "channels*", only_socket=True),
    "public/unsubscribe_all": method(unsubscribe_all, only_socket=True),
    "private/unsubscribe_all": method(unsubscribe_all, only_socket=True),
}
