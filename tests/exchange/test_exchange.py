"""The exchange judges, books, writes down and tells; and after a restart it is what it was."""

from collections.abc import Container, Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.small_exchange import BTC_PERPETUAL, exchange_of
from replenisher.errors import ConfigurationError
from replenisher.exchange.exchange import Listing
from replenisher.exchange.flow import NANOSECONDS, SyntheticSettings
from replenisher.exchange.ledger import NO_PAST, Past, read_ledger
from replenisher.exchange.market import NOTHING, Cause, ClientOrder, Happening, PublicLevel, Reach, Traded
from replenisher.exchange.words import (
    AccountUpdate,
    Action,
    BookUpdate,
    InstrumentChanged,
    InstrumentState,
    OrderRequest,
    OrderState,
    OrderType,
    OrderView,
    Outcome,
    Print,
    Refusal,
    TimeInForce,
)
from replenisher.model.order import Liquidity, Side

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
START = 1_700_000_000 * NANOSECONDS
NAME = "BTC-PERPETUAL"


class Stand:
    """An exchange on the synthetic market with its ledger in memory; nothing stirs until time passes."""

    def __init__(self, past: Past = NO_PAST, at: int = START, exchange_id: str = "00112233aabbccdd") -> None:
        self.at = at
        self.ledger = bytearray()
        self.exchange = exchange_of(
            "main",
            "other",
            flow=SyntheticSettings(),
            at=at,
            append=self.ledger.extend,
            past=past,
            exchange_id=exchange_id,
        )

    @property
    def bid(self) -> Decimal:
        return self.exchange.views.book(NAME).bids[0][0]

    @property
    def ask(self) -> Decimal:
        return self.exchange.views.book(NAME).asks[0][0]

    def place(
        self,
        side: Side,
        amount: str,
        price: Decimal | None,
        account: str = "main",
        *,
        change: dict | None = None,
        **more: object,
    ) -> Outcome:
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        request = OrderRequest(
            account=account,
            connection="c1",
            instrument=NAME,
            side=side,
            amount=D(amount),
            price=price,
            order_type=kind,
            method=f"private/{side}",
        )
        return self.exchange.place(msgspec.structs.replace(request, **more, **(change or {})), self.at)

    def resting(self, side: Side, amount: str, price: Decimal, **more: object) -> OrderView:
        outcome = self.place(side, amount, price, post_only=True, **more)
        assert outcome.order is not None, outcome.refusal
        return outcome.order

    def amend(self, order_id: str, amount: str, price: Decimal | None = None, account: str = "main") -> Outcome:
        return self.exchange.amend(
            account,
            order_id,
            amount=D(amount),
            price=price,
            post_only=True,
            reject_post_only=True,
            valid_until=None,
            method="private/edit",
            at=self.at,
        )

    def wait(self, duration_ns: int) -> None:
        """Let time pass until the market has caught up with it."""
        self.at += duration_ns
        self.exchange.advance(self.at)
        while (next_at := self.exchange.next_at) is not None and next_at <= self.at:
            self.exchange.advance(self.at)

    def lines(self) -> list[dict]:
        return [msgspec.json.decode(line) for line in bytes(self.ledger).splitlines()]

    def trades(self, account: str = "main", **more: object) -> list:
        return list(self.exchange.views.trades(account, **more))


def test_a_resting_order_is_answered_shown_and_told_to_its_owner() -> None:
    stand = Stand()
    before = stand.exchange.views.book(NAME).change_id

    order = stand.resting(BUY, "1000", stand.bid - 3, label="level-0")

    assert (order.state, order.price, order.amount, order.label) == (OrderState.OPEN, stand.bid - 3, D(1000), "level-0")
    book_update, account_update = stand.exchange.reports()
    assert isinstance(book_update, BookUpdate)
    assert book_update.previous_change_id == before
    assert [(level.action, level.price, level.amount) for level in book_update.bids] == [
        (Action.NEW, stand.bid - 3, D(1000))
    ]
    assert isinstance(account_update, AccountUpdate)
    assert account_update.orders == (order,)
    assert account_update.trades == ()
    assert stand.exchange.reports() == []


