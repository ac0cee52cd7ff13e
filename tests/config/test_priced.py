"""What a fair value goes by, held against the configuration: each mistake is one sentence, before anything connects."""

from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.config.readiness import require_ready
from replenisher.errors import ConfigurationError
from replenisher.wiring.books import accounts_of, check
from replenisher.wiring.offered import require_offered
from replenisher.wiring.setup import setup_of
from replenisher.wiring.venues import followed_on, instruments_on, tickers_on, watched_on

DESK = """
version: 1
mode: paper
venues:
  deribit: {adapter: deribit}
  kraken: {adapter: ccxt, exchange: kraken, url: "http://127.0.0.1:1"}
  idle: {adapter: deribit, url: "ws://127.0.0.1:1"}
exchange:
  venue: deribit
  market: {source: synthetic}
  instruments: {BTC-PERPETUAL: {}, BTC-25JUN27: {}}
  balances: {BTC: "10"}
risk: {max_position_quote: 100000, max_order_quote: 5000, max_open_orders: 20, max_daily_loss_quote: 500,
  price_collar_bps: 200}
price_sources: {desk: {url: "http://127.0.0.1:9/btc", field: price}}
strategies:
  - {id: core, strategy: pure_mm, venue: deribit, instrument: BTC-PERPETUAL, size_unit: quote, order_amount: 1000,
     order_levels: 1, bid_spread_bps: 8, ask_spread_bps: 8, fair_value: FIRST}
  - {id: far, strategy: pure_mm, venue: VENUE, instrument: INSTRUMENT, size_unit: quote, order_amount: 1000,
     order_levels: 1, bid_spread_bps: 8, ask_spread_bps: 8, fair_value: SECOND}
"""


def desk(room: Path, first: str, second: str = "{}", *, at: str = "deribit BTC-25JUN27") -> Path:
    venue, instrument = at.split()
    path = room / "desk.yaml"
    written = {"FIRST": first, "SECOND": second, "VENUE": venue, "INSTRUMENT": f'"{instrument}"'}
    text = DESK
    for word, meant in written.items():
        text = text.replace(word, meant)
    path.write_text(text)
    return path


def of(leg: str) -> str:
    return f"{{source: composite, outlier_bps: 10, min_legs: 1, legs: [{leg}]}}"


def test_what_is_followed_is_watched_and_not_traded(tmp_path: Path) -> None:
    legs = "{venue: deribit, instrument: BTC-25JUN27}, {venue: deribit, instrument: ETH-PERPETUAL, of: index}"
    config = load(desk(tmp_path, of(f"{legs}, {{http: desk}}"), at="kraken BTC/USD"))

    assert instruments_on(config, "deribit") == ["BTC-PERPETUAL"]
    assert followed_on(config, "deribit") == ["BTC-25JUN27"]
    assert tickers_on(config, "deribit") == ["ETH-PERPETUAL"]
    assert not followed_on(config, "kraken")
    assert setup_of(config).instruments("deribit") == ["deribit/BTC-PERPETUAL"]


def test_a_venue_on_which_nothing_is_quoted_is_only_listened_to(tmp_path: Path) -> None:
    config = load(
        desk(tmp_path, of("{venue: deribit, instrument: BTC-PERPETUAL}, {venue: kraken, instrument: BTC/USD}"))
    )
    setup = setup_of(config)

    assert list(config.quoted_venues) == [venue.name for venue in setup.quoted_venues] == ["deribit"]
    assert (watched_on(config, "kraken"), watched_on(config, "idle")) == (["BTC/USD"], [])
    assert accounts_of(config, "7") == {"deribit": "main@7"}  # at kraken anybody may trade on an account of that name
    told = check(config)
    assert told["only_listened_to"] == ["kraken"]
    assert list(told["dead_man_switch"]) == ["deribit"]
    unused = "venues.idle: nothing is quoted there and no fair value goes by it: it is left alone"
    assert told["advice"][0] == f"{config.path}: {unused}"


def test_who_goes_by_nothing_has_nothing_followed(tmp_path: Path) -> None:
    setup = setup_of(load(desk(tmp_path, "{source: micro}")))

    assert not setup.followers
    assert all(strategy.priced_by is None for strategy in setup.strategies)


