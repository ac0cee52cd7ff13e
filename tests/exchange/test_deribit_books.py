from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.small_exchange import LIVELY
from replenisher.exchange.dialects.deribit import DeribitSettings
from replenisher.exchange.dialects.deribit.book_batch import BookBatch
from replenisher.exchange.dialects.deribit.channels import parse
from replenisher.exchange.dialects.deribit.desk import open_desk
from replenisher.exchange.dialects.deribit.subscription import Subscription
from replenisher.exchange.market import Listing
from replenisher.exchange.queue import RiskAverse
from replenisher.exchange.recorded import RecordedMarket, recorded_instrument
from replenisher.exchange.words import Action, BookLevel, BookUpdate, InstrumentChanged, InstrumentState
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, TradePrinted
from replenisher.model.order import SELL
from tests.exchange.clients import ALICE, MS, START, Clients, S

RECORDED = recorded_instrument("deribit", Decimal("0.1"), Decimal("0.001"))


def test_raw_channels_are_not_for_strangers(clients: Clients) -> None:
    clients.connect("c")

    assert clients.error("c", "public/subscribe", channels=["book.BTC-PERPETUAL.raw"])["code"] == 13778
    assert clients.result("c", "public/subscribe", channels=["book.BTC-PERPETUAL.100ms"])


def apply(book: dict[str, dict[float, float]], data: dict[str, Any]) -> None:
    """What a careful client does with a book channel."""
    for side in ("bids", "asks"):
        for action, price, amount in data[side]:
            assert (price in book[side]) == (action != "new"), (action, price)
            if action == "delete":
                assert amount == 0
                del book[side][price]
            else:
                assert amount > 0
                book[side][price] = amount


@pytest.mark.parametrize("interval", ["raw", "100ms", "agg2"])
def test_the_changes_of_a_book_form_a_chain_that_adds_up_to_the_book(interval: str) -> None:
    clients = Clients(LIVELY)
    clients.connect("a", ALICE)
    channel = f"book.BTC-PERPETUAL.{interval}"
    clients.result("a", "private/subscribe", channels=[channel])
    bid, _ = clients.touch()
    order = clients.buy("a", bid)["order"]["order_id"]
    clients.wait(5)
    clients.ask("a", "private/cancel", order_id=order)
    clients.wait(5)

    snapshot, *changes = clients.heard("a", channel)

    book: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
    apply(book, snapshot)
    last = snapshot["change_id"]
    assert len(changes) > 5
    for change in changes:
        assert change["type"] == "change"
        assert change["prev_change_id"] == last
        last = change["change_id"]
        apply(book, change)
    if interval == "raw":
        view = clients.exchange.views.book("BTC-PERPETUAL")
        assert last == view.change_id
        assert book["bids"] == {float(price): float(amount) for price, amount in view.bids}
        assert book["asks"] == {float(price): float(amount) for price, amount in view.asks}


@pytest.mark.parametrize("interval", ["raw", "100ms"])
def test_a_book_that_its_recording_has_lost_follows_on_nothing_and_is_shown_whole_when_it_is_found(
    interval: str,
) -> None:
    told = [
        (0, BookSnapshot(at=0, instrument=RECORDED.key, venue_time=0, bids=((100, 5),), asks=((102, 4),))),
        (1, BookChanged(at=1, instrument=RECORDED.key, venue_time=1, bids=((100, 6),), asks=())),
        (2, FeedLost(at=2, instrument=RECORDED.key, reason="a socket ended")),
        (3, TradePrinted(at=3, instrument=RECORDED.key, venue_time=3, trade_id="1", price=99, quantity=9, taker=SELL)),
        (5, BookSnapshot(at=5, instrument=RECORDED.key, venue_time=5, bids=((99, 7),), asks=((102, 4),))),
        (6, BookChanged(at=6, instrument=RECORDED.key, venue_time=6, bids=((99, 8),), asks=())),
        (9, BookChanged(at=9, instrument=RECORDED.key, venue_time=9, bids=(), asks=((103, 1),))),
    ]
    market = RecordedMarket(RECORDED, [(at * S, fact) for at, fact in told], model=RiskAverse(), start=START)
    clients = Clients(besides=[Listing(market=market, maker_rate=Decimal(0), taker_rate=Decimal(0))])
    book, trades = f"book.{RECORDED.name}.{interval}", f"trades.{RECORDED.name}.{interval}"
    for name in ("before", "during"):
        clients.connect(name, ALICE)
    clients.result("before", "private/subscribe", channels=[book, trades])
    clients.wait(4.5)
    clients.result("during", "private/subscribe", channels=[book, trades])
    clients.wait(3)

    first, change, lost, found, later = clients.heard("before")
    assert change["prev_change_id"] == first["change_id"]
    assert lost["type"] == "change" and lost["bids"] == lost["asks"] == []
    assert change["change_id"] < lost["prev_change_id"] < lost["change_id"]
    assert found["type"] == "snapshot"
    assert found["bids"] == [["new", 9.9, 0.007]]
    assert (later["prev_change_id"], later["bids"]) == (found["change_id"], [["change", 9.9, 0.008]])
    assert clients.heard("during") == [found, later]


