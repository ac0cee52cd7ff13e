"""What must be true of a venue through ccxt before anything connects: one sentence with its path, and no traffic."""

from pathlib import Path

import pytest

from replenisher.config import load, require_ready
from replenisher.errors import ConfigurationError

RISK = "{max_position_quote: 9, max_order_quote: 9, max_open_orders: 9, max_daily_loss_quote: 9, price_collar_bps: 9}"
KEYS = "api_key: k, api_secret: s"


def written(path: Path, mode: str, venue: str, more: str = "") -> Path:
    path.write_text(
        f"version: 1\nmode: {mode}\nvenues: {{k: {{{venue}}}}}\n{more}\nrisk: {RISK}\n"
        "strategies:\n  - {id: core, strategy: pure_mm, venue: k, instrument: BTC/USD, size_unit: quote,\n"
        "     order_amount: 5, order_levels: 1, bid_spread_bps: 6, ask_spread_bps: 6, fair_value: {source: mid}}\n"
    )
    return path


@pytest.mark.parametrize(
    ("mode", "venue", "sentence"),
    [
        ("live", f"adapter: ccxt, {KEYS}", "venues.k.exchange is missing, adapter ccxt needs it"),
        ("live", f"adapter: deribit, exchange: okx, {KEYS}", "it is read with adapter: ccxt only"),
        ("live", f"adapter: ccxt, exchange: nowhere, {KEYS}", "ccxt has no streams for such an exchange"),
        ("live", f"adapter: ccxt, exchange: hyperliquid, {KEYS}", "credentials that are not offered here: privateKey"),
        ("live", f"adapter: ccxt, exchange: bitfinex, {KEYS}", "an order's name there is a number, and ours are words"),
        ("live", f"adapter: ccxt, exchange: kraken, {KEYS}", "to go live with it all the same, add --accept-untested"),
        ("live", f"adapter: ccxt, exchange: okx, {KEYS}", "venues.k.api_password is missing, a key of okx has one"),
        ("live", f"adapter: ccxt, exchange: binance, {KEYS}, url: 'wss://x.y'", "ccxt has the addresses, leave it out"),
        ("live", f"adapter: ccxt, exchange: binance, {KEYS}", "venues.k.allow_no_dead_man is missing, nothing cancels"),
        ("live", "adapter: ccxt, exchange: binance", "venues.k.api_key is missing, mode live needs it"),
        ("testnet", f"adapter: ccxt, exchange: kraken, {KEYS}", "ccxt knows no testnet of it"),
        (
            "paper",
            "adapter: ccxt, exchange: kraken, url: 'https://api.kraken.com'",
            "the host must be loopback",
        ),
        ("paper", "adapter: ccxt, exchange: kraken", "the simulated exchange speaks as deribit does"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_path(tmp_path: Path, mode: str, venue: str, sentence: str) -> None:
    exchange = "exchange: {venue: k, market: {source: synthetic}, balances: {BTC: '1'}}" if mode == "paper" else ""
    config = load(written(tmp_path / "k.yaml", mode, venue, exchange))

    with pytest.raises(ConfigurationError) as refused:
        require_ready(config, live=mode == "live")

    assert sentence in str(refused.value)
    assert "venues.k." in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("mode", "venue", "accepts_untested"),
    [
        ("live", f"adapter: ccxt, exchange: kraken, {KEYS}", True),
        ("live", f"adapter: ccxt, exchange: okx, {KEYS}, api_password: p", True),
        ("live", f"adapter: ccxt, exchange: binance, allow_no_dead_man: true, {KEYS}", False),  # its mapping was tested
        ("testnet", f"adapter: ccxt, exchange: bybit, {KEYS}", False),  # no money is at stake
        ("paper", "adapter: ccxt, exchange: kraken, url: 'http://127.0.0.1:1'", False),
    ],
)
def test_what_is_written_right_is_ready(tmp_path: Path, mode: str, venue: str, accepts_untested: bool) -> None:
    config = load(written(tmp_path / "k.yaml", mode, venue))

    require_ready(config, live=mode == "live", accepts_untested=accepts_untested)


@pytest.mark.parametrize(
    ("mode", "venue"),
    [
        ("live", "adapter: ccxt, exchange: kraken"),  # untested, which matters for orders
        ("live", "adapter: ccxt, exchange: okx"),  # whose keys have a password
        ("live", "adapter: ccxt, exchange: hyperliquid"),  # where no order could have a name of ours
        ("live", "adapter: deribit"),
        ("testnet", "adapter: ccxt, exchange: binance"),
    ],
)
def test_where_we_only_listen_no_key_and_no_switch_is_needed(tmp_path: Path, mode: str, venue: str) -> None:
    config = load(listening(tmp_path / "k.yaml", mode, venue))

    require_ready(config, live=mode == "live")


@pytest.mark.parametrize(
    ("mode", "venue", "sentence"),
    [
        ("live", "adapter: ccxt, exchange: nowhere", "ccxt has no streams for such an exchange"),
        ("live", "adapter: ccxt", "venues.far.exchange is missing, adapter ccxt needs it"),
        ("live", "adapter: deribit, url: 'wss://x.y'", "in mode live the host must be www.deribit.com"),
        ("testnet", "adapter: ccxt, exchange: kraken", "ccxt knows no testnet of it"),
    ],
)
def test_where_we_only_listen_it_must_be_known_to_whom(tmp_path: Path, mode: str, venue: str, sentence: str) -> None:
    config = load(listening(tmp_path / "k.yaml", mode, venue))

    with pytest.raises(ConfigurationError) as refused:
        require_ready(config, live=mode == "live")

    assert "venues.far." in str(refused.value)
    assert sentence in str(refused.value)


def test_a_leg_elsewhere_changes_nothing_of_what_going_live_wants(tmp_path: Path) -> None:
    config = load(listening(tmp_path / "k.yaml", "live", "adapter: ccxt, exchange: kraken", keys=""))

    with pytest.raises(ConfigurationError, match="live trades real money and needs --live"):
        require_ready(config)
    with pytest.raises(ConfigurationError, match=r"venues\.k\.api_key is missing, mode live needs it"):
        require_ready(config, live=True)


def listening(path: Path, mode: str, venue: str, *, keys: str = f", {KEYS}") -> Path:
    """A desk that quotes on Deribit and goes by a book elsewhere as well."""
    written(path, mode, f"adapter: deribit{keys}")
    legs = "{venue: k, instrument: BTC-PERPETUAL}, {venue: far, instrument: BTC/USD}"
    composite = f"{{source: composite, outlier_bps: 10, min_legs: 1, legs: [{legs}]}}"
    text = (
        path.read_text().replace("{source: mid}", composite).replace("venues: {k: ", f"venues: {{far: {{{venue}}}, k: ")
    )
    path.write_text(text)
    return path
