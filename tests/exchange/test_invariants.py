"""Whatever accounts ask for: money is conserved, and no order does what it promised not to."""

from collections import Counter, defaultdict
from decimal import Decimal

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from replenisher.exchange.accounts import ZERO, Account, Contract
from replenisher.exchange.selftrade import SelfTradeMode, SelfTrading
from replenisher.exchange.words import TimeInForce
from replenisher.model.order import Side
from tests.exchange.stand import PERPETUAL, SPOT, D, Stand, listing

ACCOUNTS = ("main", "sub", "other")
DEPOSIT = {"BTC": D("0.05"), "USDC": D(3000)}
CONTRACTS = {
    PERPETUAL: Contract(PERPETUAL, inverse=True, contract_value=D(1), settlement_currency="BTC"),
    SPOT: Contract(SPOT, inverse=False, contract_value=D(1), settlement_currency="USDC", spot_of="BTC"),
}
LOTS = {PERPETUAL: D(10), SPOT: D("0.0001")}
TICKS = D("0.5")

WISHES = st.lists(
    st.fixed_dictionaries(
        {
            "account": st.sampled_from(ACCOUNTS),
            "name": st.sampled_from([PERPETUAL, PERPETUAL, SPOT]),
            "side": st.sampled_from(list(Side)),
            "lots": st.integers(1, 400),
            "from_mid_ticks": st.one_of(st.none(), st.integers(-60, 60)),
            "time_in_force": st.sampled_from(list(TimeInForce)),
            "reduce_only": st.booleans(),
            "wait_ms": st.sampled_from([0, 0, 50]),
            "cancels": st.booleans(),
        }
    ),
    max_size=25,
)
MODES = st.sampled_from([SelfTrading(mode, extends) for mode in SelfTradeMode for extends in (True, False)])


def traded(wishes: list[dict], mode: SelfTrading) -> Stand:
    """The wishes one after the other; what must hold at every step is looked at there."""
    stand = Stand(listing(PERPETUAL), listing(SPOT), balances=dict.fromkeys(ACCOUNTS, DEPOSIT), max_leverage=20)
    for account in ACCOUNTS:
        stand.exchange.choose_self_trading(account, mode, stand.at)
    for wish in wishes:
        stand.wait(wish["wait_ms"] * 1_000_000)
        if wish["cancels"]:
            stand.exchange.cancel_all(wish["account"], method="private/cancel_all", at=stand.at)
        ask_one(stand, wish)
    return stand


def ask_one(stand: Stand, wish: dict) -> None:
    account, name = wish["account"], wish["name"]
    price = None
    if wish["from_mid_ticks"] is not None:
        middle = stand.exchange.views.mark_price(name) // TICKS * TICKS
        price = middle + wish["from_mid_ticks"] * TICKS
    before = {currency: stand.exchange.views.account(account, currency) for currency in DEPOSIT}

    outcome = stand.place(
        wish["side"],
        wish["lots"] * LOTS[name],
        price,
        account=account,
        instrument=name,
        time_in_force=wish["time_in_force"],
        reduce_only=wish["reduce_only"],
    )

    if outcome.order is not None:
        for currency, was in before.items():
            now = stand.exchange.views.account(account, currency)
            assert now.available >= 0 or now.margin <= was.margin, "an order that adds risk leaves nothing missing"
    for owner in ACCOUNTS:
        for order in stand.exchange.views.open_orders(owner):
            assert order.filled_amount < order.amount
            assert order.time_in_force is TimeInForce.GTC, "only what may rest rests"


@settings(max_examples=25, deadline=None, phases=(Phase.reuse, Phase.generate))  # to shrink a market takes minutes
@given(WISHES, MODES)
def test_whatever_is_asked_for(wishes: list[dict], mode: SelfTrading) -> None:
    stand = traded(wishes, mode)

    trades, orders = stand.lines("trade"), {order["order_id"]: order for order in stand.lines("order")}
    assert_money_is_conserved(stand, trades)
    assert_nobody_trades_with_himself(trades, mode)
    assert_reduce_only_only_reduces(trades, orders)
    for closed in stand.lines("closed"):
        order = orders[closed["order_id"]]
        if order["time_in_force"] == "fill_or_kill":
            assert D(closed["filled_amount"]) in (0, D(order["amount"])), "all or nothing"


def assert_money_is_conserved(stand: Stand, trades: list[dict]) -> None:
    """What the accounts have, the fees and what everybody else made of trading with them is what was paid in."""
    house, fees = Account("house"), defaultdict(Decimal)
    sides = Counter(trade["trade_id"] for trade in trades)
    for trade in trades:
        contract = CONTRACTS[trade["instrument"]]
        fees[trade["fee_currency"]] += D(trade["fee"])
        if sides[trade["trade_id"]] == 1:
            other = Side(trade["side"]).opposite
            house.fill(contract, other, D(trade["amount"]), D(trade["price"]), ZERO)
    mark = stand.exchange.views.mark_price(PERPETUAL)
    held = [stand.exchange.views.account(account, "BTC") for account in ACCOUNTS]
    in_btc = sum((view.balance + view.realized + view.unrealized for view in held), ZERO) + fees["BTC"]
    others = house.position(PERPETUAL)
    in_btc += house.balance("BTC") + others.realized + others.unrealized(CONTRACTS[PERPETUAL], mark)
    in_usdc = sum((stand.balance("USDC", account) for account in ACCOUNTS), ZERO) + fees["USDC"] + house.balance("USDC")

    assert in_usdc == 3 * DEPOSIT["USDC"]
    rounding = D("1e-8") * (2 * len(trades) + 4)  # each side of a fill of a contract is rounded by itself
    assert abs(in_btc - 3 * DEPOSIT["BTC"]) <= rounding


def assert_nobody_trades_with_himself(trades: list[dict], mode: SelfTrading) -> None:
    sides = defaultdict(list)
    for trade in trades:
        sides[trade["trade_id"]].append(trade["account"])
    for accounts in sides.values():
        owners = [account.replace("sub", "main") if mode.extends_to_subaccounts else account for account in accounts]
        assert len(set(owners)) == len(owners), accounts


def assert_reduce_only_only_reduces(trades: list[dict], orders: dict[str, dict]) -> None:
    sizes: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for trade in trades:
        key = trade["account"], trade["instrument"]
        before, after = sizes[key], D(trade["position"])
        if orders[trade["order_id"]]["reduce_only"]:
            assert abs(after) < abs(before) and before * after >= 0
        sizes[key] = after
