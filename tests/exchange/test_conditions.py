"""Orders with conditions: all or nothing, only less, never with oneself, not at any price, and only while it trades."""

import pytest

from replenisher.exchange.interruptions import Interruption
from replenisher.exchange.ledger import read_ledger
from replenisher.exchange.protection import MmpGroup, MmpLimits
from replenisher.exchange.selftrade import SelfTradeMode, SelfTrading
from replenisher.exchange.words import (
    InstrumentChanged,
    InstrumentState,
    MmpTriggered,
    OrderState,
    Refusal,
    TimeInForce,
)
from replenisher.model.instrument import TickStep
from replenisher.model.order import Side
from tests.exchange.stand import PERPETUAL, SPOT, START, D, Stand, listing

BUY, SELL = Side.BUY, Side.SELL
SECOND = 10**9

# --- All or nothing -------------------------------------------------------------------------------------------------


def test_fill_or_kill_fills_all_at_once() -> None:
    stand = Stand()
    price, shown = stand.exchange.views.book(PERPETUAL).asks[0]

    order = stand.taken(BUY, shown, price, time_in_force=TimeInForce.FOK)

    assert (order.state, order.filled_amount) == (OrderState.FILLED, shown)


def test_fill_or_kill_of_one_lot_too_many_touches_nothing() -> None:
    stand = Stand()
    book = stand.exchange.views.book(PERPETUAL)
    price, shown = book.asks[0]

    order = stand.taken(BUY, shown + 10, price, time_in_force=TimeInForce.FOK)

    assert (order.state, order.filled_amount) == (OrderState.CANCELLED, 0)
    assert stand.exchange.views.book(PERPETUAL) == book
    assert stand.exchange.views.open_orders("main") == []


def test_fill_or_kill_that_would_need_its_own_order_is_killed_and_leaves_that_order_alone() -> None:
    stand = Stand()
    own = stand.taken(SELL, 100, stand.bid() + D("0.5"))

    order = stand.taken(BUY, 100, stand.bid() + D("0.5"), time_in_force=TimeInForce.FOK)

    assert (order.state, order.filled_amount) == (OrderState.CANCELLED, 0)
    assert stand.order(own).state is OrderState.OPEN


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_may_not_rest_is_not_post_only(time_in_force: TimeInForce) -> None:
    stand = Stand()

    outcome = stand.place(BUY, 100, stand.bid(), post_only=True, time_in_force=time_in_force)

    assert outcome.refusal is Refusal.POST_ONLY_NOT_ALLOWED


# --- Only less ------------------------------------------------------------------------------------------------------


def test_reduce_only_without_a_position_is_refused() -> None:
    stand = Stand()

    assert stand.place(SELL, 100, reduce_only=True).refusal is Refusal.REDUCE_ONLY


def test_reduce_only_closes_a_position_and_turns_nothing_over() -> None:
    stand = Stand()
    stand.taken(BUY, 300)

    order = stand.taken(SELL, 1000, reduce_only=True)

    assert (order.state, order.amount, order.filled_amount) == (OrderState.FILLED, 300, 300)
    assert stand.size() == 0


def test_a_resting_reduce_only_order_shrinks_with_the_position_and_goes_with_it() -> None:
    stand = Stand()
    stand.taken(BUY, 300)
    order = stand.taken(SELL, 300, stand.ask() + 100, reduce_only=True)

    stand.taken(SELL, 200)
    shrunk = stand.order(order)
    stand.taken(SELL, 100)
    gone = stand.order(order)

    assert (shrunk.state, shrunk.amount) == (OrderState.OPEN, 100)
    assert (gone.state, gone.filled_amount, gone.cancel_reason) == (OrderState.CANCELLED, 0, "risk_mitigation")


def test_an_order_that_comes_to_stand_before_a_reduce_only_one_takes_from_what_it_may() -> None:
    stand = Stand()
    stand.taken(BUY, 300)
    reducing = stand.taken(SELL, 300, stand.ask() + 100, reduce_only=True)

    stand.taken(SELL, 200, stand.ask() + 50)

    assert stand.order(reducing).amount == 100


