"""The synthetic market is alive, repeatable, follows what it is worth, and punishes those who do not."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from statistics import mean

import msgspec
import pytest

from bench.small_exchange import BTC_PERPETUAL
from replenisher.exchange.flow import NANOSECONDS, OrderFlow, SyntheticSettings
from replenisher.exchange.market import ClientOrder, Happening
from replenisher.exchange.matching import Book, Match
from replenisher.exchange.synthetic import SyntheticMarket
from replenisher.model.order import Side
from tests.exchange.spread_law import measure

START = 1_700_000_000 * NANOSECONDS


def acts(
    settings: SyntheticSettings, minutes: float, seed: int = 7
) -> Iterator[tuple[int, Book, OrderFlow, list[Match]]]:
    """The time of each event, and the book before it was followed by the next."""
    book = Book()
    flow = OrderFlow(book, settings, Random(seed), START)
    end = START + round(minutes / settings.minutes_per_second * NANOSECONDS)
    while flow.next_at < end:
        at = flow.next_at
        matches = flow.act()
        yield at, book, flow, matches


def happenings(seed: int, seconds: int) -> list[Happening]:
    market = SyntheticMarket(BTC_PERPETUAL, SyntheticSettings(), Random(seed), START)
    return market.advance(START + seconds * NANOSECONDS)


def fingerprint(told: list[Happening]) -> str:
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def mid(book: Book) -> float:
    bid, ask = book.best(Side.BUY), book.best(Side.SELL)
    assert bid is not None and ask is not None
    return (bid + ask) / 2


def test_one_seed_has_one_market_and_another_seed_another() -> None:
    assert fingerprint(happenings(seed=7, seconds=60)) == fingerprint(happenings(seed=7, seconds=60))
    assert fingerprint(happenings(seed=7, seconds=60)) != fingerprint(happenings(seed=8, seconds=60))


def test_it_does_not_matter_in_how_many_pieces_time_passes() -> None:
    market = SyntheticMarket(BTC_PERPETUAL, SyntheticSettings(), Random(7), START)
    told: list[Happening] = []

    for step in range(1, 601):
        told += market.advance(START + step * NANOSECONDS // 10)

    assert fingerprint(told) == fingerprint(happenings(seed=7, seconds=60))


def test_the_changes_told_add_up_to_the_book() -> None:
    market = SyntheticMarket(BTC_PERPETUAL, SyntheticSettings(), Random(7), START)
    shown = {(level.side, level.price): level.quantity for level in market.depth()}

    for happening in market.advance(START + 60 * NANOSECONDS):
        shown |= {(level.side, level.price): level.quantity for level in happening.levels}

    assert {key: quantity for key, quantity in shown.items() if quantity} == {
        (level.side, level.price): level.quantity for level in market.depth()
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_the_book_never_dies_and_never_crosses(seed: int) -> None:
    events, deepest = 0, 0

    for _, book, _, _ in acts(SyntheticSettings(), minutes=1_000, seed=seed):
        bid, ask = book.best(Side.BUY), book.best(Side.SELL)
        assert bid is not None and ask is not None and bid < ask
        events += 1
        deepest = max(deepest, len(book))

    assert events > 50_000
    assert deepest < 400  # it does not pile up either


def test_zero_intelligence_meets_the_spread_law_and_the_mean_depth_of_the_model() -> None:
    figures = measure(BTC_PERPETUAL, seed=7, minutes=10_000)

    assert [str(figure) for figure in figures if not figure.holds(0.03)] == []


def test_the_book_follows_the_efficient_price() -> None:
    settings = SyntheticSettings()
    gaps_bps, efficient = [], []

    for number, (_, book, flow, _) in enumerate(acts(settings, minutes=1_500)):
        if number % 100 == 0:
            gaps_bps.append((mid(book) / flow.efficient_price - 1) * 10_000)
            efficient.append(flow.efficient_price)

    wandered_bps = (max(efficient) / min(efficient) - 1) * 10_000
    assert wandered_bps > 60
    assert abs(mean(gaps_bps)) < 5
    assert mean(abs(gap) for gap in gaps_bps) < wandered_bps / 5


def markout_bps(settings: SyntheticSettings, events_later: int) -> float:
    """What a resting order has gained, on average, so many events after the first fill of a taker."""
    mids: list[float] = []
    fills: list[tuple[int, Match]] = []
    for _, book, _, matches in acts(settings, minutes=1_500):
        mids.append(mid(book))
        if matches:
            fills.append((len(mids) - 1, matches[0]))
    gains = [
        (match.price - mids[index + events_later]) * match.taker_side.sign / match.price * 10_000
        for index, match in fills
        if index + events_later < len(mids)
    ]
    assert len(gains) > 200
    return mean(gains)


def test_who_rests_loses_to_the_informed_and_hardly_to_the_others() -> None:
    settings = replace(SyntheticSettings(), jumps_per_minute=0.5)

    against_informed = markout_bps(replace(settings, informed_share=1.0), events_later=150)
    against_others = markout_bps(replace(settings, informed_share=0.0), events_later=150)

    assert against_informed < -2
    assert against_others > -1


def test_a_resting_client_is_filled_by_agents_never_more_than_they_took_and_some_fills_are_partial() -> None:
    market = SyntheticMarket(BTC_PERPETUAL, SyntheticSettings(), Random(7), START)
    now, resting, left = START, {}, {}
    by_cause: Counter[str] = Counter()
    causes, partial = {}, 0

    for second in range(60):
        now = START + second * NANOSECONDS
        told = market.advance(now)
        for side in Side:
            if side not in resting:
                order_id = f"{side}-{second}"
                price = market.best(side)
                assert price is not None
                resting[side], left[order_id] = order_id, 100
                order = ClientOrder(order_id=order_id, side=side, price=price, quantity=100, rests=True)
                told.append(market.place(order, now))
        for happening in told:
            for trade in happening.trades:
                if not trade.maker_order:
                    continue
                assert trade.cause is not None
                causes[trade.cause.trade_id] = trade.cause
                by_cause[trade.cause.trade_id] += trade.quantity
                assert trade.taker.sign * (trade.cause.price - trade.price) >= 0
                left[trade.maker_order] -= trade.quantity
                partial += left[trade.maker_order] > 0
                if not left[trade.maker_order]:
                    resting = {side: order for side, order in resting.items() if order != trade.maker_order}

    assert len(by_cause) > 20
    assert partial > 3
    assert all(filled <= causes[cause].quantity for cause, filled in by_cause.items())
    assert all(amount >= 0 for amount in left.values())
