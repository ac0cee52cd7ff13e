"""From a section of `venues` to the venue itself: where it is, with which key, the machine, and who carries for it."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from replenisher.config import CCXT, Config
from replenisher.config.sections import PAPER_KEY
from replenisher.core.prices import TOLD_BY_A_TICKER, Of
from replenisher.live.clock import SessionClock
from replenisher.live.relay import Relay
from replenisher.model.units import HOUR_NS, MS_NS
from replenisher.venues.ccxt.link import Settings as Patience
from replenisher.venues.ccxt.venue import CcxtVenue
from replenisher.venues.deribit.settings import Credentials, Settings
from replenisher.venues.deribit.venue import DeribitVenue
from replenisher.venues.socket import Sockets
from replenisher.venues.venue import Carrier, CarrierOf, Tasks, Venue
from replenisher.wiring.child import Child
from replenisher.wiring.setup import setup_of

ADAPTER_URLS = {
    "testnet": "wss://test.deribit.com/ws/api/v2",
    "live": "wss://www.deribit.com/ws/api/v2",
}


class Reached(NamedTuple):
    """A place to trade, and whoever carries for it."""

    venue: Venue
    carrier: CarrierOf


def reach(
    config: Config,
    name: str,
    child: Child | None,
    clock: SessionClock,
    *,
    left_on: Sequence[str] = (),
    is_trial: bool = False,
) -> Reached:
    """What one life needs of a venue; on trial nothing is done to the account that outlasts it.

    What nobody quotes any more but may have orders is `left_on`. Where nothing is quoted there is no account to us.
    """
    if name not in config.quoted_venues:
        return listen(config, name, child, clock)
    if config.venues[name].adapter == CCXT:
        return _reach_through_ccxt(config, name, child, clock, left_on=left_on, is_trial=is_trial)
    return _over_sockets(venue_of(config, name, child, left_on=left_on), clock)


def listen(
    config: Config,
    name: str,
    child: Child | None,
    clock: SessionClock,
    *,
    with_tickers: bool = False,
    is_raw: bool = False,
) -> Reached:
    """A venue that is only listened to, in public and without our key: all that anybody goes by there.

    `with_tickers` what Deribit tells of its instruments' worth is heard whether anybody goes by that or not; elsewhere
    not every instrument has any. What `is_raw` is every single change: Deribit tells that to who logs in, which is done
    with the right to read alone.
    """
    if config.venues[name].adapter == CCXT:
        return _reach_through_ccxt(config, name, child, clock, only_listens=True)
    names = watched_on(config, name)
    venue = DeribitVenue(
        name=name,
        url=url_of(config, name, child),
        credentials=msgspec.structs.replace(credentials_of(config, name), only_reads=True) if is_raw else None,
        instruments=names,
        namespace=config.namespace,
        random=random.SystemRandom().random,
        settings=patience_with(config, name),
        tickers=names if with_tickers else tickers_on(config, name),
    )
    return _over_sockets(venue, clock)


def _over_sockets(venue: DeribitVenue, clock: SessionClock) -> Reached:
    def carrier(tasks: Tasks, hear: Callable[[Callable[[], None]], None], ended: Callable[[str], None]) -> Carrier:
        return Sockets(tasks, Relay(venue, hear, ended), clock.now)

    return Reached(venue, carrier)


def _reach_through_ccxt(
    config: Config,
    name: str,
    child: Child | None,
    clock: SessionClock,
    *,
    left_on: Sequence[str] = (),
    is_trial: bool = False,
    only_listens: bool = False,
) -> Reached:
    from replenisher.venues.ccxt.carrier import Caller  # what it stands on takes a second to load
    from replenisher.venues.ccxt.client import Keys, client_of

    section, key = config.venues[name], credentials_of(config, name)
    assert section.exchange is not None, "a configuration that is ready names the exchange"
    password = section.api_password.get_secret_value() if section.api_password is not None else ""
    client = client_of(
        section.exchange,
        Keys("", "") if only_listens else Keys(key.client_id, key.client_secret, password),
        address=section.url or (child.announcement.url if child is not None else None),
        testnet=config.mode == "testnet",
        timeout_ms=section.request_timeout_ms,
    )
    venue = CcxtVenue(
        name=name,
        exchange=client.exchange,
        instruments=watched_on(config, name) if only_listens else [*instruments_on(config, name), *left_on],
        namespace=config.namespace,
        random=random.SystemRandom().random,
        settings=Patience(
            poll_ns=section.poll_ms * MS_NS,
            dead_man_switch_s=0 if is_trial else section.dead_man_switch_s,
            is_exclusive=section.exclusive,
        ),
        followed=followed_on(config, name),
        tickers=tickers_on(config, name),
        only_listens=only_listens,
    )

    def carrier(tasks: Tasks, hear: Callable[[Callable[[], None]], None], ended: Callable[[str], None]) -> Carrier:
        return Caller(tasks, client.of_ccxt, client.hosts, venue, hear, ended, clock.now)

    return Reached(venue, carrier)


def venue_of(config: Config, name: str, child: Child | None, *, left_on: Sequence[str] = ()) -> DeribitVenue:
    """The machine that speaks to a venue; `child` is the exchange that we have started, if we have."""
    return DeribitVenue(
        name=name,
        url=url_of(config, name, child),
        credentials=credentials_of(config, name),
        instruments=[*instruments_on(config, name), *left_on],
        namespace=config.namespace,
        random=random.SystemRandom().random,
        settings=patience_with(config, name),
        followed=followed_on(config, name),
        tickers=tickers_on(config, name),
    )


def patience_with(config: Config, name: str) -> Settings:
    """What is configured of how patient we are with Deribit."""
    section = config.venues[name]
    return Settings(
        dead_man_switch_s=section.dead_man_switch_s,
        orders_per_s=section.rate_limit_per_s,
        orders_burst=section.rate_limit_burst,
        age_ns_max=None if section.connection_age_h_max is None else round(section.connection_age_h_max * HOUR_NS),
    )


def url_of(config: Config, name: str, child: Child | None) -> str:
    """The address that is configured, or that of the exchange we have started, or the adapter's own."""
    return config.venues[name].url or (child.announcement.url if child is not None else ADAPTER_URLS[config.mode])


def credentials_of(config: Config, name: str) -> Credentials:
    """The key that is configured; a simulated exchange takes the one that everybody knows."""
    key, secret = config.venues[name].api_key, config.venues[name].api_secret
    if key is None or secret is None:
        return Credentials(PAPER_KEY, PAPER_KEY)
    return Credentials(key.get_secret_value(), secret.get_secret_value())


def instruments_on(config: Config, name: str) -> list[str]:
    """What is traded at a venue, each once."""
    return list(dict.fromkeys(item.instrument for item in config.strategies if item.venue == name))


def watched_on(config: Config, name: str) -> list[str]:
    """What is traded at a venue, or gone by in any other way, each once."""
    return list(dict.fromkeys([*instruments_on(config, name), *followed_on(config, name), *tickers_on(config, name)]))


def followed_on(config: Config, name: str) -> Sequence[str]:
    """Whose books somebody goes by at a venue, traded or not."""
    return setup_of(config).followed(name, {Of.MID})


def tickers_on(config: Config, name: str) -> Sequence[str]:
    """Whose index, mark or funding rate somebody goes by."""
    return setup_of(config).followed(name, TOLD_BY_A_TICKER)