AMOUNTS = st.lists(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=5), max_size=8)


@given(AMOUNTS, AMOUNTS)
def test_gathered_changes_amount_to_the_same_book(before: list[Any], after: list[Any]) -> None:
    exact: dict[Decimal, int] = {}
    for updates in before:
        exact |= {Decimal(price): amount for price, amount in updates}
    exact = {price: amount for price, amount in exact.items() if amount}
    seen = dict(exact)

    batch = BookBatch()
    for number, updates in enumerate(after):
        levels = []
        for price, amount in dict(updates).items():
            was = exact.pop(Decimal(price), 0)
            if amount:
                exact[Decimal(price)] = amount
            if amount != was:
                action = Action.NEW if not was else Action.CHANGE if amount else Action.DELETE
                levels.append(BookLevel(action, Decimal(price), Decimal(amount)))
        batch.add(
            BookUpdate(
                instrument="X", at=number, change_id=number + 1, previous_change_id=number, bids=tuple(levels), asks=()
            )
        )
    change = batch.take()

    for level in change.bids if change else ():
        assert (level.price in seen) == (level.action is not Action.NEW)
        seen.pop(level.price, None)
        if level.amount:
            seen[level.price] = int(level.amount)
    assert seen == exact


def test_an_unsubscribed_channel_is_silent(clients: Clients) -> None:
    channel = "user.orders.BTC-PERPETUAL.raw"
    clients.result("a", "private/subscribe", channels=[channel, "quote.BTC-PERPETUAL"])

    assert clients.result("a", "private/unsubscribe", channels=[channel, "quote.OTHER"]) == [channel]
    clients.heard("a")
    clients.buy("a", 50_000)
    assert clients.heard("a") == []
    assert clients.result("a", "private/unsubscribe_all") == "ok"


def test_prints_and_quotes_are_told() -> None:
    clients = Clients()
    clients.connect("a", ALICE)
    clients.connect("b")
    clients.result("b", "public/subscribe", channels=["trades.BTC-PERPETUAL.100ms", "quote.BTC-PERPETUAL"])
    _, ask = clients.touch()

    clients.buy("a", ask, amount=10)
    clients.wait(0.2)

    told = clients.heard("b")
    prints = [data for data in told if isinstance(data, list)]
    quotes = [data for data in told if isinstance(data, dict)]
    assert [(printed["price"], printed["amount"], printed["direction"]) for printed in prints[0]] == [(ask, 10, "buy")]
    assert len(quotes) == 2, "one at once, and one because the touch has another amount"


def test_the_end_of_an_instrument_is_told(clients: Clients) -> None:
    channel = parse("instrument.state.future.BTC")
    assert channel
    subscription = Subscription(channel, "", open_desk(clients.exchange, DeribitSettings(keys=())))

    changed = InstrumentChanged(instrument="BTC-PERPETUAL", state=InstrumentState.CLOSED, at=START)
    told = subscription.hear(changed, START)

    assert told == [{"timestamp": START // MS, "state": "closed", "instrument_name": "BTC-PERPETUAL"}]


def test_the_same_requests_get_the_same_frames() -> None:
    def run() -> list[str]:
        clients = Clients(LIVELY)
        clients.connect("a", ALICE)
        channels = ["book.BTC-PERPETUAL.raw", "user.changes.any.any.raw", "trades.BTC-PERPETUAL.100ms"]
        clients.result("a", "private/subscribe", channels=[*channels, "ticker.BTC-PERPETUAL.raw"])
        bid, _ = clients.touch()
        clients.buy("a", bid, amount=10_000)
        clients.wait(3)
        return clients.inbox["a"]

    assert run() == run()
