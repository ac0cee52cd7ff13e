from decimal import Decimal
from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.config.draft import MODES, Answers, WrongAnswer, draft, questions
from strategies.pure_mm import PureMarketMaking

SAID: Answers = {
    "mode": "paper",
    "venue": "deribit",
    "adapter": "deribit",
    "instrument": "BTC-PERPETUAL",
    "size": "1000",
    "size_unit": "quote",
    "levels": "3",
    "spread_bps": "6",
    "spacing_bps": "4",
    "max_order_quote": "5000",
    "max_position_quote": "100000",
    "max_daily_loss_quote": "500",
    "balances": "BTC=10",
}


def refusal(key: str, text: str, **answers: str) -> str:
    """What is said of an answer; empty if it is a good one."""
    question = next(question for question in questions(SAID | answers) if question.key == key)
    try:
        question.require(text)
    except WrongAnswer as error:
        return str(error)
    return ""


def test_what_is_said_is_what_is_configured(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(draft(SAID))

    config = load(file)

    ladder = config.strategy("core")
    assert isinstance(ladder, PureMarketMaking)
    assert (ladder.order_amount, ladder.size_unit, ladder.order_levels) == (Decimal(1000), "quote", 3)
    assert (ladder.bid_spread_bps, ladder.ask_spread_bps, ladder.level_spacing_bps) == (6, 6, 4)
    assert (config.risk.max_order_quote, config.risk.max_position_quote) == (5000, 100_000)
    assert (config.risk.max_daily_loss_quote, config.risk.max_open_orders) == (500, 12)
    assert config.exchange is not None
    assert config.exchange.balances == {"BTC": Decimal(10)}
    assert config.strategies[0].instrument in config.exchange.instruments


def test_a_token_that_the_simulated_exchange_does_not_know_is_listed_by_what_its_refusal_names(tmp_path: Path) -> None:
    refused = refusal("instrument", "TKN_USDC")
    flow = "{source: synthetic, start_price: 0.25}"
    drafted = draft(SAID | {"instrument": "BTC_USDC", "balances": "BTC=10000,USDC=50000"})

    file = tmp_path / "desk.yaml"
    listed = f"TKN_USDC: {{tick: 0.0001, lot: 1, market: {flow}}}"
    file.write_text(drafted.replace("BTC_USDC: {}", listed).replace("BTC", "TKN"))

    assert "take one on BTC or ETH here" in refused and "tick, lot and market.start_price" in refused
    assert load(file).strategies[0].instrument == "TKN_USDC"


@pytest.mark.parametrize("mode", ["testnet", "live"])
def test_a_real_venue_has_no_simulated_exchange_and_a_word_on_the_keys(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(text := draft(SAID | {"mode": mode}))

    assert load(file).exchange is None
    assert "REPLENISHER_VENUES__DERIBIT__API_KEY" in text
    assert "balances" not in {question.key for question in questions(SAID | {"mode": mode})}


def test_the_file_names_its_schema_and_every_line_fits() -> None:
    lines = draft(SAID).splitlines()

    assert lines[0] == "# yaml-language-server: $schema=./replenisher.schema.json"
    assert max(map(len, lines)) <= 120
    assert sum("#" in line for line in lines) > 10


def test_the_collar_lets_the_outermost_level_through(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(draft(SAID | {"levels": "20", "spacing_bps": "25"}))

    assert load(file).risk.price_collar_bps == 3 * (6 + 20 * 25)


def test_money_has_no_usual_answer_and_everything_else_has() -> None:
    money = {"size", "max_order_quote", "max_position_quote", "max_daily_loss_quote", "balances"}

    assert {question.key for question in questions({}) if question.usual is None} == money
    assert {question.key for question in questions({}) if question.must_be_said} == money | {"instrument", "size_unit"}


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("mode", "demo", "it must be one of: paper, testnet, live"),
        ("venue", "nowhere", "it must be one of: bequant, binance, "),
        ("venue", "okx", "mode paper speaks as deribit does: another venue needs --mode testnet or --mode live"),
        ("adapter", "fix", "it must be one of: deribit, ccxt"),
        ("instrument", "BTC", "it must be like BTC-PERPETUAL, BTC_USDC-PERPETUAL, BTC-25DEC26 or BTC_USDC"),
        (
            "instrument",
            "DOGE_USDC",
            "the simulated exchange has no usual ticks for it: take one on BTC or ETH here, and write this one into "
            "the file then, with its tick, lot and market.start_price in exchange.instruments",
        ),
        ("size_unit", "coins", "it must be one of: base, quote, contract"),
        ("size", "much", "it must be a number"),
        ("size", "-5", "it must be greater than 0"),
        ("size", "nan", "it must be greater than 0"),
        ("levels", "0", "it must be a whole number from 1 to 50"),
        ("levels", "2.5", "it must be a whole number from 1 to 50"),
        ("max_order_quote", "999", "it must be at least 1000: less would let no order through"),
        ("max_position_quote", "999", "it must be at least 1000: less would let no order through"),
        ("balances", "10", "it must be like BTC=10, or BTC=1,USDC=50000"),
        ("balances", "BTC=0", "it must be greater than 0"),
        ("balances", "USD=3", "it must name BTC as well: nothing can be traded without"),
        ("balances", "", "it must be like BTC=10, or BTC=1,USDC=50000"),
    ],
)
def test_a_wrong_answer_is_told_what_it_must_be(key: str, text: str, said: str) -> None:
    assert refusal(key, text).startswith(said)


def test_mode_paper_offers_the_venue_that_it_speaks_as_and_no_other() -> None:
    asked = {mode: next(each.asks for each in questions({"mode": mode}) if each.key == "venue") for mode in MODES}

    assert asked["paper"] == "Venue (deribit)"
    assert asked["testnet"] == asked["live"] == "Venue (deribit, or by ccxt's name: binance, okx, ...)"


def test_an_instrument_with_nothing_to_say_of_it_is_an_empty_map() -> None:
    assert "  instruments: {BTC-PERPETUAL: {}}\n" in draft(SAID)


def test_a_size_in_coins_is_weighed_at_the_usual_price() -> None:
    assert "at least 1200" in refusal("max_order_quote", "1000", size="0.02", size_unit="base")
    assert refusal("max_order_quote", "1200", size="0.02", size_unit="base") == ""
    assert refusal("max_order_quote", "1000", size="0.02", size_unit="base", mode="live") == "", "its price is its own"


@pytest.mark.parametrize(
    ("instrument", "held"),
    [("BTC-PERPETUAL", "BTC=AMOUNT"), ("BTC_USDC", "BTC=AMOUNT, USDC=AMOUNT"), ("ETH_USDC-PERPETUAL", "USDC=AMOUNT")],
)
def test_the_account_is_asked_for_what_the_instrument_needs(instrument: str, held: str) -> None:
    (asked,) = [question.asks for question in questions({"instrument": instrument}) if question.key == "balances"]

    assert asked.endswith(f"as {held}")


OKX = SAID | {"mode": "live", "venue": "okx", "adapter": "ccxt", "instrument": "BTC/USDT:USDT"}


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (OKX, "    exchange: okx  # okx through ccxt: untested; `run --live` wants --accept-untested\n"),
        (OKX | {"venue": "binance"}, "    exchange: binance  # binance through ccxt: mapping tested\n"),
        (
            SAID | {"adapter": "ccxt"},
            "    exchange: deribit  # deribit through ccxt: proved on the simulated exchange\n",
        ),
    ],
    ids=["okx", "binance", "deribit"],
)
def test_a_venue_through_ccxt_says_how_far_it_has_been_tried(tmp_path: Path, answers: Answers, told: str) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(text := draft(answers))

    config = load(file)

    (section,) = config.venues.values()
    assert (section.adapter, section.exchange) == ("ccxt", answers["venue"])
    assert config.strategies[0].instrument == answers["instrument"]
    assert told in text
    assert ("dead_man_switch_s: 60" in text) is (answers["venue"] == "okx"), "only where there is one to hold"
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("text", ["", "BTC USDT", "BTC/USDT # perpetual"])
def test_what_can_be_no_symbol_is_refused(text: str) -> None:
    assert refusal("instrument", text, mode="live", venue="okx").startswith("it must be a symbol of ccxt's, such as")
    assert refusal("instrument", "BTC/USDT", mode="live", venue="okx") == ""


def test_a_venue_that_only_ccxt_reaches_has_one_adapter_and_no_usual_instrument() -> None:
    asked = {question.key: question for question in questions({"mode": "live", "venue": "okx"})}

    assert (asked["adapter"].usual, asked["instrument"].usual) == ("ccxt", None)
    assert refusal("adapter", "deribit", mode="live", venue="okx") == "it must be one of: ccxt"