def test_an_amend_does_not_make_a_reduce_only_order_larger_than_the_position() -> None:
    stand = Stand()
    stand.taken(BUY, 300)
    order = stand.taken(SELL, 200, stand.ask() + 100, reduce_only=True)

    outcome = stand.exchange.amend(
        "main",
        order.order_id,
        amount=D(900),
        price=None,
        post_only=False,
        reject_post_only=False,
        valid_until=None,
        method="private/edit",
        at=stand.at,
    )

    assert outcome.order is not None
    assert outcome.order.amount == 300


# --- Never with oneself ---------------------------------------------------------------------------------------------


def test_what_rests_gives_way_to_an_order_of_its_own_account() -> None:
    stand = Stand()
    price = stand.bid() + D("0.5")
    own = stand.taken(SELL, 100, price)

    order = stand.taken(BUY, 100, price)

    assert stand.order(own).state is OrderState.CANCELLED
    assert (order.state, order.filled_amount) == (OrderState.OPEN, 0)
    assert stand.lines("trade") == []


def test_or_the_newcomer_is_refused_as_the_account_has_chosen() -> None:
    stand = Stand()
    price = stand.bid() + D("0.5")
    own = stand.taken(SELL, 100, price)
    stand.exchange.choose_self_trading("main", SelfTrading(SelfTradeMode.REJECT_TAKER), stand.at)

    outcome = stand.place(BUY, 100, price)

    assert outcome.refusal is Refusal.OVERLAP
    assert stand.order(own).state is OrderState.OPEN


def test_who_does_not_reach_his_own_order_is_not_refused() -> None:
    stand = Stand()
    stand.exchange.choose_self_trading("main", SelfTrading(SelfTradeMode.REJECT_TAKER), stand.at)
    price, shown = stand.exchange.views.book(PERPETUAL).asks[0]
    stand.taken(SELL, 100, price)

    taken, beyond = stand.taken(BUY, shown, price), stand.place(BUY, 10, price)

    assert taken.state is OrderState.FILLED
    assert beyond.refusal is Refusal.OVERLAP


@pytest.mark.parametrize("extends", [True, False])
def test_subaccounts_are_oneself_where_the_account_says_so(extends: bool) -> None:
    stand = Stand()
    price = stand.bid() + D("0.5")
    stand.taken(SELL, 100, price, account="sub")
    stand.exchange.choose_self_trading("main", SelfTrading(SelfTradeMode.REJECT_TAKER, extends), stand.at)

    outcome = stand.place(BUY, 100, price)

    assert outcome.refusal is (Refusal.OVERLAP if extends else None)


# --- Not at any price, nor any amount -------------------------------------------------------------------------------


def test_nobody_buys_far_above_the_mark_or_sells_far_below() -> None:
    stand = Stand(listing(PERPETUAL, price_band=D("0.05")))
    lowest, highest = stand.exchange.views.price_band(PERPETUAL) or (D(0), D(0))

    high, low = stand.place(BUY, 100, D(70_000)), stand.place(SELL, 100, D(50_000))
    passive = stand.place(BUY, 100, D(50_000)), stand.place(SELL, 100, D(70_000))

    assert (high.refusal, high.limit) == (Refusal.PRICE_TOO_HIGH, highest)
    assert (low.refusal, low.limit) == (Refusal.PRICE_TOO_LOW, lowest)
    assert [outcome.refusal for outcome in passive] == [None, None]


def test_a_market_order_goes_to_the_edge_of_the_band_and_no_further() -> None:
    stand = Stand(listing(PERPETUAL, price_band=D("0.0005")))
    _, highest = stand.exchange.views.price_band(PERPETUAL) or (D(0), D(0))

    order = stand.taken(BUY, 1_000_000)

    assert order.state is OrderState.CANCELLED
    assert 0 < order.filled_amount < 1_000_000
    assert max(D(trade["price"]) for trade in stand.lines("trade")) <= highest


