"""Money that moves without a fill: it is conserved, written down, told, and the same after a restart."""

from decimal import Decimal

import pytest

from replenisher.exchange.accounts import Contract, value
from replenisher.exchange.ledger import read_ledger
from replenisher.exchange.words import CashMove, InstrumentChanged, InstrumentState, OrderState, Refusal
from replenisher.model.order import Side
from tests.exchange.stand import FUTURE, PERPETUAL, D, Stand, listing

BUY, SELL = Side.BUY, Side.SELL
HOUR = 3600 * 10**9
QUIET = 1e-6


def held(*, name: str = PERPETUAL, size: int = 6000, **terms: object) -> Stand:
    """`main` is long from below the mark, and `other` is short; nothing of a market stirs."""
    stand = Stand(listing(name, pace=QUIET, **terms))
    price = stand.bid(name) + stand.exchange.views.instruments()[0].instrument.tick
    stand.taken(BUY, size, price, instrument=name)
    stand.taken(SELL, size, price, instrument=name, account="other")
    stand.exchange.reports()
    return stand


def moves(stand: Stand) -> list[CashMove]:
    return [report for report in stand.exchange.reports() if isinstance(report, CashMove)]


def test_longs_pay_shorts_every_eight_hours() -> None:
    stand = held(funding_every_ns=8 * HOUR, funding_rate_8h=D("0.0001"))
    mark = stand.exchange.views.mark_price(PERPETUAL)
    before = stand.balance("BTC"), stand.balance("BTC", "other")
    available = stand.available("BTC")

    stand.wait(8 * HOUR)

    paid = (D("0.0001") * (D(6000) / mark).quantize(D("1e-8"))).quantize(D("1e-8"))
    assert [(move.account, move.kind, move.amount) for move in moves(stand)] == [
        ("main", "funding", -paid),
        ("other", "funding", paid),
    ]
    assert (stand.balance("BTC"), stand.balance("BTC", "other")) == before, "it waits for a settlement"
    assert [stand.exchange.views.account(name, "BTC").realized for name in ("main", "other")] == [-paid, paid]
    assert stand.available("BTC") == available - paid
    assert stand.size() == 6000


@pytest.mark.parametrize(("every_h", "share"), [(1, D(1) / 8), (8, D(1)), (24, D(3))])
def test_a_rate_is_that_of_eight_hours_whatever_the_interval(every_h: int, share: Decimal) -> None:
    stand = held(funding_every_ns=every_h * HOUR, funding_rate_8h=D("0.001"), size=600_000)

    stand.at = stand.at // (every_h * HOUR) * every_h * HOUR
    stand.wait(every_h * HOUR)

    first = moves(stand)[0]
    expected = D(600_000) / stand.exchange.views.mark_price(PERPETUAL) * D("0.001") * share
    assert abs(-first.amount - expected) <= D("1e-8")


def test_settlement_pays_out_what_was_gained_and_the_position_goes_on() -> None:
    stand = held(settlement_every_ns=24 * HOUR)
    gained = stand.exchange.views.account("main", "BTC").unrealized
    before = stand.balance("BTC")

    stand.wait(24 * HOUR)

    told = stand.exchange.reports()
    states = [report.state for report in told if isinstance(report, InstrumentChanged)]
    assert states == [InstrumentState.SETTLEMENT, InstrumentState.OPEN]
    (ours, theirs) = [report for report in told if isinstance(report, CashMove)]
    assert ours.amount == -theirs.amount == gained == stand.balance("BTC") - before != 0
    assert stand.exchange.views.account("main", "BTC").unrealized == 0
    assert stand.size() == 6000


