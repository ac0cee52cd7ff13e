"""Every error code that `docs/venues.md` calls implemented is the answer to something, over a real socket."""

import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bench.small_exchange import QUIET, listing_of
from replenisher.exchange.dialects.deribit import ApiKey
from replenisher.exchange.dialects.deribit.errors import ANSWERED
from replenisher.exchange.dialects.deribit.naming import instrument_of, read_name, usual_grid
from replenisher.exchange.interruptions import Interruption
from replenisher.exchange.market import Listing
from replenisher.exchange.words import InstrumentState
from tests.exchange.deribit_socket import MAIN, OTHER, Client, Venue, venue
from tests.exchange.stand import PERPETUAL, SPOT

CODES_MIN = 40
READER = ApiKey("reader-id", "reader-secret", "main", scope="account:read trade:read")
CLUMSY = ApiKey("clumsy-id", "clumsy-secret", "sub")
HASTY = ApiKey("hasty-id", "hasty-secret", "sub")
ORDER = {"instrument_name": PERPETUAL, "amount": 100, "price": 50_000}
INTERRUPTED = (
    ("BTC_USDT-PERPETUAL", InstrumentState.LOCKED, 10019),
    ("BTC_USDC-PERPETUAL", InstrumentState.SETTLEMENT, 10041),
    ("ETH_USDC-PERPETUAL", InstrumentState.HALTED, 10012),
    ("ETH_USDT-PERPETUAL", InstrumentState.MAINTENANCE, 11051),
)


def listing(name: str, **terms: Any) -> Listing:
    """An instrument in whose market nobody else stirs."""
    understood = read_name(name)
    assert understood is not None
    grid = usual_grid(understood)
    assert grid is not None
    if name == SPOT:
        grid = msgspec.structs.replace(grid, min_amount=Decimal("0.001"), min_notional=Decimal(10))
    instrument = instrument_of("deribit", understood, grid)
    return listing_of(QUIET, at=time.time_ns(), instrument=instrument, **terms)


def from_now_on(state: InstrumentState) -> Interruption:
    """An interruption that outlasts the test."""
    return Interruption(state=state, after_ns=0, for_ns=3600 * 10**9)


class Provocations:
    """Remembers which codes were heard, and checks how each of them reads."""

    def __init__(self) -> None:
        self.heard: set[int] = set()

    def note(self, expected: int, reply: dict[str, Any]) -> dict[str, Any]:
        error = reply.get("error")
        assert error is not None and error["code"] == expected, (expected, reply)
        word = re.escape(ANSWERED[expected].word)
        assert re.fullmatch(re.sub("<.*>", r"\\S+", word), error["message"]) or expected == -32600, error
        self.heard.add(expected)
        return dict(error)

    async def __call__(self, expected: int, client: Client, method: str, **params: Any) -> dict[str, Any]:
        return self.note(expected, await client.ask(method, **params))


async def test_every_code_of_the_page_is_provoked_over_a_socket(tmp_path: Path) -> None:
    keys = (MAIN, OTHER, READER, CLUMSY, HASTY)
    listings = (
        listing(PERPETUAL, price_band=Decimal("0.3")),
        listing(SPOT),
        *(listing(name, interruptions=(from_now_on(state),)) for name, state, _ in INTERRUPTED),
    )
    provoke = Provocations()
    async with venue(tmp_path / "ledger", *listings, keys=keys, credits_burst=200) as exchange:
        main, other = await exchange.connect(MAIN), await exchange.connect(OTHER)

        await envelopes(provoke, exchange, main)
        await logins(provoke, exchange)
        await names_and_parameters(provoke, main)
        await conditions_of_an_order(provoke, main)
        await lives_of_orders(provoke, main, other)
        await self_trades_and_protection(provoke, main, other)
        await histories(provoke, main)
        await states_of_an_instrument(provoke, main)
        await haste(provoke, exchange)
    async with venue(tmp_path / "other", listing(PERPETUAL), public_without_login=False) as closed:
        await provoke(11056, await closed.connect(), "public/ticker", instrument_name=PERPETUAL)

    print(f"{len(provoke.heard)} distinct codes: {sorted(provoke.heard)}")
    assert len(provoke.heard) >= CODES_MIN
    assert provoke.heard == ANSWERED.keys()


async def envelopes(provoke: Provocations, exchange: Venue, main: Client) -> None:
    provoke.note(11050, await main.send("{"))
    provoke.note(-32600, await main.send("[]"))
    await provoke(-32601, main, "public/fly")
    provoke.note(-32000, await main.send('{"id":1,"method":"public/ticker"}'))
    missing = await provoke(-32602, main, "public/ticker")
    unknown = await provoke(-32602, main, "public/ticker", instrument_name=PERPETUAL, colour="red")
    assert missing["data"] == {"reason": "value required", "param": "instrument_name"}
    assert unknown["data"] == {"reason": "unknown parameter", "param": "colour"}
    provoke.note(10030, await exchange.get("public/subscribe", channels="[]"))
    provoke.note(13018, await exchange.post("<xml/>", **{"Content-Type": "text/xml"}))


async def logins(provoke: Provocations, exchange: Venue) -> None:
    stranger = await exchange.connect()
    await provoke(13009, stranger, "private/get_positions")
    await provoke(13778, stranger, "public/subscribe", channels=[f"book.{PERPETUAL}.raw"])
    stale = {"grant_type": "client_signature", "client_id": "main-id", "timestamp": 1, "signature": "", "nonce": ""}
    await provoke(13004, stranger, "public/auth", **stale)
    wrong = {"grant_type": "client_credentials", "client_id": CLUMSY.client_id, "client_secret": "?"}
    for _ in range(10):
        await provoke(13004, stranger, "public/auth", **wrong)
    await provoke(12003, stranger, "public/auth", **wrong)

    await provoke(13021, await exchange.connect(READER), "private/buy", **ORDER)
    await provoke(13403, await exchange.connect(MAIN, scope="trade:read account:read"), "private/buy", **ORDER)


