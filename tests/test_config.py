"""The configuration: what is read from where, what is refused, and with which sentence."""

import json
import os
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.config import Config, load, market_overrides, require_ready, schema
from replenisher.config.mistakes import unknown_key
from replenisher.config.reading import read_yaml
from replenisher.core.risk import OnBreach
from replenisher.core.state import State
from replenisher.errors import ConfigurationError
from replenisher.wiring.offered import objections
from replenisher.wiring.setup import setup_of
from tests.core.world import LINEAR

CONFIGS = Path(__file__).parent.parent / "configs"
PAPER = (CONFIGS / "paper.yaml").read_text()

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable or secret of the machine that runs the tests."""
    for name in list(os.environ):
        if name.startswith("REPLENISHER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "secrets"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """The shipped paper configuration in a file of its own, with some of its text replaced."""

    def write(*changes: tuple[str, str]) -> Path:
        text = PAPER
        for old, new in changes:
            assert text.count(old) >= 1, f"{old!r} is not in the shipped configuration"
            text = text.replace(old, new, 1)
        path = tmp_path / "desk.yaml"
        path.write_text(text)
        return path

    return write


def secret(tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets" / name).write_text(value)


def ready(path: Path) -> Config:
    config = load(path)
    require_ready(config)
    return config


# --- What is refused ---------------------------------------------------------------------------------------------

# What is replaced in the shipped configuration, by what, and what is said about it.
TABLE = r"""
# unknown keys and wrong units
order_amount: 1000 -> order_amout: 1000
    strategies[0].order_amout is not a known key, did you mean order_amount?
bid_spread_bps: 8 -> bid_spread_pct: 0.06
    strategies[0].bid_spread_pct is not a known key, did you mean bid_spread_bps, in basis points?
bid_spread_bps: 8 -> bid_spread: 6
    did you mean bid_spread_bps, in basis points?
delay_s: 0 -> delay_ms: 0
    strategies[0].refill.delay_ms is not a known key, did you mean delay_s, in seconds?
max_data_age_ms: 2000 -> max_data_age_s: 2
    risk.max_data_age_s is not a known key, did you mean max_data_age_ms, in milliseconds?
max_order_quote: 20000 -> max_order_base: 1
    risk.max_order_base is not a known key, did you mean max_order_quote, in the quote currency?
mode: paper -> modus: paper
    modus is not a known key, allowed are: database, exchange, journal, mode,
source: synthetic -> source: synthetic, tape: x
    exchange.market.tape is not a known key, allowed are: informed_share,
source: mid -> src: mid
    strategies[0].fair_value.src is not a known key, allowed are: degraded, funding_shift

# values
order_amount: 1000 -> order_amount: -5
    strategies[0].order_amount: -5 is not allowed, it must be greater than 0
order_amount: 1000 -> order_amount: 0
    strategies[0].order_amount: 0 is not allowed, it must be greater than 0
order_amount: 1000 -> order_amount: .nan
    strategies[0].order_amount: '.nan' is not allowed, it must be a number
order_amount: 1000 -> order_amount: nan
    strategies[0].order_amount: 'nan' is not allowed, it must be a finite number
order_amount: 1000 -> order_amount: 1000 USD
    strategies[0].order_amount: '1000 USD' is not allowed, it must be a number
order_levels: 5 -> order_levels: 2.5
    strategies[0].order_levels: 2.5 is not allowed, it must be a whole number
order_levels: 5 -> order_levels: true
    strategies[0].order_levels: true is not allowed, it must be a number
max_open_orders: 40 -> max_open_orders: yes
    risk.max_open_orders: 'yes' is not allowed, it must be a whole number
max_order_quote: 20000 -> max_order_quote: false
    risk.max_order_quote: false is not allowed, it must be a number
on_breach: pause -> on_breach: stop
    risk.on_breach: 'stop' is not allowed, it must be 'pause', 'reduce' or 'halt'
on_breach: pause -> on_breach_of: {max_open_orders: halt}
    risk.on_breach_of.max_open_orders
cooloff_s: 900 -> cooloff_s: 15:00
    risk.cooloff_s: '15:00' is not allowed, it must be a whole number
market_data: false -> market_data: 7
    journal.market_data: 7 is not allowed, it must be true or false
size_unit: quote -> size_unit: usd
    strategies[0].size_unit: 'usd' is not allowed, it must be 'base', 'quote' or 'contract'
amend: auto -> amend: always
    strategies[0].amend: 'always' is not allowed, it must be 'auto', 'size_down_only' or 'never'
source: mid -> source: vwap
    strategies[0].fair_value.source: 'vwap' is not allowed, it must be 'mid', 'micro',
