"""What must be true before anything connects: the operator's word for real money, secrets, hosts and a tape."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from replenisher.config.config import Config
from replenisher.config.mistakes import Path_, not_allowed, spell
from replenisher.config.reading import NESTED, PREFIX
from replenisher.config.sections import RecordedMarket, VenueSection
from replenisher.errors import ConfigurationError
from replenisher.venues.ccxt.exchanges import TRAITS, USUAL

CCXT = "ccxt"

# An adapter's private sessions open to these hosts and no others, so that no key reaches a stranger. Of its exchanges
# ccxt knows the hosts itself; there, too, a request to any other is refused.
HOSTS: dict[str, dict[str, tuple[str, ...]]] = {
    "deribit": {"testnet": ("test.deribit.com",), "live": ("www.deribit.com",)},
}
SCHEMES = {"deribit": {"ws", "wss"}, CCXT: {"ws", "wss", "http", "https"}}


def require_ready(config: Config, *, live: bool = False, accepts_untested: bool = False) -> None:
    """Refuse to trade on a configuration that is spelled right but must not connect.

    `live` is the flag `--live`, `accepts_untested` is `--accept-untested`. A venue that is only listened to needs no
    key, and nothing that keeps our orders safe.
    """
    if config.mode == "live" and not live:
        raise _fault(config, ("mode",), "mode: live trades real money and needs --live on the command line as well")
    if live and config.mode != "live":
        raise _fault(config, ("mode",), f"mode: {config.mode} does not trade for real, leave --live out")
    for name in config.venues:
        _require_adapter(config, name)
        if config.venues[name].adapter == CCXT:
            _require_exchange_of_ccxt(config, name, accepts_untested=accepts_untested)
        _require_host(config, name)
    for name in config.quoted_venues:
        if config.mode != "paper":
            _require_secrets(config, name, f"mode {config.mode}")
        if config.mode == "live":
            _require_dead_man_switch(config, name)
    if config.starts_exchange:
        require_exchange(config)
    for name in config.price_sources:
        _require_price_source(config, name)


def require_audible(config: Config, *, is_raw: bool) -> None:
    """Refuse to listen where it is not known to whom, or where mode paper must not connect.

    No key is needed, but for what `is_raw`.
    """
    for name in config.venues:
        _require_adapter(config, name)
        if config.venues[name].adapter == CCXT:
            _require_exchange_of_ccxt(config, name, accepts_untested=True)
        elif is_raw and config.mode != "paper":
            _require_secrets(config, name, "--raw")
        _require_host(config, name)
    if config.starts_exchange:
        require_exchange(config)


def require_reachable(config: Config) -> None:
    """Refuse what ccxt cannot reach, keys and the operator's word for real money apart."""
    for name, section in config.venues.items():
        if section.adapter == CCXT:
            from replenisher.config.through_ccxt import objections  # ccxt is heavy, and needed by few

            for at, objection in objections(config, name, accepts_untested=True):
                if at[-1] == "exchange":
                    raise _fault(config, at, objection)


def require_exchange(config: Config) -> None:
    """Refuse to start an exchange that has no section, or no tape to play."""
    if config.exchange is None:
        raise _fault(config, ("exchange",), "exchange is missing, there is nothing to start")
    if not isinstance(config.exchange.market, RecordedMarket):
        return
    at: Path_ = ("exchange", "market", "tape")
    if config.tape is None:
        raise _fault(config, at, f"{spell(at)} is missing, name a recording with --tape FILE")
    if not config.tape.is_file():
        raise _fault(config, at, not_allowed(at, str(config.tape), no_file(config.tape)))


def no_file(path: Path) -> str:
    """What is where there should be a file."""
    return "it is no file" if path.exists() else "there is no such file"