def test_a_future_is_delivered_on_its_day_and_is_gone() -> None:
    stand = held(name=FUTURE)
    expires_at = stand.exchange.views.instruments()[0].expires_at
    assert expires_at is not None
    order = stand.taken(BUY, 100, stand.bid(FUTURE) - 500, instrument=FUTURE)
    entry = stand.exchange.views.position("main", FUTURE)
    balance = stand.balance("BTC")
    stand.exchange.reports()

    stand.wait(expires_at - stand.at)

    ours = next(report for report in stand.exchange.reports() if isinstance(report, CashMove))
    price = D(stand.lines("cash")[0]["price"])
    contract = Contract(FUTURE, inverse=True, contract_value=D(1), settlement_currency="BTC")
    expected = value(contract, entry.size, entry.average_price) - value(contract, entry.size, price)
    assert abs(ours.amount - expected) <= D("2e-8")
    assert (ours.kind, stand.balance("BTC")) == ("delivery", balance + ours.amount)
    assert stand.size(name=FUTURE) == stand.size("other", FUTURE) == 0
    assert (stand.order(order).state, stand.order(order).cancel_reason) == (OrderState.CANCELLED, "settlement")
    assert stand.place(BUY, 100, stand.bid(FUTURE), instrument=FUTURE).refusal is Refusal.BOOK_CLOSED
    assert stand.exchange.views.instruments()[0].state is InstrumentState.DELIVERED


def test_a_future_that_expired_while_nobody_ran_the_exchange_is_delivered_at_once() -> None:
    stand = held(name=FUTURE)
    late = stand.at + 9000 * HOUR

    again = Stand(listing(FUTURE, at=late, pace=QUIET), at=late, past=read_ledger(bytes(stand.ledger)))
    again.wait(1)

    assert again.size(name=FUTURE) == 0
    assert [line["kind"] for line in again.lines("cash")] == ["delivery", "delivery"]


def test_after_a_restart_the_money_is_what_it_was() -> None:
    stand = held(funding_every_ns=8 * HOUR, funding_rate_8h=D("0.0001"), settlement_every_ns=24 * HOUR)
    stand.wait(25 * HOUR)
    stand.taken(SELL, 2000)

    again = Stand(listing(PERPETUAL, at=stand.at), at=stand.at, past=read_ledger(bytes(stand.ledger)))

    for account in ("main", "other"):
        assert again.balance("BTC", account) == stand.balance("BTC", account)
        assert again.exchange.views.position(account, PERPETUAL) == stand.exchange.views.position(account, PERPETUAL)
        assert list(again.exchange.views.cash_changes(account, "BTC")) == list(
            stand.exchange.views.cash_changes(account, "BTC")
        )


def test_the_log_of_an_account_adds_up_to_its_balance() -> None:
    stand = held(funding_every_ns=8 * HOUR, settlement_every_ns=24 * HOUR)
    stand.wait(25 * HOUR)
    stand.taken(SELL, 2000)

    log = list(stand.exchange.views.cash_changes("main", "BTC"))[::-1]

    assert {entry.kind for entry in log} == {"deposit", "trade", "settlement"}
    total = D(0)
    for entry in log:
        total += entry.change
        assert entry.balance == total
    assert total == stand.balance("BTC")


def test_what_fills_realize_is_cash_only_once_it_is_settled() -> None:
    stand = held(settlement_every_ns=24 * HOUR)
    before = stand.balance("BTC")

    stand.taken(SELL, 6000)

    sold = [line for line in stand.lines("trade") if line["account"] == "main" and line["side"] == "sell"]
    realized, fees = (sum(D(line[member]) for line in sold) for member in ("realized", "fee"))
    view = stand.exchange.views.account("main", "BTC")
    assert realized != 0
    assert (view.balance, view.realized, view.unrealized) == (before - fees, realized, 0)
    assert view.available == view.balance + realized

    stand.wait(24 * HOUR)

    view = stand.exchange.views.account("main", "BTC")
    assert (view.balance, view.realized) == (before - fees + realized, 0), "though nothing is held any more"
    (paid,) = [line for line in stand.lines("cash") if line["account"] == "main"]
    assert (D(paid["amount"]), paid["size"]) == (realized, "0")