STEPS = (TickStep(D(0), D("0.5")), TickStep(D(20_000), D(5)))


@pytest.mark.parametrize(
    ("price", "refusal"),
    [
        ("50000", None),
        ("50002.5", Refusal.WRONG_TICK),
        ("20000", None),
        ("19999.5", None),
        ("20000.5", Refusal.WRONG_TICK),
    ],
)
def test_the_tick_depends_on_the_price(price: str, refusal: Refusal | None) -> None:
    stand = Stand(listing(PERPETUAL, change={"tick_steps": STEPS}))

    assert stand.place(BUY, 100, D(price)).refusal is refusal


def test_a_post_only_order_is_moved_inside_the_spread_on_the_coarse_grid() -> None:
    stand = Stand(listing(PERPETUAL, change={"tick_steps": STEPS}))
    ask = stand.ask()

    order = stand.taken(BUY, 100, ask + 50, post_only=True)

    assert order.price == ask - 5


@pytest.mark.parametrize(
    ("amount", "refusal"), [("50", None), ("40", Refusal.AMOUNT_TOO_LOW), ("55", Refusal.INVALID_AMOUNT)]
)
def test_an_amount_is_whole_lots_and_not_too_small(amount: str, refusal: Refusal | None) -> None:
    stand = Stand(listing(PERPETUAL, change={"min_amount": D(50)}))

    assert stand.place(BUY, amount, stand.bid()).refusal is refusal


# --- Spot -----------------------------------------------------------------------------------------------------------


def test_spot_moves_two_currencies_and_takes_its_fee_from_what_it_brings() -> None:
    stand = Stand(listing(SPOT))
    price = stand.ask(SPOT)

    bought = stand.taken(BUY, "0.0001", price, instrument=SPOT)
    stand.taken(SELL, "0.0001", stand.bid(SPOT), instrument=SPOT, account="other")

    assert bought.state is OrderState.FILLED
    buy, sell = stand.lines("trade")
    assert (buy["fee_currency"], D(buy["fee"])) == ("BTC", D("0.00000005"))
    assert stand.balance("BTC") == D(10) + D("0.0001") - D(buy["fee"]) == D(buy["balance"])
    assert stand.balance("USDC") == D(1_000_000) - D("0.0001") * price == D(buy["other_balance"])
    worth = D("0.0001") * D(sell["price"])
    assert (sell["fee_currency"], D(sell["fee"])) == ("USDC", (worth * D("0.0005")).quantize(D("1e-8")))
    assert stand.balance("USDC", "other") == D(1_000_000) + worth - D(sell["fee"])
    assert stand.size(name=SPOT) == 0


def test_spot_holds_what_its_orders_would_give_away() -> None:
    stand = Stand(listing(SPOT), balances={"main": {"BTC": D(1), "USDC": D(1000)}})
    price = stand.bid(SPOT) - 1000

    stand.taken(SELL, "0.6", price + 5000, instrument=SPOT)
    buy = stand.taken(BUY, "0.01", price, instrument=SPOT)

    assert (stand.available("BTC"), stand.available("USDC")) == (D("0.4"), D(1000) - D("0.01") * price)
    assert stand.place(SELL, "0.5", price + 5000, instrument=SPOT).refusal is Refusal.FUNDS
    assert stand.place(BUY, "0.01", price, instrument=SPOT).refusal is Refusal.FUNDS
    stand.exchange.cancel("main", buy.order_id, method="private/cancel", at=stand.at)
    assert stand.available("USDC") == 1000


# --- Margin ---------------------------------------------------------------------------------------------------------


