"""Which wallet a balance is read from, and what in it is cash: as ccxt asks for it, over a real socket."""

from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from replenisher.model.command import AskBalance
from replenisher.model.event import BalanceReported, QuestionFailed
from replenisher.venues.ccxt.client import client_of
from replenisher.venues.ccxt.exchanges import TRAITS
from replenisher.venues.ccxt.holdings import cash_of
from replenisher.venues.ccxt.instruments import instrument_of
from replenisher.venues.ccxt.wallets import wallet_of, wallets_of
from tests.venues.ccxt.given import MARKET, Desk, exchange
from tests.venues.ccxt.test_names_on_the_wire import KEYS, SWAP, call

INVERSE = SWAP | {"symbol": "BTC/USD:BTC", "quote": "USD", "settle": "BTC", "linear": False, "inverse": True}
# Where ccxt asks for what contracts are paid from: the usual and, where it is another, what inverse ones are.
CONTRACTS = {
    "binance": ("/fapi/v3/account", "/dapi/v1/account"),
    "binanceusdm": ("/fapi/v3/account", "/dapi/v1/account"),
    "binancecoinm": ("/fapi/v3/account", "/dapi/v1/account"),
    "bitget": ("productType=USDT-FUTURES", "productType=COIN-FUTURES"),
    "deepcoin": ("instType=SWAP", "instType=SWAP"),
    "gate": ("/futures/usdt/accounts", "/futures/btc/accounts"),
    "hitbtc": ("/futures/balance", "/futures/balance"),
    "kucoin": ("/account-overview?currency=USDT", "/account-overview?currency=BTC"),
    "kucoinfutures": ("/account-overview?currency=USDT", "/account-overview?currency=BTC"),
    "phemex": ("/g-accounts/accountPositions?currency=USDT", "/accounts/accountPositions?currency=BTC"),
    "poloniex": ("/v3/account/balance", "/v3/account/balance"),
}


@pytest.mark.parametrize("name", sorted(CONTRACTS))
async def test_contracts_are_paid_from_a_wallet_of_their_own(server: tuple[str, list[str]], name: str) -> None:
    address, requests = server
    for market, asked in zip((SWAP, INVERSE), CONTRACTS[name], strict=True):
        made = client_of(name, KEYS, address=address)
        made.of_ccxt.currencies = {code: {"id": code, "code": code} for code in ("USDT", "BTC")}
        instrument = instrument_of("x", market["symbol"], market, 4, made.exchange.traits)
        assert not isinstance(instrument, str)
        params = dict(wallet_of(instrument, made.exchange.traits).params)

        ended = await call(made, market, "fetch_balance", params)

        assert any(asked in request for request in requests), (ended, requests)


def test_whose_contracts_have_such_a_wallet_is_known() -> None:
    apart = {name for name, traits in TRAITS.items() if traits.wallet and getattr(ccxt.pro, name)().has["swap"]}

    assert apart == set(CONTRACTS)


def test_what_is_cash_there_is_told_without_what_is_not_realized() -> None:
    def cash(name: str, info: Any) -> tuple[Decimal, Decimal]:
        return cash_of({"info": info, "USDT": {"total": 99.0}}, "USDT", TRAITS[name].cash_rows)

    binance = {"assets": [{"asset": "USDT", "walletBalance": "12.5", "unrealizedProfit": "3", "marginBalance": "15.5"}]}
    okx = {"data": [{"details": [{"ccy": "BTC", "cashBal": "1"}, {"ccy": "USDT", "cashBal": "12.5", "eq": "15.5"}]}]}
    poloniex = {"details": [{"ccy": "USDT", "eq": "9.5", "upl": "-3", "avail": "4"}]}

    bitget = [{"marginCoin": "USDT", "available": "1", "accountEquity": "15.5", "unrealizedPL": "3"}]
    kucoin = {"data": {"currency": "USDT", "accountEquity": 9.5, "unrealisedPNL": -3.0, "marginBalance": 12.5}}

    told = [cash("binance", binance), cash("okx", okx), cash("poloniex", poloniex)]
    told += [cash("bitget", bitget), cash("kucoin", kucoin)]
    assert told == [(Decimal("12.5"), 0)] * 5
    assert cash("bitget", [{"marginCoin": "USDT", "accountEquity": "12.5", "unrealizedPL": ""}]) == (Decimal("12.5"), 0)