source: mid -> source: fixed
    strategies[0].fair_value.price: it belongs to the source fixed, which needs it
source: mid -> source: last
    strategies[0].fair_value.max_trade_age_s: it belongs to the source last, which needs it
source: mid -> source: mid, max_trade_age_s: 60
    strategies[0].fair_value.max_trade_age_s: it belongs to the source last, which needs it
source: mid -> source: mid, table: {edges: [0.5], adjustments: [[-0.1, 0.1]]}
    strategies[0].fair_value.table: it belongs to the source micro
source: mid -> source: micro, table: {edges: [0.5], adjustments: [[-0.1, 0.1], [0.1]]}
    strategies[0].fair_value.table: the row of spread 2 has 1 numbers, the edges make 2 buckets
source: synthetic -> source: sythetic
    exchange.market.source: 'sythetic' is not allowed, it must be one of 'synthetic', 'recorded'
queue_model: risk_averse -> queue_model: {power: {n: 0}}
    exchange.queue_model.power.n: 0 is not allowed, it must be greater than 0
queue_model: risk_averse -> queue_model: averse
    exchange.queue_model: 'averse' is not allowed, it must be 'risk_averse'
{BTC: "10"} -> {btc: "10"}
    exchange.balances.btc: 'btc' is not allowed, it must be a currency in capitals, such as BTC
{BTC: "10"} -> {}
    exchange.balances: a mapping is not allowed, it must have at least 1 item
account: main -> account: 123
    venues.deribit.account: 123 is not allowed, it must be text (write it in quotes)
id: core -> id: Core!
    strategies[0].id: 'Core!' is not allowed, it must be a word of a-z, 0-9, - and _
mode: paper -> mode: paper\nnamespace: desk
    namespace: 'desk' is not allowed, it must be three characters of a-z and 0-9
version: 1 -> version: 2
    version: 2 is not allowed, it must be 1

# contradictions
venue: deribit\n    inst -> venue: binance\n    inst
    strategies[0].venue: 'binance' is not allowed, it must be one of venues: deribit
venue: deribit  # -> venue: binance  #
    venues.deribit.url is missing, in mode paper no exchange is simulated for deribit
amend: auto -> risk: {max_open_orders: 41}
    strategies[0].risk.max_open_orders: 41 is not allowed, it must not be above the account's 40
amend: auto -> maker_fee_bps: -0.5
    strategies[0].min_profit_bps is missing, maker_fee_bps has no meaning without it
amend: auto -> keep_place: {horizon_s: 5}
    strategies[0].keep_place.within_bps is missing, it has no default
partial_fill: wait -> hanging_pct: 0
    strategies[0].refill.hanging_pct: 0 is not allowed, it must be greater than 0
partial_fill: wait -> toxicity: {response: shrug}
    strategies[0].refill.toxicity.response: 'shrug' is not allowed, it must be 'widen', 'delay' or 'withhold'
partial_fill: wait -> toxicity: {response: widen}
    strategies[0].refill.toxicity.widen_bps is missing, the response widen needs it
partial_fill: wait -> toxicity: {response: withhold, delay_s: 5}
    strategies[0].refill.toxicity.delay_s: 5.0 is not allowed, it belongs to the response delay
partial_fill: wait -> toxicity: {response: withhold, cluster_fills: 3}
    strategies[0].refill.toxicity.cluster_s is missing, a cluster is so many fills within such a time
partial_fill: wait -> max_daily_buy_quote: 0
    strategies[0].refill.max_daily_buy_quote: 0 is not allowed, it must be greater than 0
partial_fill: wait -> min_fraction: 0.4
    strategies[0].refill.min_fraction: 0.4 is not allowed, it is read only with partial_fill: top_up
faults: [] -> faults: [{kind: drop}]
    exchange.faults: a list is not allowed, it must have at most 0 items
source: synthetic -> source: live, venue: deribit, instrument: X
    exchange.market.source: 'live' is not allowed, it must be one of 'synthetic', 'recorded'
balances: -> instruments: {BTC-PERPETUAL: {tick: 0}}\n  balances:
    exchange.instruments.BTC-PERPETUAL.tick: 0 is not allowed, it must be greater than 0
balances: -> instruments: {BTC-PERPETUAL: {}, PERPETUAL: {}}\n  balances:
    exchange.instruments.PERPETUAL: 'PERPETUAL' is not allowed, it must be like BTC-PERPETUAL,
balances: -> instruments: {BTC-PERPETUAL: {}, XYZ_USDC: {tick: 1, lot: 1}}\n  balances:
    exchange.instruments.XYZ_USDC.market.start_price is missing, XYZ_USDC has no usual price to start at