def _require_adapter(config: Config, name: str) -> None:
    at: Path_ = ("venues", name, "adapter")
    adapter = config.venues[name].adapter
    if adapter not in SCHEMES:
        raise _fault(config, at, not_allowed(at, adapter, f"it must be one of: {', '.join(SCHEMES)}"))
    if adapter != CCXT and (exchange := config.venues[name].exchange) is not None:
        at = ("venues", name, "exchange")
        raise _fault(config, at, not_allowed(at, exchange, "it is read with adapter: ccxt only"))


def _require_exchange_of_ccxt(config: Config, name: str, *, accepts_untested: bool) -> None:
    from replenisher.config.through_ccxt import objections  # ccxt is heavy, and needed by few

    for at, objection in objections(config, name, accepts_untested=accepts_untested):
        raise _fault(config, at, objection)


def _require_host(config: Config, name: str) -> None:
    venue = config.venues[name]
    if venue.url is None:  # the adapter's own address, or that of the exchange we start
        return
    at: Path_ = ("venues", name, "url")
    try:
        parts = urlsplit(venue.url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _fault(config, at, not_allowed(at, venue.url, "it must be like ws://127.0.0.1:8080/ws/api/v2")) from None
    if parts.username is not None or not host:
        raise _fault(config, at, not_allowed(at, venue.url, "it must name a host and no user"))
    if config.mode == "paper":
        allowed = config.exchange.allow_hosts if config.exchange is not None else ()
        schemes = SCHEMES[venue.adapter]
        is_allowed = _is_loopback(host) or host in {name.lower() for name in allowed}
        rule = "in mode paper the host must be loopback or in exchange.allow_hosts"
    else:
        allowed = HOSTS[venue.adapter][config.mode]
        schemes = {"wss"}
        is_allowed = host in allowed
        rule = f"in mode {config.mode} the host must be {' or '.join(allowed)}"
    if parts.scheme not in schemes:
        raise _fault(
            config,
            at,
            not_allowed(
                at, venue.url, f"it must begin with {' or '.join(f'{scheme}://' for scheme in sorted(schemes))}"
            ),
        )
    if not is_allowed:
        raise _fault(config, at, not_allowed(at, venue.url, rule))


def _require_price_source(config: Config, name: str) -> None:
    """Nobody on the way may change a price, and in mode paper nothing leaves this machine."""
    url, at = config.price_sources[name].url, ("price_sources", name, "url")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.username is not None:
        raise _fault(config, at, not_allowed(at, url, "it must be like https://HOST/PATH, and name no user"))
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise _fault(config, at, not_allowed(at, url, "it must begin with https://, or be on loopback"))
    allowed = config.exchange.allow_hosts if config.exchange is not None else ()
    if config.mode == "paper" and not _is_loopback(host) and host not in {each.lower() for each in allowed}:
        raise _fault(
            config, at, not_allowed(at, url, "in mode paper the host must be loopback or in exchange.allow_hosts")
        )


def _require_secrets(config: Config, name: str, what: str) -> None:
    for key in ("api_key", "api_secret"):
        secret = getattr(config.venues[name], key)
        if secret is None or not secret.get_secret_value().strip():
            at: Path_ = ("venues", name, key)
            variable = PREFIX + NESTED.join(str(part) for part in at).upper()
            raise _fault(config, at, f"{spell(at)} is missing, {what} needs it: set {variable}")


def has_dead_man_switch(section: VenueSection) -> bool:
    """Whether the venue, reached as configured, takes our orders off the book when we are gone."""
    return section.adapter != CCXT or TRAITS.get(section.exchange or "", USUAL).has_switch


def _require_dead_man_switch(config: Config, name: str) -> None:
    section = config.venues[name]
    if not has_dead_man_switch(section) and not section.allow_no_dead_man:
        at: Path_ = ("venues", name, "allow_no_dead_man")
        why = f"nothing cancels our orders at {section.exchange} when this program dies"
        raise _fault(config, at, f"{spell(at)} is missing, {why}: to go live all the same, say `true`")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _fault(config: Config, at: Path_, text: str) -> ConfigurationError:
    return ConfigurationError(f"{config.where(at)}: {text}")