def test_a_wallet_of_one_currency_tells_nothing_of_another() -> None:
    told = {"info": {"data": {"currency": "USDT", "accountEquity": 9.5, "unrealisedPNL": 0}}, "USDT": {"total": 9.5}}

    assert cash_of(told, "KCS", TRAITS["kucoin"].cash_rows) == (0, 0)


# What ccxt reads the cash of contracts from where we take its word, as each exchange writes it: profit that is not
# realized stands beside it there, and not in it.
CASH = {
    "bybit": "walletBalance",
    "deepcoin": "bal",
    "gate": "total",
    "phemex": "accountBalanceEv",
}


def test_of_every_exchange_it_is_known_whether_what_it_tells_of_contracts_is_cash() -> None:
    def is_settled(name: str) -> bool:
        traits = TRAITS[name]
        return bool(traits.no_contracts or traits.cash_rows or traits.cash_doubt)

    variants = {"bybiteu", "bybitid", "gateeu"}  # under another address
    contracts = {name for name in TRAITS if (has := getattr(ccxt.pro, name)().has)["swap"] or has["future"]}

    assert {name for name in contracts if not is_settled(name)} - variants == set(CASH)


@pytest.mark.parametrize("name", sorted(name for name, field in CASH.items() if field))
def test_ccxt_reads_cash_where_profit_is_beside_it(name: str) -> None:
    client, field = getattr(ccxt.pro, name)(), CASH[name]
    row = {field: "12.5", "currency": "USDT", "coin": "USDT", "ccy": "USDT", "unrealised_pnl": "3", "equity": "15.5"}
    client.currencies = {"USDT": {"id": "USDT", "code": "USDT"}}
    told: Any = {
        "bybit": lambda: client.parse_balance({"result": {"list": [{"accountType": "UNIFIED", "coin": [row]}]}}),
        "deepcoin": lambda: client.parse_balance({"data": [row]}),
        "gate": lambda: {"USDT": client.parse_balance_helper(row)},
        "phemex": lambda: client.parse_swap_balance({"data": {"account": row}}),
    }[name]()

    assert Decimal(str(told["USDT"]["total"])) == Decimal("12.5")


def test_spot_and_contracts_in_one_currency_are_paid_from_two_wallets() -> None:
    swap = SWAP | {"precision": {"price": 0.1, "amount": 1}}
    desk = Desk(exchange(traits=TRAITS["gate"]), market=MARKET, others=[swap]).up()
    ask = AskBalance(venue="x", currency="USDT", deadline=0)

    desk.venue.send([ask], desk.at)
    assert desk.call("fetch_balance").arguments == ()
    desk.venue.send([ask], desk.at)
    desk.answer("fetch_balance", {"USDT": {"total": 12.5}})
    assert desk.invoked[-1].arguments == ({"type": "swap", "settle": "USDT"},)
    desk.answer("fetch_balance", {"USDT": {"total": 100.0}})
    assert desk.one(BalanceReported).balance == Decimal("112.5")

    desk.venue.send([ask], desk.at)
    desk.answer("fetch_balance", {"USDT": {"total": 12.5}})
    desk.fail("fetch_balance", "RequestTimeout")
    assert desk.one(QuestionFailed).subject == "USDT"


def test_a_currency_in_which_nothing_is_traded_is_where_the_fees_are_paid() -> None:
    traits = TRAITS["binance"]
    swap = instrument_of("x", "BTC/USDT:USDT", SWAP, 4, traits)
    assert not isinstance(swap, str)

    assert wallets_of("BNB", [swap], traits) == (wallet_of(swap, traits),)