balances: -> instruments: {XYZ_USDC: {lot: 1, market: {source: synthetic, start_price: 9}}}\n  balances:
    exchange.instruments.XYZ_USDC.tick is missing, XYZ_USDC has no usual one
balances: -> instruments: {BTC-PERPETUAL: {tick: 2, tick_steps: [{above_price: 9, tick: 3}]}}\n  balances:
    exchange.instruments.BTC-PERPETUAL.tick_steps[0].tick: 3 is not allowed, it must be a multiple of the tick below
balances: -> instruments: {BTC-PERPETUAL: {lot: 10, min_amount: 15}}\n  balances:
    exchange.instruments.BTC-PERPETUAL.min_amount: 15 is not allowed, it must be a multiple of the lot, 10
balances: -> instruments: {BTC-PERPETUAL: {interruptions: [{state: open, after_s: 1, for_s: 1}]}}\n  balances:
    exchange.instruments.BTC-PERPETUAL.interruptions[0].state: 'open' is not allowed, it must be 'locked', 'halted'
balances: -> instruments: {A_B-PERPETUAL: {interruptions: [{state: locked, after_s: 1}]}}\n  balances:
    exchange.instruments.A_B-PERPETUAL.interruptions[0].for_s is missing, it has no default
balances: -> instruments: {BTC_USDC: {interruptions: [&x {state: locked, after_s: 1, for_s: 2}, *x]}}\n  balances:
    exchange.instruments.BTC_USDC.interruptions[1].after_s: 1.0 is not allowed, the one before it must have ended
source: synthetic -> source: recorded
    exchange.market.tape is missing, name a recording with --tape FILE
source: synthetic -> source: recorded, tape: none.gz
    none.gz' is not allowed, there is no such file
sqlite:///replenisher.db -> mysql://desk:hunter2@db/x
    database.url: 'mysql' is not allowed, it must be sqlite:///FILE or postgresql://...
sqlite:///replenisher.db -> sqlite://
    database.url: a database in memory is not allowed

# real money, secrets and hosts
mode: paper -> mode: live
    mode: live trades real money and needs --live on the command line as well
mode: paper -> mode: testnet
    venues.deribit.api_key is missing, mode testnet needs it: set REPLENISHER_VENUES__DERIBIT__API_KEY
adapter: deribit -> adapter: kraken
    venues.deribit.adapter: 'kraken' is not allowed, it must be one of: deribit
account: main -> account: main\n    url: wss://www.deribit.com/ws/api/v2
    in mode paper the host must be loopback or in exchange.allow_hosts
account: main -> account: main\n    url: ws://127.0.0.1.example.org/
    in mode paper the host must be loopback or in exchange.allow_hosts
account: main -> account: main\n    url: ws://127.0.0.1@example.org/
    it must name a host and no user
account: main -> account: main\n    url: http://127.0.0.1/
    it must begin with ws:// or wss://
account: main -> account: main\n    url: ws://127.0.0.1:port/
    it must be like ws://127.0.0.1:8080/ws/api/v2

# strategies
strategy: pure_mm -> strategy: pure_mn
    strategies[0].strategy: 'pure_mn' is not allowed, it must be one of: avellaneda_stoikov, glft,
strategy: pure_mm -> strategy: ../mine.py:Mine
    the file must lie in the folder of the configuration
strategy: pure_mm -> strategy: mine.py:Mine
    there is no Python file

# YAML
delay_s: 0, -> delay_s: 0, delay_s: 1,
    line 54: key delay_s is given twice, the first time in line 54
mode: paper -> mode: !!python/object/apply:os.getcwd []
    line 4: this is not the YAML we read: could not determine a constructor
