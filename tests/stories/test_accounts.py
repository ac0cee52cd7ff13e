"""Several accounts on the simulated exchange, as the configuration lists them."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from replenisher.config import load
from replenisher.errors import ConfigurationError
from tests.stories.desk import PAPER, Desk
from tests.waiting import DEADLINE_S

BALANCES = '  balances: {BTC: "10"}\n'
ACCOUNTS = """\
  max_leverage: 20
  accounts:
    friend: {balances: {BTC: "3"}}
    second: {owner: main, balances: {BTC: "5"}}
"""


def configured(room: Path, more: str) -> Path:
    file = room / "accounts.yaml"
    assert BALANCES in PAPER.read_text()
    file.write_text(PAPER.read_text().replace(BALANCES, BALANCES + more))
    return file


def asker(socket: ClientConnection, name: str) -> Any:
    """A client that is logged in with a key that has the account's name."""

    def ask(method: str, **params: Any) -> Any:
        socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        told = json.loads(socket.recv(DEADLINE_S))
        return told.get("result", told.get("error"))

    ask("public/auth", grant_type="client_credentials", client_id=name, client_secret=name)
    return ask


def test_every_account_has_its_own_money_and_those_of_one_owner_may_keep_from_trading_with_each_other(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path / "room", configured(tmp_path, ACCOUNTS))
    desk.variables["REPLENISHER_EXCHANGE__MARKET__TIME_SCALE"] = "0.0001"  # nobody else comes between
    with desk.running("exchange", desk.config, "--ledger", desk.ledger_file) as exchange, ExitStack() as sockets:
        exchange.until("it listens", exchange.lines)
        url = json.loads(exchange.lines()[0])["url"]
        main, second, friend = (
            asker(sockets.enter_context(connect(url, proxy=None)), name) for name in ("paper", "second", "friend")
        )

        held = [ask("private/get_account_summary", currency="BTC")["balance"] for ask in (main, second, friend)]
        assert held == [10, 5, 3]
        instrument = main("public/get_instrument", instrument_name="BTC-PERPETUAL")
        assert instrument["max_leverage"] == 20

        for ask in (second, friend):
            ask("private/set_self_trading_config", mode="reject_taker", extended_to_subaccounts=True)
        best = main("public/ticker", instrument_name="BTC-PERPETUAL")["best_bid_price"]
        order = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "price": best + 0.5, "post_only": False}
        main("private/buy", **order)
        assert second("private/sell", **order)["message"] == "order_overlap"
        assert friend("private/sell", **order)["order"]["order_state"] == "filled"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("  accounts: {main: {balances: {BTC: 1}}}\n", "accounts.main: 'main' is not allowed, the venue's own account"),
        ("  accounts: {paper: {balances: {BTC: 1}}}\n", "accounts.paper: 'paper' is not allowed, the venue's own"),
        (
            "  accounts: {sub: {owner: nobody, balances: {BTC: 1}}}\n",
            "accounts.sub.owner: 'nobody' is not allowed, it must be another account: main",
        ),
        (
            "  accounts: {sub: {owner: sub, balances: {BTC: 1}}}\n",
            "accounts.sub.owner: 'sub' is not allowed, it must be another account: main",
        ),
        (
            "  accounts: {sub: {key_scope: everything, balances: {BTC: 1}}}\n",
            "accounts.sub.key_scope: 'everything' is not allowed, it must be like account:read_write trade:read",
        ),
        ("  accounts: {sub: {}}\n", "accounts.sub.balances is missing"),
        ("  max_leverage: 0\n", "max_leverage: 0 is not allowed"),
    ],
)
def test_an_account_that_cannot_be_is_one_sentence(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(configured(tmp_path, more))

    assert f"exchange.{told}" in str(refused.value)
    assert "\n" not in str(refused.value)