def test_a_fill_between_two_accounts_is_one_print_and_one_update_for_each() -> None:
    stand = Stand()
    price = stand.bid + D("0.5")
    maker = stand.resting(BUY, "1000", price)
    stand.exchange.reports()

    outcome = stand.place(SELL, "400", price, account="other")

    assert outcome.order is not None
    assert outcome.order.state is OrderState.FILLED
    (taken,) = outcome.trades
    assert (taken.price, taken.amount, taken.liquidity) == (price, D(400), Liquidity.TAKER)
    public, book_update, *updates = stand.exchange.reports()
    assert isinstance(public, Print)
    assert (public.trade_id, public.amount, public.taker) == (taken.trade_id, D(400), SELL)
    assert isinstance(book_update, BookUpdate)
    assert {update.account for update in updates} == {"main", "other"}
    made = next(update for update in updates if update.account == "main")
    assert [(order.order_id, order.filled_amount) for order in made.orders] == [(maker.order_id, D(400))]
    assert [trade.trade_id for trade in made.trades] == [taken.trade_id]
    assert made.position is not None
    assert made.position.size == D(400)


def test_money_of_a_fill_is_in_the_ledger_to_the_last_digit() -> None:
    stand = Stand()
    price = stand.bid + D("0.5")
    stand.resting(BUY, "1000", price, label="m")

    stand.place(SELL, "600", price, account="other")

    made, taken = (line for line in stand.lines() if line["type"] == "trade")
    worth = (D(600) / price).quantize(D("1e-8"))
    rebate = (worth * D("-0.0001")).quantize(D("1e-8"))
    assert (made["account"], made["liquidity"], made["label"]) == ("main", "M", "m")
    assert D(made["fee"]) == rebate
    assert D(made["balance"]) == D(10) - rebate == stand.exchange.views.account("main", "BTC").balance
    assert D(made["position"]) == D(600)
    assert made["cause"] == {"trade_id": made["cause"]["trade_id"], "price": str(price), "amount": "600"}
    assert taken["cause"] is None
    assert taken["trade_id"] == made["trade_id"]


def test_a_market_order_walks_the_book_and_an_immediate_one_leaves_no_rest() -> None:
    stand = Stand()

    market = stand.place(BUY, "5000", None)
    immediate = stand.place(BUY, "100000", stand.ask, time_in_force=TimeInForce.IOC)

    assert market.order is not None and immediate.order is not None
    assert market.order.state is OrderState.FILLED
    assert sum(trade.amount for trade in market.trades) == D(5000)
    assert immediate.order.state is OrderState.CANCELLED
    assert D(0) < immediate.order.filled_amount < D(100000)
    assert stand.exchange.views.open_orders("main") == []


def test_a_post_only_order_that_would_take_is_refused_or_moved_just_inside_as_asked() -> None:
    stand = Stand()
    ask = stand.ask

    refused = stand.place(BUY, "100", ask + 5, post_only=True, reject_post_only=True)
    moved = stand.place(BUY, "100", ask + 5, post_only=True)

    assert (refused.order, refused.refusal) == (None, Refusal.POST_ONLY)
    assert moved.order is not None
    assert (moved.order.price, moved.trades) == (ask - D("0.5"), ())


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"instrument": "ETH-PERPETUAL"}, Refusal.UNKNOWN_INSTRUMENT),
        ({"amount": D("15")}, Refusal.INVALID_AMOUNT),
        ({"amount": D("0")}, Refusal.INVALID_AMOUNT),
        ({"amount": D("-10")}, Refusal.INVALID_AMOUNT),
        ({"amount": D("NaN")}, Refusal.INVALID_AMOUNT),
        ({"amount": D("1e30")}, Refusal.INVALID_AMOUNT),
        ({"amount": D("30000000")}, Refusal.FUNDS),
        ({"price": D("50000.3")}, Refusal.WRONG_TICK),
        ({"price": D("-1")}, Refusal.INVALID_PRICE),
        ({"price": D("Infinity")}, Refusal.INVALID_PRICE),
        ({"price": D("1e40")}, Refusal.INVALID_PRICE),
        ({"price": None}, Refusal.INVALID_PRICE),
        ({"order_type": OrderType.MARKET}, Refusal.INVALID_PRICE),
        ({"valid_until": START - 1}, Refusal.TOO_LATE),
    ],
)
def test_a_bad_order_is_refused_and_leaves_no_trace_but_the_refusal(change: dict, refusal: Refusal) -> None:
    stand = Stand()
    book = stand.exchange.views.book(NAME)

    outcome = stand.place(BUY, "100", D("50000"), label="x", change=change)

    assert outcome.refusal is refusal
    assert outcome.order is None
    assert stand.exchange.reports() == []
    assert stand.exchange.views.book(NAME) == book
    assert [line["type"] for line in stand.lines()[-2:]] == ["request", "rejected"]
    assert stand.lines()[-1]["code"] == refusal.value
    assert stand.exchange.views.orders_by_label("main", "x") == []