mode: paper -> mode: [paper
    this is not the YAML we read
mode: paper -> 3: paper
    line 4: a key must be a word
"""
REFUSED = [
    [part.replace(r"\n", "\n") for part in (*change.split(" -> "), sentence)]
    for change, sentence in re.findall(r"^(\S.* -> .*)\n    (.*)$", TABLE, re.MULTILINE)
]
REFUSED += [
    ["version: 1\n", "version: 1\nversion: 1\n", "line 4: key version is given twice, the first time in line 3"],
    [PAPER, "", "the file must be a mapping of keys to values"],
    [PAPER, "- paper", "the file must be a mapping of keys to values"],
    [PAPER, "mode: \x00", "this is not a text file in UTF-8"],
]
assert len(REFUSED) == TABLE.count(" -> ") + 4, "a row of the table is not read"


@pytest.mark.parametrize(("old", "new", "sentence"), REFUSED, ids=[row[2][:60] for row in REFUSED])
def test_a_wrong_configuration_is_refused_with_one_sentence(write: Write, old: str, new: str, sentence: str) -> None:
    path = write((old, new))

    with pytest.raises(ConfigurationError) as refusal:
        ready(path)

    text = str(refusal.value)
    assert refusal.value.exit_code == 78
    assert text.startswith(f"{path}: ")
    assert sentence in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "path",
    [
        "strategies[0].order_amount",
        "strategies[0].size_unit",
        "strategies[0].bid_spread_bps",
        "strategies[0].ask_spread_bps",
        "risk.max_position_quote",
        "risk.max_order_quote",
        "risk.max_open_orders",
        "risk.max_daily_loss_quote",
        "risk.price_collar_bps",
        "exchange.balances",
    ],
)
def test_money_has_no_default(write: Write, path: str) -> None:
    line = re.search(rf"^ +{path.rpartition('.')[2]}: .*\n", PAPER, re.MULTILINE)
    assert line is not None

    with pytest.raises(ConfigurationError, match=re.escape(f"{path} is missing, it has no default")):
        load(write((line[0], "")))


def test_two_strategies_need_two_ids(write: Write) -> None:
    again = PAPER[PAPER.index("  - id: core") :]

    with pytest.raises(ConfigurationError, match=r"strategies\[1\]\.id: 'core' is not allowed, another strategy has"):
        load(write((again, again + again)))


@pytest.mark.parametrize(
    ("mode", "asks", "is_refused"), [("opposite_side", 1, True), ("opposite_side", 2, False), ("per_level", 1, False)]
)
def test_a_level_that_waits_for_its_mirror_has_one(write: Write, mode: str, asks: int, is_refused: bool) -> None:
    counted = re.search(r" +order_levels: .* size_curve: flat\n", PAPER, re.DOTALL)
    assert counted is not None
    bids, offers = (
        [f"{{spread_bps: {8 + 4 * level}, amount: 1000}}" for level in range(levels)] for levels in (2, asks)
    )
    custom = f"    size_curve: custom\n    bid_levels: [{', '.join(bids)}]\n    ask_levels: [{', '.join(offers)}]\n"
    path = write((counted[0], custom), ("mode: per_level", f"mode: {mode}"))

    if is_refused:
        sentence = (
            "strategies[0].refill.mode: 'opposite_side' is not allowed, "
            "a level without a mirror would never come back, and 2 on the bids face 1 on the asks"
        )
        with pytest.raises(ConfigurationError, match=re.escape(sentence)):
            load(path)
    else:
        assert load(path).strategies[0].refill.mode == mode


TWO = """version: 1
mode: MODE
venues: {VENUES}
exchange:
  venue: a
  market: {source: synthetic, start_price: 1}
  instruments: {BTC_USDC: {}, BTC-PERPETUAL: {}, ETH_BTC: {tick: 0.00001, lot: 0.01}}
  balances: {BTC: 1}
risk:
  {max_position_quote: 9, max_order_quote: 9, max_open_orders: 9, max_daily_loss_quote: 9, price_collar_bps: 9}
strategies:
"""


def trading(mode: str, venues: str, *instruments: str) -> str:
    """A desk that quotes these, each named with its venue."""
    text = TWO.replace("MODE", mode).replace("VENUES", venues)
    for number, instrument in enumerate(instruments):
        venue, _, name = instrument.partition(" ")
        text += (
            f"  - {{id: s{number}, strategy: ping_pong, venue: {venue}, instrument: '{name}', size_unit: quote,"
            " order_amount: 1, spread_bps: 1, width_bps: 1}\n"
        )
    return text


@pytest.mark.parametrize(
    ("mode", "venues", "instruments", "second"),
    [
        ("paper", "a: {adapter: deribit}", ("a BTC_USDC", "a ETH_BTC"), "ETH_BTC"),
        ("testnet", "a: {adapter: ccxt, exchange: okx}", ("a BTC/EUR", "a BTC/USDT:USDT"), "BTC/USDT:USDT"),
        ("paper", "a: {adapter: deribit}", ("a BTC_USDC", "a BTC-PERPETUAL"), ""),  # dollars are dollars
        ("testnet", "a: {adapter: deribit}, b: {adapter: deribit, account: two}", ("a BTC_USDC", "b ETH_BTC"), ""),
    ],
)
def test_limits_hold_in_one_quote_currency_on_each_account(
    tmp_path: Path, mode: str, venues: str, instruments: tuple[str, ...], second: str
) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(trading(mode, venues, *instruments))

    if second:
        sentence = (
            f"strategies[1].instrument: '{second}' is not allowed, limits hold in one quote currency, and not in "
        )
        with pytest.raises(ConfigurationError, match=re.escape(sentence)):
            load(path)
    else:
        assert len(load(path).strategies) == 2


def test_what_only_the_venue_tells_of_a_quote_currency_ends_the_life_with_the_same_sentence(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(trading("testnet", "a: {adapter: deribit}", "a BTC-PERPETUAL", "a BTC-25JUN27-100000-C"))
    config = load(path)  # what an option is quoted in, its name does not say
    state = State(setup_of(config))
    option = msgspec.structs.replace(LINEAR, venue="a", name="BTC-25JUN27-100000-C", quote_currency="BTC")

    state.define(msgspec.structs.replace(LINEAR, venue="a"), at=0)
    before = objections(config, state)()
    state.define(option, at=0)

    assert before == ""
    assert "risk: limits hold in one quote currency, and not in USDT and BTC" in objections(config, state)()


def test_every_mistake_is_named_and_an_unknown_key_is_told_before_a_missing_one(write: Write) -> None:
    path = write(("max_order_quote: 20000", "max_oder_quote: 20000"), ("cooloff_s: 900", "cooloff_s: -1"))

    also = re.escape(" (also wrong: risk.cooloff_s, risk.max_order_quote)")
    with pytest.raises(ConfigurationError, match=f"max_oder_quote is not a known key, .*{also}$"):
        load(path)


@pytest.mark.parametrize(
    ("keys", "end"), [(8, "risk.unheard_of_7)"), (9, " and 1 more place)"), (12, " and 4 more places)")]
)
def test_of_very_many_mistakes_the_last_are_counted(write: Write, keys: int, end: str) -> None:
    path = write(("cooloff_s: 900", "\n  ".join(f"unheard_of_{key}: 1" for key in range(keys))))

    with pytest.raises(ConfigurationError, match=re.escape(end) + "$"):
        load(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file or directory"):
        load(tmp_path / "none.yaml")

    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_paper_mode_needs_an_exchange_or_an_address(write: Write) -> None:
    section = re.search(r"^exchange:.*?\n\n", PAPER, re.MULTILINE | re.DOTALL)
    assert section is not None
    path = write((section[0], ""))

    with pytest.raises(ConfigurationError, match="exchange is missing, mode paper needs it"):
        load(path)


@pytest.mark.parametrize("key", ["api_secret", "api_key"])
def test_a_wrong_secret_is_not_repeated_in_the_message(write: Write, key: str) -> None:
    path = write(("account: main", f"{key}: [hunter2]"))

    with pytest.raises(ConfigurationError) as refusal:
        load(path)

    assert f"venues.deribit.{key}: *** is not allowed" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@given(st.text(alphabet="abcdefgh_", min_size=1, max_size=12))
def test_an_unknown_key_is_never_suggested_to_be_itself(key: str) -> None:
    keys = sorted({"bid_spread_bps", "order_levels", "delay_s"} - {key})

    text = unknown_key(("risk", key), keys)

    assert text.startswith(f"risk.{key} is not a known key, ")
    assert f"did you mean {key}?" not in text


# --- Where it comes from -----------------------------------------------------------------------------------------


def test_what_is_nearer_to_the_operator_wins(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(("seed: 7", "seed: 1"), ("account: main", "account: main\n    api_key: from-file"))

    assert load(path).venues["deribit"].api_key.get_secret_value() == "from-file"

    secret(tmp_path, "venues__deribit__api_key", "from-secrets\n")
    assert load(path).venues["deribit"].api_key.get_secret_value() == "from-secrets"

    monkeypatch.setenv("REPLENISHER_VENUES__DERIBIT__API_KEY", "from-environment")
    monkeypatch.setenv("REPLENISHER_EXCHANGE__SEED", "2")
    config = load(path)
    assert config.venues["deribit"].api_key.get_secret_value() == "from-environment"
    assert config.venues["deribit"].rate_limit_per_s == 30
    assert config.exchange is not None
    assert config.exchange.seed == 2

    config = load(path, {"exchange": {"seed": 3}})
    assert config.exchange is not None
    assert config.exchange.seed == 3


def test_one_key_of_a_strategy_can_be_set_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write()
    monkeypatch.setenv("REPLENISHER_STRATEGIES__0__ORDER_AMOUNT", "250.5")

    strategy = load(path).strategy("core")

    assert strategy.order_amount == Decimal("250.5")
    assert strategy.order_levels == 5


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "REPLENISHER_RISK__MAX_ORDER_QUOTE",
            "-3",
            "the environment (REPLENISHER_RISK__MAX_ORDER_QUOTE): risk.max_order_quote: '-3' is not allowed",
        ),
        (
            "REPLENISHER_STRATEGIES__0__ORDER_AMOUNT",
            "-3",
            "the environment (REPLENISHER_STRATEGIES__0__ORDER_AMOUNT): strategies[0].order_amount: '-3' is not",
        ),
        ("REPLENISHER_RSK__MAX_ORDER_QUOTE", "3", "REPLENISHER_RSK__MAX_ORDER_QUOTE: rsk is no section"),
        (
            "REPLENISHER_RISK_MAX_ORDER_QUOTE",
            "3",
            "REPLENISHER_RISK_MAX_ORDER_QUOTE sets nothing, a key is behind two underscores: "
            "REPLENISHER_RISK__MAX_ORDER_QUOTE",
        ),
        ("REPLENISHER_VENUES__DERIBIT__URL", "ws://10.0.0.1/", "the environment (REPLENISHER_VENUES__DERIBIT__URL)"),
        (
            "REPLENISHER_STRATEGIES",
            "core",
            "the environment (REPLENISHER_STRATEGIES): strategies: 'core' is not allowed, it must be a list",
        ),
        (
            "REPLENISHER_RISK",
            "abc",
            "the environment (REPLENISHER_RISK): risk: 'abc' is not allowed, it must be a mapping of keys to values",
        ),
    ],
)
def test_a_message_names_the_variable_at_fault(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    path = write()
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refusal:
        ready(path)

    assert sentence in str(refusal.value)


@pytest.mark.parametrize("name", ["REPLENISHER_VENUES", "REPLENISHER_VENUES__DERIBIT", "REPLENISHER_EXCHANGE__LATENCY"])
def test_broken_json_is_not_shown_since_a_key_may_be_in_it(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write()
    monkeypatch.setenv(name, '{"api_secret": "hunter2"')

    with pytest.raises(ConfigurationError) as refusal:
        ready(path)

    assert str(refusal.value) == f"the environment ({name}): it begins as JSON does, and is none"


def test_variables_of_others_do_not_matter(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLENISHER_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("REPLENISHER_PORT_8787_TCP_ADDR", "10.0.0.1")
    monkeypatch.setenv("REPLENISHER_DATA_PORT", "tcp://10.0.0.1:5432")  # of a service that is called replenisher-data
    monkeypatch.setenv("REPLENISHER_TEST_DATA", "/nowhere")

    assert ready(write()).mode == "paper"


def test_a_tape_on_the_command_line_replaces_the_market(write: Write, tmp_path: Path) -> None:
    (tmp_path / "market.gz").write_bytes(b"")

    config = load(write(), market_overrides(tmp_path / "market.gz", 10.0))

    require_ready(config)
    assert config.tape == tmp_path / "market.gz"
    assert config.exchange is not None
    assert config.exchange.market.source == "recorded"
    assert config.exchange.market.speed == 10.0


def test_a_tape_in_the_file_is_looked_for_beside_the_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "market.gz").write_bytes(b"")

    config = ready(write(("source: synthetic", "source: recorded, tape: market.gz")))

    assert config.tape == tmp_path / "market.gz"


def test_a_speed_without_a_tape_is_refused(write: Write) -> None:
    with pytest.raises(ConfigurationError, match="name a recording with --tape FILE"):
        require_ready(load(write(), market_overrides(None, 10.0)))


# --- YAML --------------------------------------------------------------------------------------------------------


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=17))
def test_a_number_is_exactly_what_is_written(tmp_path_factory: pytest.TempPathFactory, number: Decimal) -> None:
    path = tmp_path_factory.getbasetemp() / "number.yaml"
    path.write_text(f"a: {number:f}\n")

    assert read_yaml(path) == {"a": number}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2024-08-08", "2024-08-08"),
        ("0x10", "0x10"),
        ("010", "010"),
        ("1e-4", Decimal("0.0001")),
        ("2.2e3", Decimal("2200")),
        ("60000.12345678901234567", Decimal("60000.12345678901234567")),
        ("true", True),
        ("7", 7),
        ("~", None),
        ("", None),
        ('"7"', "7"),
    ],
)
def test_yaml_has_no_surprises(tmp_path: Path, text: str, value: object) -> None:
    path = tmp_path / "value.yaml"
    path.write_text(f"key: {text}\n")

    read = read_yaml(path)["key"]

    assert read == value
    assert type(read) is type(value)


def test_strategies_may_share_a_block(tmp_path: Path) -> None:
    path = tmp_path / "shared.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n")

    assert read_yaml(path)["b"] == {"x": 1, "y": 3}


# --- What comes out ----------------------------------------------------------------------------------------------


def test_the_shipped_paper_configuration_is_ready_to_run() -> None:
    config = ready(CONFIGS / "paper.yaml")

    assert config.starts_exchange
    assert config.strategies[0].instrument == "BTC-PERPETUAL"
    assert config.strategy("core").order_amount == Decimal(1000)


def test_the_shipped_desk_trades_two_markets_from_one_account() -> None:
    config = ready(CONFIGS / "desk.yaml")
    traded = {each.id: each.instrument for each in config.strategies}

    assert traded == {"tight": "BTC-PERPETUAL", "deep": "BTC-PERPETUAL", "future": "BTC-24SEP27"}
    assert config.exchange is not None and set(config.exchange.instruments) == set(traded.values())


def test_the_shipped_replay_waits_for_a_tape(tmp_path: Path) -> None:
    tape = tmp_path / "tape.gz"
    tape.write_bytes(b"")

    require_ready(load(CONFIGS / "replay.yaml", market_overrides(tape, 10)))
    with pytest.raises(
        ConfigurationError, match=r"exchange\.market\.tape is missing, name a recording with --tape FILE"
    ):
        ready(CONFIGS / "replay.yaml")


def test_what_follows_when_one_limit_is_broken_may_be_said_of_it_alone(write: Write) -> None:
    path = write(("on_breach: pause", "on_breach: reduce\n  on_breach_of: {max_position_quote: halt}"))

    limits = setup_of(load(path)).limits

    assert (limits.on_loss, limits.on_position) == (OnBreach.REDUCE, OnBreach.HALT)


def test_the_committed_schema_is_that_of_the_code() -> None:
    committed = json.loads((CONFIGS / "replenisher.schema.json").read_text())

    assert committed == json.loads(json.dumps(schema())), "replenisher config schema > configs/replenisher.schema.json"


def test_the_data_directory_is_named_after_the_file_or_set(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write()
    monkeypatch.chdir(tmp_path)

    assert load(path).data_dir == tmp_path / "data" / "desk"
    assert load(path).database_url == f"sqlite:///{tmp_path}/data/desk/replenisher.db"

    monkeypatch.setenv("REPLENISHER_DATA_DIR", str(tmp_path / "elsewhere"))
    assert load(path).data_dir == tmp_path / "elsewhere"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("end", ["DATADIR", "DATA_DIRECTORY", "DATA_DRI", "DATA", "Data_Dir"])
def test_a_data_directory_under_nearly_its_name_is_not_passed_over(
    write: Write, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setenv(f"REPLENISHER_{end}", "/srv/desk")

    with pytest.raises(ConfigurationError) as refused:
        load(write())

    assert str(refused.value) == (
        f"the environment: REPLENISHER_{end} sets nothing, did you mean REPLENISHER_DATA_DIR?"
    )
    assert refused.value.exit_code == 78


@pytest.mark.parametrize("url", ["sqlite:////var/lib/desk.db", "postgresql+asyncpg://desk@db/desk"])
def test_an_absolute_database_stays_where_it_is(write: Write, url: str) -> None:
    assert load(write(("sqlite:///replenisher.db", url))).database_url == url


def test_with_an_address_of_its_own_no_exchange_is_started(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLENISHER_VENUES__DERIBIT__URL", "ws://127.0.0.1:8787/ws/api/v2")

    assert not ready(write()).starts_exchange


def test_a_host_that_the_operator_allows_is_allowed(write: Write) -> None:
    path = write(
        ("account: main", "account: main\n    url: wss://paper.example.org/ws"),
        ("faults: []", "allow_hosts: [paper.example.org]"),
    )

    assert ready(path).venues["deribit"].url == "wss://paper.example.org/ws"


@pytest.mark.parametrize(
    ("mode", "host", "sentence"),
    [
        ("testnet", "www.deribit.com", "in mode testnet the host must be test.deribit.com"),
        ("live", "test.deribit.com", "in mode live the host must be www.deribit.com"),
        ("live", "127.0.0.1", "in mode live the host must be www.deribit.com"),
    ],
)
def test_keys_go_to_the_hosts_of_their_mode_only(
    write: Write, tmp_path: Path, mode: str, host: str, sentence: str
) -> None:
    secret(tmp_path, "venues__deribit__api_key", "key")
    secret(tmp_path, "venues__deribit__api_secret", "secret")
    path = write(("mode: paper", f"mode: {mode}"), ("account: main", f"account: main\n    url: wss://{host}/"))

    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        require_ready(load(path), live=mode == "live")


def test_real_money_needs_the_file_and_the_flag(write: Write, tmp_path: Path) -> None:
    secret(tmp_path, "venues__deribit__api_key", "key")
    secret(tmp_path, "venues__deribit__api_secret", "secret")
    config = load(write(("mode: paper", "mode: live")))

    require_ready(config, live=True)
    with pytest.raises(ConfigurationError, match="needs --live"):
        require_ready(config)
    with pytest.raises(ConfigurationError, match="leave --live out"):
        require_ready(load(write()), live=True)


def test_an_empty_secret_is_a_missing_one(write: Write, tmp_path: Path) -> None:
    secret(tmp_path, "venues__deribit__api_key", " \n")

    with pytest.raises(ConfigurationError, match=r"venues\.deribit\.api_key is missing"):
        ready(write(("mode: paper", "mode: testnet")))


def test_what_is_shown_has_every_default_and_no_secret(write: Write, tmp_path: Path) -> None:
    secret(tmp_path, "venues__deribit__api_secret", "hunter2")
    config = load(write(("sqlite:///replenisher.db", "postgresql://desk:hunter2@db:5432/desk")))

    shown = config.effective()

    assert "hunter2" not in json.dumps(shown) + repr(config.venues)
    assert shown["database"]["url"] == "postgresql://desk:***@db:5432/desk"
    assert shown["venues"]["deribit"]["own_echo_ms_max"] == 250
    assert shown["strategies"][0]["min_spread_bps"] == 0


def test_the_fingerprint_names_what_is_in_force(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load(write()).fingerprint()
    commented = load(write(("version: 1\nmode: paper", "mode: paper  # again\nversion: 1"))).fingerprint()
    changed = load(write(("order_amount: 1000", "order_amount: 1001"))).fingerprint()
    monkeypatch.setenv("REPLENISHER_STRATEGIES__0__MIN_SPREAD_BPS", "1")
    overridden = load(write()).fingerprint()

    assert plain == commented
    assert len({plain, changed, overridden}) == 3
    assert re.fullmatch("[0-9a-f]{16}", plain)


def test_two_secrets_have_one_fingerprint(write: Write, tmp_path: Path) -> None:
    secret(tmp_path, "venues__deribit__api_secret", "first")
    first = load(write()).fingerprint()
    secret(tmp_path, "venues__deribit__api_secret", "second")

    assert load(write()).fingerprint() == first


def test_who_asks_without_the_secrets_asks_about_the_same_configuration(write: Write, tmp_path: Path) -> None:
    without = load(write()).fingerprint()
    secret(tmp_path, "venues__deribit__api_secret", "hunter2")

    assert load(write()).fingerprint() == without


# --- Strategies from files ---------------------------------------------------------------------------------------

OWN_STRATEGY = '''"""One quote a side."""

from dataclasses import dataclass

from replenisher.core.strategy import NO_QUOTES, Quotes, View


@dataclass(frozen=True)
class OneQuote:
    half_spread_bps: float
    is_shy: bool = False

    def quote(self, view: View) -> Quotes:
        return NO_QUOTES
'''


@pytest.fixture
def own(tmp_path: Path, write: Write) -> Write:
    """A configuration whose strategy is a class in a file beside it."""
    (tmp_path / "one_quote.py").write_text(OWN_STRATEGY)

    def own(keys: str) -> Path:
        start = PAPER.index("    strategy: pure_mm")
        return write(
            (PAPER[start:], f"    strategy: one_quote.py:OneQuote\n    venue: deribit\n    instrument: X\n{keys}")
        )

    return own


def test_a_strategy_is_a_dataclass_in_a_file_beside_the_configuration(own: Write) -> None:
    strategy = ready(own("    half_spread_bps: 2.5\n    is_shy: true\n")).strategy("core")

    assert type(strategy).__name__ == "OneQuote"
    assert strategy.half_spread_bps == 2.5
    assert strategy.is_shy is True


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("    half_spread: 2\n", "half_spread is not a known key, did you mean half_spread_bps, in basis points?"),
        ("    half_spread_bps: wide\n", "half_spread_bps: 'wide' is not allowed, it must be a number"),
        ("    half_spread_bps: true\n", "half_spread_bps: true is not allowed, it must be a number"),
        ("    is_shy: true\n", "strategies[0].half_spread_bps is missing, it has no default"),
    ],
)
def test_the_arguments_of_an_own_strategy_are_checked_alike(own: Write, keys: str, sentence: str) -> None:
    path = own(keys)

    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        load(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("class OneQuote(:\n", "one_quote.py, line 1: invalid syntax"),
        ("import no_such_module\n", "one_quote.py cannot be loaded: ModuleNotFoundError: No module named"),
        ("x = y\n", "one_quote.py cannot be loaded: NameError: name 'y' is not defined"),
        ("x = 1\n", "there is no OneQuote in one_quote.py"),
        ("OneQuote = 1\n", "it must be a dataclass with a method `quote(view)`"),
    ],
)
def test_a_strategy_file_that_does_not_load_is_one_sentence(
    own: Write, tmp_path: Path, text: str, sentence: str
) -> None:
    path = own("    half_spread_bps: 2\n")
    (tmp_path / "one_quote.py").write_text(text)

    with pytest.raises(ConfigurationError, match=re.escape(sentence)) as refusal:
        load(path)

    assert "\n" not in str(refusal.value)
