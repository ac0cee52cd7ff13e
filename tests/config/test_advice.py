"""What a configuration allows and hardly means."""

from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.config.advice import advice

DERIBIT, OKX = "{adapter: deribit}", "{adapter: ccxt, exchange: okx}"
LEANING = "strategy: pure_mm, order_levels: 1, bid_spread_bps: 5, ask_spread_bps: 5, inventory: {target_quote: TARGET}"
MODEL = "strategy: glft, gamma: 0.05, sigma: {value: 45}, a: {value: 1}, k: {value: 0.1}, target_base: TARGET"
DESK = """version: 1
mode: testnet
venues: {there: VENUE}
risk: {max_position_quote: 9, max_order_quote: 9, max_open_orders: 9, max_daily_loss_quote: 9, price_collar_bps: 9}
strategies:
  - {id: core, venue: there, instrument: 'INSTRUMENT', size_unit: base, order_amount: 0.01, IDEA}
"""


@pytest.mark.parametrize(
    ("venue", "instrument", "idea", "target", "path"),
    [
        (DERIBIT, "BTC_USDC", LEANING, "60000", "strategies[0].inventory.target_quote is 60000"),
        (OKX, "BTC/USDT", MODEL, "1", "strategies[0].target_base is 1"),
        (DERIBIT, "BTC_USDC", LEANING, "0", ""),
        (DERIBIT, "BTC_USDC-PERPETUAL", LEANING, "60000", ""),
        (OKX, "BTC/USDT:USDT", MODEL, "1", ""),
    ],
)
def test_who_wants_to_hold_so_much_of_spot_is_told_from_where_it_counts(
    tmp_path: Path, venue: str, instrument: str, idea: str, target: str, path: str
) -> None:
    file = tmp_path / "desk.yaml"
    changes = {"VENUE": venue, "INSTRUMENT": instrument, "IDEA": idea, "TARGET": target}
    text = DESK
    for old, new in changes.items():
        text = text.replace(old, new)
    file.write_text(text)

    told = [each for each in advice(load(file)) if "target" in each]

    assert len(told) == bool(path)
    assert all(f"{path}, and 0 is what the account held before the first trade here" in each for each in told)


@pytest.mark.parametrize(
    ("venue", "instrument", "told"),
    [
        (DERIBIT, "BTC-PERPETUAL", []),
        ("{adapter: ccxt, exchange: deribit}", "BTC/USD:BTC", []),  # whose fees are taken in what it settles in
        (OKX, "BTC/USDT:USDT", ["fee"]),
        ("{adapter: ccxt, exchange: coinbase}", "BTC/USDC", ["fee"]),
        ("{adapter: ccxt, exchange: coinbase}", "BTC/USDC:USDC", ["fee", "cash of contracts"]),
        (
            "{adapter: ccxt, exchange: krakenfutures}",
            "BTC/USD:USD",
            ["fee", "an estimate by the list of fees", "cash of contracts"],
        ),
    ],
)
def test_it_is_said_which_money_of_an_exchange_no_limit_counts_and_which_cash_is_not_compared(
    tmp_path: Path, venue: str, instrument: str, told: list[str]
) -> None:
    file = tmp_path / "desk.yaml"
    text = DESK.replace("VENUE", venue).replace("INSTRUMENT", instrument).replace("IDEA", LEANING)
    file.write_text(text.replace("TARGET", "0"))

    found = list(advice(load(file)))

    assert len(found) == len(told)
    assert all(word in each and "venues.there.exchange: " in each for word, each in zip(told, found, strict=True))


def test_it_is_said_which_limits_hold_in_each_instrument_where_there_are_several(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    one = DESK.replace("VENUE", DERIBIT).replace("INSTRUMENT", "BTC-PERPETUAL").replace("IDEA", LEANING)
    one = one.replace("TARGET", "0")
    file.write_text(one)
    assert list(advice(load(file))) == []

    other = one.splitlines()[-1].replace("core", "other").replace("BTC-PERPETUAL", "BTC-25JUN27")
    file.write_text(one + other + "\n")

    (told,) = advice(load(file))
    assert "max_total_quote hold in each of the 2 instruments at there, and not in all of them together" in told