def test_an_amend_names_the_total_and_what_is_filled_stays_filled() -> None:
    stand = Stand()
    price = stand.bid + D("0.5")
    order = stand.resting(BUY, "1000", price)
    stand.place(SELL, "400", price, account="other")

    too_small = stand.amend(order.order_id, "400")
    amended = stand.amend(order.order_id, "700", price - 1)

    assert too_small.refusal is Refusal.INVALID_AMOUNT
    assert amended.order is not None
    assert (amended.order.amount, amended.order.filled_amount, amended.order.replaced) == (D(700), D(400), True)
    assert (price - 1, D(300)) in stand.exchange.views.book(NAME).bids


def test_an_amend_that_would_take_is_refused_and_the_order_rests_as_before() -> None:
    stand = Stand()
    order = stand.resting(BUY, "1000", stand.bid)

    outcome = stand.amend(order.order_id, "1000", stand.ask)

    assert outcome.refusal is Refusal.POST_ONLY
    assert stand.exchange.views.order("main", order.order_id) == order


def test_nobody_touches_an_order_that_is_not_his_or_not_there_or_over() -> None:
    stand = Stand()
    order = stand.resting(BUY, "1000", stand.bid - 3)

    def cancel(account: str, order_id: str) -> Outcome:
        return stand.exchange.cancel(account, order_id, method="private/cancel", at=stand.at)

    assert cancel("other", order.order_id).refusal is Refusal.NOT_OWNER
    assert cancel("main", "404").refusal is Refusal.ORDER_NOT_FOUND
    done = cancel("main", order.order_id).order
    assert done is not None
    assert (done.state, done.cancel_reason) == (OrderState.CANCELLED, "user_request")
    assert cancel("main", order.order_id).refusal is Refusal.NOT_OPEN
    assert stand.amend(order.order_id, "500").refusal is Refusal.NOT_OPEN
    assert stand.exchange.views.order("other", order.order_id) is None


def test_cancel_all_takes_what_fits_as_one_event() -> None:
    stand = Stand()
    stand.resting(BUY, "100", stand.bid - 3, label="a")
    stand.resting(BUY, "100", stand.bid - 4, label="b")
    stays = stand.resting(BUY, "100", stand.bid - 5, connection="c2")
    stand.exchange.reports()

    count = stand.exchange.cancel_all("main", connection="c1", reason="cancel_on_disconnect", method="", at=stand.at)

    assert count == 2
    assert stand.exchange.views.open_orders("main") == [stays]
    book_update, account_update = stand.exchange.reports()
    assert isinstance(book_update, BookUpdate)
    assert [level.action for level in book_update.bids] == [Action.DELETE, Action.DELETE]
    assert isinstance(account_update, AccountUpdate)
    assert [order.cancel_reason for order in account_update.orders] == ["cancel_on_disconnect"] * 2


def test_an_order_that_only_reduces_needs_no_funds() -> None:
    stand = Stand()
    stand.place(BUY, "5000", None)
    reserved = stand.exchange.views.account("main", "BTC")

    reducing = stand.resting(SELL, "5000", stand.ask + 10)

    assert D(0) < reserved.balance - reserved.available < D("0.01")
    assert stand.exchange.views.account("main", "BTC").available == reserved.available
    assert reducing.state is OrderState.OPEN