async def names_and_parameters(provoke: Provocations, main: Client) -> None:
    await provoke(13020, main, "public/ticker", instrument_name="ETH-PERPETUAL")
    await provoke(10020, main, "private/buy", **ORDER | {"instrument_name": "ETH-PERPETUAL"})
    await provoke(10031, main, "private/get_position", instrument_name=SPOT)
    await provoke(13503, main, "private/withdraw", currency="BTC")
    await provoke(13007, main, "private/get_positions", subaccount_id=999)
    await provoke(13012, main, "private/get_positions", subaccount_id=2)
    quotes = {"quote_id": "1", "mmp_group": "x", "quotes": []}
    await provoke(13042, main, "private/mass_quote", **quotes)
    await main.result("private/enable_cancel_on_disconnect")
    await provoke(13902, main, "private/mass_quote", **quotes)


async def conditions_of_an_order(provoke: Provocations, main: Client) -> None:
    for code, change in (
        (10005, {"price": 30_000}),
        (10007, {"price": 90_000}),
    ):
        await provoke(code, main, "private/sell" if code == 10005 else "private/buy", **ORDER | change)
    changes: list[tuple[int, dict[str, Any]]] = [
        (10009, {"amount": 100_000_000}),
        (10021, {"amount": 15}),
        (10023, {"price": -1}),
        (10024, {"display_amount": -1}),
        (10027, {"contracts": 1.5}),
        (10033, {"type": "stop_limit"}),
        (10036, {"display_amount": 1000}),
        (10043, {"price": 50_000.3}),
        (11029, {"contracts": 3}),
        (11030, {"reduce_only": True}),
        (11038, {"advanced": "usd"}),
        (11054, {"price": 70_000, "post_only": True, "reject_post_only": True}),
        (11055, {"type": "market", "post_only": True}),
        (13888, {"valid_until": 1}),
    ]
    for code, change in changes:
        await provoke(code, main, "private/buy", **ORDER | change)
    await provoke(10002, main, "private/buy", instrument_name=SPOT, amount=0.0005, price=60_000)
    await provoke(10032, main, "private/buy", instrument_name=SPOT, amount=0.001, price=60)


async def lives_of_orders(provoke: Provocations, main: Client, other: Client) -> None:
    async def buy(client: Client, **change: Any) -> str:
        return str((await client.result("private/buy", **ORDER | change))["order"]["order_id"])

    resting, cancelled, filled = await buy(main), await buy(main), await buy(main, price=70_000)
    await main.result("private/cancel", order_id=cancelled)

    await provoke(10004, main, "private/cancel", order_id="404404")
    await provoke(10025, main, "private/cancel", order_id="that one")
    await provoke(10029, main, "private/cancel", order_id=await buy(other))
    await provoke(11044, main, "private/cancel", order_id=cancelled)
    await provoke(11044, main, "private/cancel", order_id=filled)
    await provoke(10010, main, "private/edit", order_id=cancelled, amount=50)
    await provoke(11008, main, "private/edit", order_id=filled, amount=50)
    await provoke(11041, main, "private/edit", order_id=resting, amount=50, advanced="implv")
    await provoke(11021, main, "private/edit", order_id=resting, amount=50, price=70_000, post_only=True)
    for _ in range(2):
        await buy(main, label="twins")
    await provoke(13032, main, "private/edit_by_label", label="twins", instrument_name=PERPETUAL, amount=50)


async def self_trades_and_protection(provoke: Provocations, main: Client, other: Client) -> None:
    ticker = await main.result("public/ticker", instrument_name=PERPETUAL)
    inside = {"instrument_name": PERPETUAL, "price": ticker["best_bid_price"] + 0.5}
    config = {"mode": "reject_taker", "extended_to_subaccounts": False}
    await main.result("private/set_self_trading_config", **config)
    resting = await main.result("private/buy", **inside, amount=100)
    await provoke(10003, main, "private/sell", **inside, amount=100)
    await main.result("private/cancel", order_id=resting["order"]["order_id"])

    limits = {"index_name": "btc_usd", "interval": 60, "frozen_time": 0, "trade_count_limit": 1}
    limits |= {"max_quote_quantity": 1}
    await main.result("private/set_mmp_config", **limits)
    await main.result("private/buy", **inside, amount=100, mmp=True)
    for _ in range(2):
        await other.result("private/sell", **inside, amount=20)
    await provoke(13030, main, "private/buy", **inside, amount=100, mmp=True)


async def histories(provoke: Provocations, main: Client) -> None:
    history = {"instrument_name": PERPETUAL, "include_unfilled": True}
    method = "private/get_order_history_by_instrument"
    await provoke(11043, main, method, **history, continuation="nothing of ours")
    await provoke(11047, main, method, **history, historical=True, include_old=True)
    backwards = {"start_timestamp": 2, "end_timestamp": 1}
    await provoke(11049, main, "private/get_transaction_log", currency="BTC", **backwards)


async def states_of_an_instrument(provoke: Provocations, main: Client) -> None:
    for name, _, code in INTERRUPTED:
        await provoke(code, main, "private/buy", **(ORDER | {"instrument_name": name}))


async def haste(provoke: Provocations, exchange: Venue) -> None:
    hasty = await exchange.connect(HASTY)
    while "error" not in (reply := await hasty.ask("private/cancel_all")):
        pass
    provoke.note(10028, reply)
    assert await hasty.ended() is not None, "the session is cut"