def test_margin_refuses_what_the_account_cannot_carry_and_lets_it_close() -> None:
    stand = Stand(balances={"main": {"BTC": D("0.01")}}, max_leverage=10)
    worth = int(D("0.1") * stand.bid())  # ten times what there is

    refused = stand.place(BUY, worth * 11 // 100 * 10, stand.bid() - 10)
    order = stand.taken(BUY, worth * 8 // 100 * 10)

    assert refused.refusal is Refusal.FUNDS
    assert order.state is OrderState.FILLED
    assert stand.place(BUY, worth * 3 // 100 * 10, stand.bid() - 10).refusal is Refusal.FUNDS
    assert stand.taken(SELL, order.filled_amount, reduce_only=True).filled_amount == order.filled_amount


# --- Only while it trades -------------------------------------------------------------------------------------------


def interrupted(state: InstrumentState, *, pace: float = 1e-6) -> Stand:
    """In a second the instrument comes into that state, for ten minutes."""
    interruption = Interruption(state=state, after_ns=SECOND, for_ns=600 * SECOND)
    return Stand(listing(PERPETUAL, pace=pace, interruptions=(interruption,)))


@pytest.mark.parametrize(
    ("state", "refusal", "may_cancel"),
    [
        (InstrumentState.LOCKED, Refusal.LOCKED, True),
        (InstrumentState.HALTED, Refusal.BOOK_CLOSED, False),
        (InstrumentState.SETTLEMENT, Refusal.SETTLING, False),
        (InstrumentState.MAINTENANCE, Refusal.MAINTENANCE, False),
        (InstrumentState.SHUT, Refusal.MAINTENANCE, False),
    ],
)
def test_an_instrument_that_does_not_trade_takes_no_orders(
    state: InstrumentState, refusal: Refusal, may_cancel: bool
) -> None:
    stand = interrupted(state)
    order = stand.taken(BUY, 100, stand.bid() - 500)
    stand.exchange.reports()

    stand.wait(SECOND)

    (told,) = stand.exchange.reports()
    assert told == InstrumentChanged(instrument=PERPETUAL, state=state, at=stand.at)
    assert stand.place(BUY, 100, stand.bid() - 500).refusal is refusal
    canceled = stand.exchange.cancel("main", order.order_id, method="private/cancel", at=stand.at)
    assert (canceled.refusal is None) is may_cancel
    stand.wait(599 * SECOND)
    assert stand.place(BUY, 100, stand.bid() - 500).refusal is refusal
    stand.wait(SECOND)
    assert stand.place(BUY, 100, stand.bid() - 500).refusal is None


def test_a_halted_market_stands_still_and_goes_on_where_it_was() -> None:
    stand, undisturbed = interrupted(InstrumentState.HALTED, pace=3.0), Stand()
    stand.wait(SECOND)
    stand.exchange.reports()

    stand.wait(599 * SECOND)
    told = stand.exchange.reports()
    stand.wait(2 * SECOND)
    undisturbed.wait(2 * SECOND)

    assert told == []
    ours, theirs = stand.exchange.views.book(PERPETUAL), undisturbed.exchange.views.book(PERPETUAL)
    assert (ours.bids, ours.asks) == (theirs.bids, theirs.asks)


def test_one_interruption_may_follow_the_other_and_what_has_ended_is_not_opened_again() -> None:
    planned = [
        Interruption(state=state, after_ns=after_s * SECOND, for_ns=2 * SECOND)
        for state, after_s in ((InstrumentState.LOCKED, 1), (InstrumentState.HALTED, 3))
    ]
    stand = Stand(listing(PERPETUAL, pace=1e-6, interruptions=tuple(planned), expires_at=START + 4 * SECOND))
    stand.exchange.reports()

    stand.wait(10 * SECOND)

    told = [each for each in stand.exchange.reports() if isinstance(each, InstrumentChanged)]
    assert [((each.at - START) // SECOND, each.state.value) for each in told] == [
        (1, "locked"),
        (3, "halted"),
        (4, "settlement"),
        (4, "delivered"),
    ]


# --- Market maker protection ----------------------------------------------------------------------------------------

GROUP = MmpGroup("main", "btc_usd", "ladder")


def protected(stand: Stand, limits: MmpLimits) -> tuple[object, ...]:
    """Two protected orders and one that is not, and a taker of some of the first."""
    stand.exchange.configure_mmp(GROUP, limits, stand.at)
    price = stand.bid() + 1
    mine = {"mmp": True, "mmp_group": "ladder"}
    first, second = stand.taken(BUY, 600, price, **mine), stand.taken(BUY, 600, price - 500, **mine)
    other = stand.taken(BUY, 600, price - 500)
    stand.taken(SELL, 600, price, account="other")
    return first, second, other


@pytest.mark.parametrize(
    ("limit", "triggers"),
    [
        ({"quantity": D("0.009")}, True),
        ({"quantity": D("0.011")}, False),
        ({"delta": D("0.009")}, True),
        ({"trades": 1}, False),
    ],
)
def test_a_group_that_trades_too_much_is_cancelled_and_frozen(limit: dict, triggers: bool) -> None:
    stand = Stand()

    first, second, other = protected(stand, MmpLimits(interval_ns=10 * SECOND, frozen_ns=5 * SECOND, **limit))

    assert stand.order(first).state is OrderState.FILLED
    assert stand.order(other).state is OrderState.OPEN
    told = [report for report in stand.exchange.reports() if isinstance(report, MmpTriggered)]
    again = stand.place(BUY, 10, stand.bid() - 500, mmp=True, mmp_group="ladder")
    if not triggers:
        assert (stand.order(second).state, told, again.refusal) == (OrderState.OPEN, [], None)
        return
    assert (stand.order(second).state, stand.order(second).cancel_reason) == (OrderState.CANCELLED, "mmp_trigger")
    until = stand.at + 5 * SECOND
    assert told == [MmpTriggered(account="main", index="btc_usd", group="ladder", frozen_until=until, at=stand.at)]
    assert again.refusal is Refusal.MMP_FROZEN
    assert stand.exchange.views.mmp_frozen("main", stand.at) == {GROUP: until}
    stand.at = until
    assert stand.place(BUY, 10, stand.bid() - 500, mmp=True, mmp_group="ladder").refusal is None


def next_life(*lives: Stand) -> Stand:
    """An exchange that goes on where those before it have ended."""
    at, told = lives[-1].at, b"".join(bytes(life.ledger) for life in lives)
    return Stand(listing(PERPETUAL, at=at), at=at, past=read_ledger(told))


def test_without_a_frozen_time_only_a_reset_thaws_and_no_restart() -> None:
    stand = Stand()
    protected(stand, MmpLimits(interval_ns=10 * SECOND, frozen_ns=0, quantity=D("0.001")))

    stand.at += 3600 * SECOND
    frozen = stand.place(BUY, 10, stand.bid() - 500, mmp=True, mmp_group="ladder")
    second = next_life(stand)
    still_frozen = second.place(BUY, 10, second.bid() - 500, mmp=True, mmp_group="ladder")
    second.exchange.reset_mmp(GROUP, second.at)
    for thawed in (second, next_life(stand, second)):
        assert thawed.place(BUY, 10, thawed.bid() - 500, mmp=True, mmp_group="ladder").refusal is None

    assert frozen.refusal is still_frozen.refusal is Refusal.MMP_FROZEN


def test_what_traded_before_the_interval_does_not_count() -> None:
    stand = Stand(listing(PERPETUAL, pace=1e-6))
    limits = MmpLimits(interval_ns=10 * SECOND, frozen_ns=0, quantity=D("0.012"))
    protected(stand, limits)

    stand.at += 11 * SECOND
    price = stand.bid() + 1
    stand.taken(BUY, 600, price, mmp=True, mmp_group="ladder")
    stand.taken(SELL, 600, price, account="other")

    assert stand.exchange.views.mmp_frozen("main", stand.at) == {}