@pytest.mark.parametrize(
    ("first", "second", "at", "sentence"),
    [
        (
            "{source: http, http: dekc}",
            "{}",
            "deribit BTC-25JUN27",
            "strategies[0].fair_value.http: 'dekc' is not allowed, it must be one of price_sources: desk",
        ),
        (
            of("{http: desk}, {venue: krakne, instrument: BTC/USD}"),
            "{}",
            "deribit BTC-25JUN27",
            "strategies[0].fair_value.legs[1].venue: 'krakne' is not allowed, it must be one of venues: ",
        ),
        (
            "{}",
            "{source: mark}",
            "kraken BTC/USD",
            "strategies[1].fair_value.source: 'mark' is not allowed, through ccxt kraken tells no mark price; these do",
        ),
        (
            of("{venue: kraken, instrument: BTC/USD, of: index}"),
            "{}",
            "kraken BTC/USD",
            "strategies[0].fair_value.legs[0].of: 'index' is not allowed, through ccxt kraken tells no index price",
        ),
        (
            "{}",
            "{funding_shift: 0.5}",
            "kraken BTC/USD",
            "strategies[1].fair_value.funding_shift: 'funding_8h' is not allowed, kraken is not reached by the adapter",
        ),
        (
            "{}",
            "{funding_shift: 0.5}",
            "deribit BTC-25JUN27",
            "strategies[1].fair_value.funding_shift: 'BTC-25JUN27' is not allowed, only a perpetual has a funding rate",
        ),
        (
            "{source: composite, outlier_bps: 10, min_legs: 3, legs: [{http: desk}]}",
            "{}",
            "deribit BTC-25JUN27",
            "strategies[0].fair_value.min_legs",
        ),
        (
            "{source: http, http: desk, max_age_ms: 1000}",
            "{}",
            "deribit BTC-25JUN27",
            "strategies[0].fair_value.max_age_ms: 1000 is not allowed, it must be greater than "
            "price_sources.desk.poll_ms, 1000",
        ),
        (
            of("{venue: deribit, instrument: BTC-PERPETUAL}, {http: desk, max_age_ms: 100}"),
            "{}",
            "deribit BTC-25JUN27",
            "strategies[0].fair_value.legs[1].max_age_ms: 100 is not allowed, it must be greater than price_sources.",
        ),
        (
            of("{venue: deribit}"),
            "{}",
            "deribit BTC-25JUN27",
            "strategies[0].fair_value.legs[0].instrument",
        ),
    ],
)
def test_what_cannot_be_known_is_refused(tmp_path: Path, first: str, second: str, at: str, sentence: str) -> None:
    path = desk(tmp_path, first, second, at=at)

    with pytest.raises(ConfigurationError) as refusal:
        load(path)

    assert str(refusal.value).startswith(f"{path}: ")
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_leg_that_the_simulated_exchange_does_not_list_is_refused(tmp_path: Path) -> None:
    legs = "{http: desk}, {venue: deribit, instrument: ETH-PERPETUAL}"
    config = load(desk(tmp_path, "{}", of(legs)))

    with pytest.raises(ConfigurationError) as refusal:
        require_offered(config)

    assert str(refusal.value) == (
        f"{tmp_path / 'desk.yaml'}: strategies[1].fair_value.legs[1].instrument: 'ETH-PERPETUAL' is not allowed, "
        "the simulated exchange offers BTC-PERPETUAL, BTC-25JUN27"
    )


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("ftp://127.0.0.1/x", "it must begin with https://, or be on loopback"),
        ("http://prices.example/x", "it must begin with https://, or be on loopback"),
        ("https://prices.example/x", "in mode paper the host must be loopback or in exchange.allow_hosts"),
        ("https://me:secret@127.0.0.1/x", "and name no user"),
        ("prices", "it must be like https://HOST/PATH"),
    ],
)
def test_a_price_is_asked_for_where_nobody_can_change_it_on_the_way(tmp_path: Path, url: str, rule: str) -> None:
    path = desk(tmp_path, "{}")
    path.write_text(path.read_text().replace("http://127.0.0.1:9/btc", url))

    with pytest.raises(ConfigurationError, match=rule) as refusal:
        require_ready(load(path), accepts_untested=True)

    assert "price_sources.desk.url" in str(refusal.value)


@pytest.mark.parametrize(("tolerance", "advised"), [("", 1), ("order_refresh_tolerance_bps: 1,", 0)])
def test_check_advises_against_a_composite_that_amends_at_every_move(
    tmp_path: Path, tolerance: str, advised: int
) -> None:
    file = desk(tmp_path, of("{http: desk}, {venue: deribit, instrument: BTC-PERPETUAL}"))
    file.write_text(
        file.read_text().replace("fair_value: {source: composite", f"{tolerance} fair_value: {{source: composite")
    )

    told = [each for each in check(load(file))["advice"] if "composite" in each]

    assert len(told) == advised
    assert all("order_refresh_tolerance_bps is 0, so whenever one of the 2 legs" in each for each in told)
