"""ccxt's own object for one exchange: whether we can trade on it at all, and the object, pointed where it may go.

`ccxt` itself is imported here alone, and only when somebody asks: it takes a second and 60 MB.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from replenisher.model.instrument import Kind
from replenisher.model.units import DAY_NS, MINUTE_NS
from replenisher.venues.ccxt.exchanges import TRAITS, USUAL
from replenisher.venues.ccxt.instruments import KINDS
from replenisher.venues.ccxt.link import Exchange
from replenisher.venues.ccxt.refused import NOT_LOOKED_AT, REFUSED

SECURE = {"http": "https", "ws": "wss"}
NEEDED = ("createOrder", "cancelOrder", "fetchOpenOrders", "fetchMyTrades", "fetchBalance", "fetchOrderBook")
SECRETS = frozenset({"apiKey", "secret", "password"})  # what a configuration can give


class Keys(NamedTuple):
    """An account's credentials; some exchanges want a password of the key, too."""

    api_key: str
    secret: str
    password: str = ""

    def __repr__(self) -> str:
        return "Keys(***)"


class Client(NamedTuple):
    """An exchange, as ccxt's object and as a machine sees it, and the only hosts to which requests may go."""

    of_ccxt: Any
    exchange: Exchange
    hosts: frozenset[str]


def known() -> list[str]:
    """The exchanges that ccxt has streams for, by its own names."""
    import ccxt.pro

    return list(ccxt.pro.exchanges)


def objection(exchange: str) -> str:
    """Why an exchange that ccxt knows cannot be traded on; empty if it can."""
    client = _seen(exchange)
    if missing := [what for what in NEEDED if client.has.get(what) is not True]:
        return f"through ccxt it has no {', '.join(missing)}"
    if unknown := sorted({key for key, is_needed in client.requiredCredentials.items() if is_needed} - SECRETS):
        return f"it wants credentials that are not offered here: {', '.join(unknown)}"
    return "" if exchange in TRAITS else REFUSED.get(exchange, NOT_LOOKED_AT)


def deafness(exchange: str) -> str:
    """Why an exchange that ccxt knows cannot even be listened to; empty if it can."""
    has = _seen(exchange).has
    return "" if has.get("watchOrderBook") is True or has.get("fetchOrderBook") is True else "it shows no order book"


def has_testnet(exchange: str) -> bool:
    """Whether there is a testnet of an exchange."""
    return bool(_seen(exchange).urls.get("test"))


def needs_password(exchange: str) -> bool:
    """Whether a key there has a password, too."""
    return bool(_seen(exchange).requiredCredentials.get("password"))


def client_of(
    exchange: str, keys: Keys, *, address: str | None = None, testnet: bool = False, timeout_ms: int = 10_000
) -> Client:
    """The object for one account.

    With an `address`, everything goes there: every URL that ccxt has for the exchange keeps its path, and nothing else.
    """
    traits = TRAITS.get(exchange, USUAL)  # who only listens needs no row
    client = _bare(
        exchange,
        apiKey=keys.api_key,
        secret=keys.secret,
        password=keys.password or None,
        timeout=timeout_ms,
        enableRateLimit=traits.is_paced,
    )
    if testnet:
        client.set_sandbox_mode(True)
    if address is not None:
        client.urls = redirected(client.urls, address)
        client.hostname = urlsplit(address).netloc
    seen = Exchange(
        id=exchange,
        has=dict(client.has),
        precision_mode=client.precisionMode,
        traits=traits,
        batch_max=_least(client, "createOrders", "max"),
        over_max=_least(client, "fetchClosedOrders", "limit") | _least(client, "fetchOrders", "limit"),
        reach_ns=_reach_ns(client),
    )
    return Client(client, seen, frozenset(_hosts(client)))


def redirected(urls: Any, address: str) -> Any:
    """ccxt's nested addresses with another host in every one of them: one that is left out would stay live."""
    if isinstance(urls, Mapping):
        return {key: redirected(value, address) for key, value in urls.items()}
    if isinstance(urls, list):
        return [redirected(value, address) for value in urls]
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    here, there = urlsplit(urls), urlsplit(address)
    plain = "ws" if here.scheme.startswith("ws") else "http"
    scheme = SECURE[plain] if there.scheme in SECURE.values() else plain
    return urlunsplit(here._replace(scheme=scheme, netloc=there.netloc))


@cache
def _seen(exchange: str) -> Any:
    """An object that is only looked at."""
    return _bare(exchange)


def _bare(exchange: str, **config: Any) -> Any:
    import ccxt.pro

    return getattr(ccxt.pro, exchange)(config)


def _reach_ns(client: Any) -> dict[Kind, int]:
    """By kind of market; a minute less than the exchange allows, as some of them count in seconds."""
    return {kind: days * DAY_NS - MINUTE_NS for kind, days in _least(client, "fetchMyTrades", "untilDays").items()}


def _least(client: Any, method: str, what: str) -> dict[Kind, int]:
    """Of ccxt's own table of what a method can; linear and inverse share the lesser."""
    return {kind: min(sizes) for name, kind in KINDS.items() if (sizes := list(_told(client, name, method, what)))}


def _told(client: Any, kind: str, method: str, what: str) -> Iterator[int]:
    told = (client.features or {}).get(kind) or {}
    for features in (told, told.get("linear") or {}, told.get("inverse") or {}):
        if size := (features.get(method) or {}).get(what):
            yield int(size)


def _hosts(client: Any) -> Iterator[str]:
    for url in _addresses(client.urls["api"]):
        host = urlsplit(url.replace("{hostname}", str(client.hostname or ""))).hostname
        if host:
            yield host


def _addresses(urls: Any) -> Iterator[str]:
    if isinstance(urls, Mapping):
        for value in urls.values():
            yield from _addresses(value)
    elif isinstance(urls, list):
        for value in urls:
            yield from _addresses(value)
    elif isinstance(urls, str) and "://" in urls:
        yield urls
