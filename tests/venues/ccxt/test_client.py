"""ccxt's own objects, made offline for every exchange it has streams for: fit to trade on or refused in a sentence."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import ccxt.pro
import pytest

from replenisher.model.instrument import Kind
from replenisher.model.units import DAY_NS, MINUTE_NS
from replenisher.venues.ccxt import client
from replenisher.venues.ccxt.client import Client, Keys, client_of, objection, redirected
from replenisher.venues.ccxt.exchanges import TRAITS, Standing, standing_of
from replenisher.venues.ccxt.refused import NOT_LOOKED_AT, REFUSED
from replenisher.venues.ccxt.venue import CcxtVenue

KEYS = Keys("an id", "a secret", "a password")
FIT = [name for name in ccxt.pro.exchanges if not objection(name)]


def addresses(urls: object) -> Iterator[str]:
    if isinstance(urls, dict):
        for value in urls.values():
            yield from addresses(value)
    elif isinstance(urls, list):
        for value in urls:
            yield from addresses(value)
    elif isinstance(urls, str) and "://" in urls:
        yield urls


def test_every_exchange_of_ccxt_is_fit_or_refused_for_a_reason_of_its_own() -> None:
    refused = {name: objection(name) for name in ccxt.pro.exchanges if name not in FIT}

    assert (len(FIT), len(refused), len(ccxt.pro.exchanges)) == (32, 44, 76)  # as the README says
    assert {"binance", "okx", "kraken", "bybit", "deribit"} <= set(FIT)
    assert all("\n" not in why and len(why) > 20 for why in refused.values())
    assert NOT_LOOKED_AT not in refused.values()
    assert set(TRAITS) == set(FIT)  # so that `list venues` can name them without loading ccxt
    assert set(REFUSED) == {name for name, why in refused.items() if REFUSED.get(name) == why}, "each reason is told"


@pytest.mark.parametrize("name", ccxt.pro.exchanges)
def test_the_adapter_is_constructed_offline_for_every_exchange(name: str) -> None:
    made = client_of(name, KEYS)

    venue = CcxtVenue(name="x", exchange=made.exchange, instruments=["BTC/USDT"], namespace="abc", random=lambda: 0.5)
    venue.start(0)

    assert made.of_ccxt.id == name
    assert made.hosts
    assert not any(host in ("localhost", "127.0.0.1") for host in made.hosts)
    assert len(venue.actions()) == 1  # its first question: which markets are there
    assert made.exchange.precision_mode in (2, 3, 4)


@pytest.mark.parametrize("name", FIT)
def test_with_an_address_no_url_of_the_exchange_leads_elsewhere(name: str) -> None:
    made = client_of(name, KEYS, address="ws://127.0.0.1:8787/ws/api/v2")

    # Whatever ccxt may still put together from its parts is stopped at the door: these are the only hosts.
    assert made.hosts == {"127.0.0.1"}
    hosts = {urlsplit(url).netloc for url in addresses(made.of_ccxt.urls)}
    assert hosts == {"127.0.0.1:8787"}
    assert {urlsplit(url).scheme for url in addresses(made.of_ccxt.urls["api"])} <= {"http", "ws"}


@pytest.mark.parametrize("name", [name for name in FIT if client.has_testnet(name)])
def test_a_testnet_is_not_the_exchange_itself(name: str) -> None:
    def api(made: Client) -> set[str]:
        return set(addresses(made.of_ccxt.urls["api"]))

    assert api(client_of(name, KEYS, testnet=True)) != api(client_of(name, KEYS))


def test_deribit_is_pointed_at_a_loopback_exchange_by_its_address() -> None:
    made = client_of("deribit", KEYS, address="ws://127.0.0.1:8787/ws/api/v2")

    assert made.of_ccxt.urls["api"]["rest"] == "http://127.0.0.1:8787"
    assert made.of_ccxt.urls["api"]["ws"] == "ws://127.0.0.1:8787/ws/api/v2"


def test_an_address_with_tls_keeps_it_and_a_nested_one_is_not_forgotten() -> None:
    urls = {"api": {"public": {"spot": "https://a.b/c"}, "ws": ["wss://d.e/f"]}, "note": "no address"}

    assert redirected(urls, "wss://sim.example:1/x") == {
        "api": {"public": {"spot": "https://sim.example:1/c"}, "ws": ["wss://sim.example:1/f"]},
        "note": "no address",
    }


def test_how_far_an_answer_about_our_trades_reaches_is_what_ccxt_knows_of_each_exchange() -> None:
    def days(name: str, kind: Kind) -> int | None:
        reach_ns = client_of(name, KEYS).exchange.reach_ns.get(kind)
        return None if reach_ns is None else (reach_ns + MINUTE_NS) // DAY_NS

    assert (days("binance", Kind.SPOT), days("binance", Kind.PERPETUAL)) == (1, 7)
    assert [days(name, Kind.SPOT) for name in ("bybit", "kucoin", "cryptocom", "phemex")] == [7, 7, 1, 2]
    assert (days("bitget", Kind.SPOT), days("bitget", Kind.FUTURE), days("kraken", Kind.SPOT)) == (90, 7, None)


def test_keys_do_not_show() -> None:
    assert repr(KEYS) == "Keys(***)"


def test_one_venue_is_proved_one_is_mapped_and_the_rest_are_untested() -> None:
    standings = {name: standing_of(name) for name in ccxt.pro.exchanges}

    assert [name for name, standing in standings.items() if standing is Standing.PROVED] == ["deribit"]
    assert [name for name, standing in standings.items() if standing is Standing.MAPPED] == ["binance"]