def test_the_book_changes_told_chain_and_add_up_to_the_book() -> None:
    stand = Stand()
    shown = stand.exchange.views.book(NAME)
    bids, asks, last = dict(shown.bids), dict(shown.asks), shown.change_id

    stand.wait(30 * NANOSECONDS)

    for report in stand.exchange.reports():
        if not isinstance(report, BookUpdate):
            continue
        assert report.previous_change_id == last < report.change_id
        last = report.change_id
        for side, levels in ((bids, report.bids), (asks, report.asks)):
            for level in levels:
                assert (level.price in side) == (level.action is not Action.NEW)
                side[level.price] = level.amount
                if level.action is Action.DELETE:
                    del side[level.price]
    now = stand.exchange.views.book(NAME)
    assert (dict(now.bids), dict(now.asks), now.change_id) == (bids, asks, last)


def test_a_market_that_is_far_behind_leaves_room_for_requests_and_skips_nothing() -> None:
    late, punctual = Stand(), Stand()
    for _ in range(300):
        punctual.wait(NANOSECONDS // 10)
    told = [report for report in punctual.exchange.reports() if isinstance(report, BookUpdate | Print)]

    late.at = punctual.at
    order = late.resting(BUY, "10", D("1"))  # far from where anybody trades

    assert order.created_at == late.at
    assert late.exchange.next_at is not None and late.exchange.next_at < START + NANOSECONDS
    late.exchange.cancel("main", order.order_id, method="", at=late.at)
    late.wait(0)
    after = [
        report
        for report in late.exchange.reports()
        if isinstance(report, BookUpdate | Print) and not _is_about(report, D("1"))
    ]
    assert [_without_stamps(report) for report in after] == [_without_stamps(report) for report in told]
    assert [report.at for report in after] == sorted(report.at for report in after)
    assert late.exchange.next_at == punctual.exchange.next_at


def _is_about(report: BookUpdate | Print, price: Decimal) -> bool:
    return isinstance(report, BookUpdate) and [level.price for level in report.bids] == [price]


def _without_stamps(report: BookUpdate | Print) -> BookUpdate | Print:
    if isinstance(report, Print):
        return msgspec.structs.replace(report, at=0, mark=D(0), index=D(0))  # these depend on when it was
    return msgspec.structs.replace(report, at=0, change_id=0, previous_change_id=0)


def test_the_ledger_is_safe_before_the_answer_is_seen() -> None:
    stand = Stand()

    order = stand.resting(BUY, "100", stand.bid - 3)

    assert [line["type"] for line in stand.lines()[-2:]] == ["request", "order"]
    assert stand.lines()[-1]["order_id"] == order.order_id


def busy_life(stand: Stand, seconds: int = 20) -> None:
    """Quotes at the touch on both sides for a while, and leaves two orders resting."""
    for second in range(seconds):
        stand.wait(NANOSECONDS)
        for side, price in ((BUY, stand.bid), (SELL, stand.ask)):
            stand.place(side, "1000", price, post_only=True, label=f"{side}-{second % 3}")
        if second % 4 == 3:
            stand.exchange.cancel_all("main", method="private/cancel_all", at=stand.at)
    stand.resting(BUY, "500", stand.bid - 200, label="left")


def test_after_a_restart_everything_is_as_it_was_but_orders_of_the_lost_connection() -> None:
    first = Stand()
    busy_life(first)
    before = first.exchange.views

    second = Stand(read_ledger(bytes(first.ledger)), at=first.at + NANOSECONDS, exchange_id="another one")
    after = second.exchange.views

    assert second.exchange.exchange_id == "00112233aabbccdd"
    assert len(first.trades()) > 20
    assert second.trades() == first.trades()
    assert after.position("main", NAME) == before.position("main", NAME)
    assert after.account("main", "BTC").balance == before.account("main", "BTC").balance
    assert after.open_orders("main") == []
    (left,) = after.orders_by_label("main", "left")
    assert (left.state, left.cancel_reason) == (OrderState.CANCELLED, "cancel_on_disconnect")
    assert [line["type"] for line in second.lines()].count("deposit") == 0
    assert second.lines()[0]["life"] == 2


def test_ids_of_the_next_life_go_on_where_the_last_one_ended() -> None:
    first = Stand()
    busy_life(first)
    old_orders = {line["order_id"] for line in first.lines() if line["type"] == "order"}
    old_trade = max(int(line["trade_id"]) for line in first.lines() if line["type"] == "trade")
    old_change = first.exchange.views.book(NAME).change_id

    second = Stand(read_ledger(bytes(first.ledger)), at=first.at + NANOSECONDS)
    order = second.resting(BUY, "1000", second.bid + D("0.5"))
    (trade,) = second.place(SELL, "1000", order.price, account="other").trades

    assert order.order_id not in old_orders
    assert int(order.order_id) == max(map(int, old_orders)) + 1
    assert int(trade.trade_id) > old_trade
    assert second.exchange.views.book(NAME).change_id > old_change


def test_both_lives_of_a_ledger_add_up() -> None:
    first = Stand()
    busy_life(first)
    second = Stand(read_ledger(bytes(first.ledger)), at=first.at + NANOSECONDS)
    busy_life(second)

    lines = first.lines() + second.lines()

    own = [line for line in lines if line["type"] == "trade" and line["account"] == "main"]
    balance = D(10) - sum(D(line["fee"]) for line in own)
    size = sum(D(line["amount"]) * (1 if line["side"] == "buy" else -1) for line in own)
    assert balance == second.exchange.views.account("main", "BTC").balance == D(own[-1]["balance"])
    assert second.exchange.views.account("main", "BTC").realized == sum(D(line["realized"]) for line in own)
    assert size == second.exchange.views.position("main", NAME).size == D(own[-1]["position"])
    assert len({(line["trade_id"], line["side"]) for line in own}) == len(own)
    causes: dict[str, Decimal] = {}
    for line in own:
        if line["liquidity"] == "M":
            causes[line["cause"]["trade_id"]] = causes.get(line["cause"]["trade_id"], D(0)) + D(line["amount"])
            assert causes[line["cause"]["trade_id"]] <= D(line["cause"]["amount"])
    third = Stand(read_ledger(bytes(first.ledger) + bytes(second.ledger)), at=second.at + NANOSECONDS)
    assert third.lines()[0]["life"] == 3
    assert third.trades() == second.trades()


def test_a_ledger_whose_money_was_changed_is_refused() -> None:
    stand = Stand()
    busy_life(stand)
    lines = bytes(stand.ledger).splitlines(keepends=True)
    number, line = next((n, line) for n, line in enumerate(lines) if b'"type":"trade"' in line)
    fee = msgspec.json.decode(line)["fee"]
    lines[number] = line.replace(f'"fee":"{fee}"'.encode(), b'"fee":"0.5"')

    with pytest.raises(ConfigurationError, match=rf"line {number + 1}: .*balance"):
        Stand(read_ledger(b"".join(lines)))


def test_trades_are_read_from_either_end() -> None:
    stand = Stand()
    busy_life(stand)
    everything = stand.trades()
    middle = everything[len(everything) // 2]

    assert stand.trades(newest_first=True) == everything[::-1]
    assert stand.trades(since=middle.at) == [trade for trade in everything if trade.at >= middle.at]
    assert stand.trades(until=middle.at) == [trade for trade in everything if trade.at <= middle.at]


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["quote", "quote", "limit", "immediate", "market", "cancel", "amend", "wait"]),
        st.sampled_from(["main", "other"]),
        st.sampled_from([BUY, SELL]),
        st.integers(-8, 8),
        st.integers(1, 300),
    ),
    max_size=30,
)


@given(REQUESTS)
@settings(max_examples=40, deadline=None)
def test_whatever_clients_do_with_whomever_they_trade_the_ledger_tells_all_of_it(requests: list[tuple]) -> None:
    stand = Stand()

    for act, account, side, steps, lots in requests:
        mark = stand.exchange.views.mark_price(NAME)  # a market order may have taken all of a side
        price = mark // D("0.5") * D("0.5") + 2 * steps
        resting = stand.exchange.views.open_orders(account)
        match act:
            case "cancel":
                if resting:
                    order_id = resting[lots % len(resting)].order_id
                    stand.exchange.cancel(account, order_id, method="", at=stand.at)
            case "amend":
                if resting:
                    order = resting[lots % len(resting)]
                    stand.amend(order.order_id, str(lots * 10), price, account)
            case "wait":
                stand.wait(lots * NANOSECONDS // 100)
            case "market":
                stand.place(side, str(lots * 10), None, account)
            case _:
                in_force = TimeInForce.IOC if act == "immediate" else TimeInForce.GTC
                change = {"time_in_force": in_force, "post_only": act == "quote"}
                stand.place(side, str(lots * 10), price, account, change=change)

    after = Stand(read_ledger(bytes(stand.ledger)), at=stand.at).exchange.views
    for account in ("main", "other"):
        before = stand.exchange.views
        assert all(order.amount > order.filled_amount for order in before.open_orders(account))
        assert after.position(account, NAME) == before.position(account, NAME)
        assert after.account(account, "BTC").balance == before.account(account, "BTC").balance
        for side in Side:
            open_amount = sum(o.amount - o.filled_amount for o in before.open_orders(account) if o.side is side)
            shown = sum(amount for _, amount in (before.book(NAME).bids if side is BUY else before.book(NAME).asks))
            assert open_amount <= shown


class OneDay:
    """A market that opens, prints one trade over the client's order, and ends."""

    source = "recorded"
    instrument = BTC_PERPETUAL
    index = None

    def __init__(self) -> None:
        self.is_open = True
        self.next_at: int | None = START + 10
        self.order_id = ""

    def best(self, side: Side, *, without: str = "") -> int | None:
        return 119_990 if side is BUY else 120_010

    def reach(self, order: ClientOrder, *, without: Container[str] = ()) -> Reach:
        return NOTHING

    def stand_still(self, duration_ns: int) -> None:
        raise AssertionError("this market is never halted")

    def depth(self) -> Sequence[PublicLevel]:
        return [PublicLevel(BUY, 119_990, 5), PublicLevel(SELL, 120_010, 5)]

    def advance(self, at: int) -> list[Happening]:
        self.next_at, self.is_open = None, False
        fill = Traded(price=120_000, quantity=3, taker=SELL, maker_order=self.order_id, cause=Cause("t1", 119_999, 7))
        rest = Traded(price=119_999, quantity=4, taker=SELL)
        return [Happening(at=at, trades=(fill, rest)), Happening(at=at, closed=True)]

    def place(self, order: ClientOrder, at: int) -> Happening:
        self.order_id = order.order_id
        return Happening(at=at, **{"bids" if order.side is BUY else "asks": ((order.price or 0, order.quantity),)})

    def amend(self, order_id: str, *, price: int, quantity: int, at: int) -> Happening:
        return Happening(at=at)

    def cancel(self, order_id: str, at: int) -> Happening:
        return Happening(at=at, bids=((120_000, 0),))


def test_when_its_market_ends_an_instrument_closes_but_still_lets_go_of_orders() -> None:
    stand = Stand()
    listing = Listing(market=OneDay(), maker_rate=D("0"), taker_rate=D("0"))
    stand.exchange = exchange_of("main", listings=(listing,), append=stand.ledger.extend, at=START)
    order = stand.resting(BUY, "50", D("60000"))
    stand.exchange.reports()

    stand.exchange.advance(START + 20)

    first, second, update, closed = stand.exchange.reports()
    assert isinstance(first, Print) and isinstance(second, Print)
    assert (first.amount, second.amount, second.trade_seq - first.trade_seq) == (D(30), D(40), 1)
    assert isinstance(update, AccountUpdate)
    assert update.orders[0].filled_amount == D(30)
    assert closed == InstrumentChanged(instrument=NAME, state=InstrumentState.CLOSED, at=START + 10)
    assert stand.exchange.next_at is None
    stand.at = START + 30
    assert stand.place(BUY, "50", D("60000")).refusal is Refusal.BOOK_CLOSED
    assert stand.exchange.cancel("main", order.order_id, method="", at=stand.at).refusal is None
