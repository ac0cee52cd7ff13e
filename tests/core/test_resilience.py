"""How a book comes back after a sweep: by hand, and against a level of which everything is known."""

import random
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from replenisher.core.book import Book
from replenisher.core.resilience import TAUS_NS, Recovery, resilience_of, rho_per_s, survival
from replenisher.core.sweep import SweepWatch
from replenisher.model.event import BookChanged, Level, TradePrinted
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import MS_NS, SECOND_NS
from tests.core.world import KEY

BIDS = ((9_999, 100), (9_995, 100))
ASKS = ((10_001, 100), (10_005, 100))


class Market:
    """A book of 200 lots a side within ten basis points, and a watch on it."""

    def __init__(self, bands_bps: tuple[float, ...] = (10,), asks: tuple[Level, ...] = ASKS) -> None:
        self.watch, self.book, self.at, self.asks = SweepWatch(bands_bps), Book(), 0, asks
        self.shows()
        self.stands_still(seconds=30)

    def shows(self, bids: tuple[Level, ...] = BIDS, asks: tuple[Level, ...] | None = None, own: int = 0) -> None:
        asks = self.asks if asks is None else asks
        self.book.replace(bids, asks, self.at, self.at)
        self.watch.saw_book(self.book, {BUY: [], SELL: [(asks[0][0], own)] if asks else []})

    def stands_still(self, *, seconds: int) -> None:
        for _ in range(seconds):
            self.at += SECOND_NS
            self.shows()

    def buys(self, quantity: int, price: int = 10_001) -> None:
        self.watch.saw_trade(
            TradePrinted(
                at=self.at,
                instrument=KEY,
                venue_time=self.at,
                trade_id=str(self.at),
                price=price,
                quantity=quantity,
                taker=BUY,
            )
        )

    def after(self, milliseconds: int) -> "Market":
        self.at += milliseconds * MS_NS
        return self


def swept() -> Market:
    """The touch of the asks is taken, and with it half of the depth."""
    market = Market()
    market.buys(100)
    market.after(10).shows(asks=ASKS[1:])
    return market


def test_what_is_back_is_counted_in_what_was_lost() -> None:
    market = swept()
    market.after(390).shows(asks=((10_001, 50), *ASKS[1:]))  # half is back after 0.4 s
    market.after(1_600).shows()  # all after 2.0 s
    market.stands_still(seconds=60)

    (recovery,) = market.watch.recoveries[10]
    assert (recovery.side, recovery.loss) == (SELL, 100)
    assert recovery.back == (0, 0.5, 0.5, 1, 1, 1, 1)
    assert (recovery.t50_ns, recovery.t90_ns) == (400 * MS_NS, 2 * SECOND_NS)
    assert recovery.flow_per_s == pytest.approx(1 / 5)


def test_what_comes_and_goes_within_a_quarter_of_a_second_is_not_back() -> None:
    market = swept()
    market.after(390).shows()
    market.after(200).shows(asks=ASKS[1:])
    market.after(1_400).shows()
    market.stands_still(seconds=60)

    assert market.watch.recoveries[10][0].t90_ns == 2 * SECOND_NS


def test_the_next_sweep_ends_the_watch_on_the_one_before() -> None:
    market = swept()
    market.after(2_990).shows()
    market.buys(60)
    market.after(10).shows(asks=((10_001, 40), *ASKS[1:]))

    (first,) = market.watch.recoveries[10]
    assert first.watched_ns == 3 * SECOND_NS
    assert first.back == (0, 0, 0, 0, None, None, None)
    assert first.t90_ns is None


@pytest.mark.parametrize(
    ("quantities", "left"),
    [
        ((49,), 51),  # less than half of the touch
        ((30,), 70),
    ],
)
def test_a_nibble_is_no_sweep(quantities: tuple[int, ...], left: int) -> None:
    market = Market()
    for quantity in quantities:
        market.buys(quantity)
    market.after(10).shows(asks=((10_001, left), *ASKS[1:]))

    assert not market.watch.is_recovering


def test_trades_within_fifty_milliseconds_are_one() -> None:
    together, apart = Market(), Market()
    for market, pause in ((together, 20), (apart, 60)):
        for left in (60, 20):
            market.buys(40)
            market.after(pause).shows(asks=((10_001, left), *ASKS[1:]))

    assert together.watch.is_recovering
    assert apart.watch.is_recovering, "40 of the 60 that were left are a sweep of their own"
    assert not Market().watch.is_recovering


def test_a_sweep_that_costs_little_of_the_depth_is_none() -> None:
    market = Market()
    market.buys(60)  # of the touch, but 30 % of the depth only just not
    market.after(10).shows(asks=((10_001, 41), *ASKS[1:]))
    market.after(100).shows(asks=((10_001, 41), *ASKS[1:]))

    assert not market.watch.is_recovering


@pytest.mark.parametrize(("quiet_s", "usual"), [(20, 200), (120, 300)])
def test_what_is_usual_is_what_stood_in_the_last_minute_however_seldom_the_book_changed(
    quiet_s: int, usual: int
) -> None:
    market = Market()
    deeper = (*ASKS, (10_006, 100))
    market.after(1_000).shows(asks=deeper)
    market.after(quiet_s * 1_000)

    market.buys(100)
    market.after(10).shows(asks=deeper[1:])
    market.after(60_001).shows(asks=deeper[1:])

    recoveries = [recovery.loss for recovery in market.watch.recoveries[10]]
    assert recoveries == ([usual - 200] if usual > 200 else []), "200 are left"


def test_our_share_of_what_is_back_after_five_seconds() -> None:
    market = swept()
    market.after(990).shows(own=25)
    market.after(4_000).shows(own=25)
    market.after(10).shows(own=25)
    market.watch.lost(market.at)

    assert market.watch.recoveries[10][0].own_share == 0.25
    assert resilience_of(market.watch.recoveries[10]).own_share == 0.25


def test_our_share_is_told_of_a_sweep_that_the_next_one_ends_before_five_seconds() -> None:
    market = swept()
    market.after(990).shows(own=25)
    market.after(1_000).shows(asks=((10_001, 60), *ASKS[1:]), own=30)
    market.buys(60)

    (first,) = market.watch.recoveries[10]
    assert (first.own_share, first.flow_per_s) == (0.5, None)


def test_what_others_took_away_again_makes_our_share_no_more_than_all() -> None:
    market = swept()
    market.after(5_990).shows(asks=((10_001, 40), (10_005, 90)), own=40)
    market.stands_still(seconds=60)

    assert market.watch.recoveries[10][0].own_share == 1


def test_each_band_loses_and_gets_back_its_own_depth() -> None:
    far = (10_020, 400)  # 20 bps away: so much that what the sweep takes is little beside it
    market = Market(bands_bps=(0, 5, 10, 25), asks=(*ASKS, far))
    market.buys(100)
    market.after(10).shows(asks=(ASKS[1], far))
    market.after(990).shows(asks=((10_002, 100), ASKS[1], far))  # back, but further out than the touch was
    market.stands_still(seconds=65)

    back = {band: [each.back for each in kept] for band, kept in market.watch.recoveries.items()}
    assert back == {0: [(0, 0, 0, 1, 1, 1, 1)], 5: [(0, 0, 1, 1, 1, 1, 1)], 10: [(0, 0, 1, 1, 1, 1, 1)], 25: []}


def test_a_band_in_which_nothing_ever_stands_has_no_sweeps() -> None:
    wide = ((10_020, 100), (10_025, 100))  # so far off that within 5 bps there is nothing
    market = Market(bands_bps=(5, 25), asks=wide)
    market.buys(100, price=10_020)
    market.after(10).shows(asks=wide[1:])
    market.after(1_000).shows()
    market.stands_still(seconds=65)

    assert {band: len(kept) for band, kept in market.watch.recoveries.items()} == {5: 0, 25: 1}


def test_what_is_taken_outside_a_band_is_no_flow_into_it() -> None:
    market = Market(bands_bps=(0, 10))
    market.buys(100)
    market.after(10).shows(asks=ASKS[1:])
    market.after(990).buys(30, price=10_005)
    market.after(10).shows(asks=((10_005, 70),))
    market.after(3_990).shows(asks=((10_001, 50), (10_005, 70)))
    market.stands_still(seconds=60)

    flows = {band: kept[0].flow_per_s for band, kept in market.watch.recoveries.items()}
    assert flows == {0: pytest.approx(0.5 / 5), 10: pytest.approx((20 + 30) / 100 / 5)}


def test_the_share_that_is_back_by_a_time_counts_those_who_were_lost_from_sight() -> None:
    found = resilience_of(
        [recovery(9, t90_s=1.0), recovery(1.5), recovery(9, t90_s=2.0), recovery(9, t90_s=4.0), recovery(9)]
    )

    shares = {"0.1s": 0, "0.5s": 0, "1s": 1 / 5, "2s": 1 - 4 / 5 * 2 / 3, "5s": 1 - 4 / 5 * 2 / 3 / 2}
    assert found.t90_by == pytest.approx(shares)


def test_those_who_are_watched_for_less_than_it_takes_count_for_what_was_seen_of_them() -> None:
    # Three of five come back at 1, 2 and 4; one is lost from sight at 1.5, one never comes back.
    steps = survival([(1, 9), (None, 1), (2, 9), (4, 9), (None, 9)])

    assert steps == [
        (1, pytest.approx(4 / 5)),
        (1, pytest.approx(4 / 5)),
        *[
            (2, pytest.approx(4 / 5 * 2 / 3)),
            (4, pytest.approx(4 / 5 * 2 / 3 * 1 / 2)),
            (9, pytest.approx(4 / 5 * 2 / 3 * 1 / 2)),
        ],
    ]


def test_without_sweeps_nothing_is_said() -> None:
    nothing = resilience_of([])

    assert (nothing.sweeps, nothing.back) == (0, {})
    assert (nothing.t90_s, nothing.rho_per_s, nothing.never_share, nothing.own_share) == (None, None, None, None)
    assert rho_per_s([(SECOND_NS, 0.99), (2 * SECOND_NS, 0.5)]) is None, "one mean between 5 % and 80 % is no slope"


def test_the_flow_is_the_mean_of_those_that_were_watched_for_five_seconds() -> None:
    flows = [msgspec.structs.replace(recovery(9), flow_per_s=flow) for flow in (0.1, None, 0.4)]

    found = resilience_of(flows)

    assert found.flow_per_s == pytest.approx(0.25)
    assert found.seen["flow_per_s"] == 2
    assert resilience_of(flows[1:2]).flow_per_s is None


def test_no_number_is_told_that_rests_on_fewer_sweeps_than_asked_for() -> None:
    """Two of three sweeps are watched to the end, so what is told after a second rests on two, and no rho is told."""
    whole = msgspec.structs.replace(
        recovery(60, t50_s=1.0, t90_s=2.0), back=(0.2, 0.5, 0.5, 0.9, 1, 1, 1), flow_per_s=0.2, own_share=0.5
    )
    short = msgspec.structs.replace(recovery(0.2, t50_s=0.15), back=(0.2, *[None] * 6))
    sweeps = [whole, whole, short]

    of_three, of_two = resilience_of(sweeps, least=3), resilience_of(sweeps, least=2)

    assert (of_three.sweeps, of_three.back, of_three.t50_s) == (3, {"0.1s": pytest.approx(0.2)}, 1.0)
    assert of_three.t90_by == {"0.1s": 0}
    unknown = (of_three.t90_s, of_three.never_share, of_three.rho_per_s, of_three.half_life_s)
    assert (*unknown, of_three.flow_per_s, of_three.own_share) == (None,) * 6
    assert list(of_two.back) == ["0.1s", "0.5s", "1s", "2s", "5s", "10s", "30s"]
    assert (of_two.t90_s, of_two.never_share, of_two.flow_per_s, of_two.own_share) == (2.0, 0.0, 0.2, 0.5)
    assert of_two.rho_per_s is not None
    assert of_two.seen["rho_per_s"] == 2


def recovery(watched_s: float, *, t50_s: float | None = None, t90_s: float | None = None) -> Recovery:
    return Recovery(
        side=Side.SELL,
        band_bps=10,
        at=0,
        loss=1.0,
        watched_ns=round(watched_s * SECOND_NS),
        back=(None,) * len(TAUS_NS),
        t50_ns=None if t50_s is None else round(t50_s * SECOND_NS),
        t90_ns=None if t90_s is None else round(t90_s * SECOND_NS),
        flow_per_s=None,
        own_share=None,
    )


def test_nine_tenths_are_never_back_before_a_half_is() -> None:
    # Nearly all are lost from sight, so that one alone brings the estimate of T90 below a half.
    unseen = [recovery(0.3)] * 4
    both = recovery(1.0, t50_s=0.2, t90_s=0.9)

    alone = resilience_of([*unseen, both])
    beside = resilience_of([*unseen, both, recovery(2.0, t50_s=1.2), recovery(0.8), recovery(0.8)])

    assert (alone.t50_s, alone.t90_s) == (None, None)
    assert (beside.t50_s, beside.t90_s) == (1.2, 1.2)


def test_what_is_never_back_is_told_once_a_sweep_was_watched_to_the_end() -> None:
    early = [recovery(3.0, t50_s=1.0, t90_s=2.0), recovery(3.0)]

    assert resilience_of(early).never_share is None
    assert resilience_of([*early, recovery(60.0)]).never_share == pytest.approx(2 / 3)


def test_a_level_of_births_and_deaths_comes_back_at_the_rate_of_its_deaths() -> None:
    """M/M/inf: 20 orders a second come, each is canceled at 0.5 a second; R(t) = 1 - exp(-0.5 t), half-life 1.386 s."""
    births, deaths, sweeps = 20.0, 0.5, 4_000
    random = np.random.default_rng(1)
    recoveries = []
    times_s = (0.0, 0.0999, 0.4999, 0.9999, 1.9999, 4.9999, 5.1, 9.9999, 29.9999, 60.1)  # just before R is taken
    standing = random.poisson(births / deaths, (sweeps, 40))
    standing[:, -1] = np.maximum(standing[:, -1], 1)
    levels = np.zeros(sweeps, dtype=int)
    path = [levels]
    for before, after in pairwise(times_s):
        staying = np.exp(-deaths * (after - before))
        levels = random.binomial(levels, staying) + random.poisson(births / deaths * (1 - staying), sweeps)
        path.append(levels)
    for sweep in range(sweeps):
        watch, book, far = SweepWatch(bands_bps=(10,)), Book(), ((20_000, 1),)
        for second, depth in enumerate(standing[sweep]):
            book.replace(((9_999, 1),), ((10_001, int(depth)), *far), second * SECOND_NS, 0)
            watch.saw_book(book)
        at = len(standing[sweep]) * SECOND_NS
        watch.saw_trade(
            TradePrinted(
                at=0,
                instrument=KEY,
                venue_time=at,
                trade_id="1",
                price=10_001,
                quantity=int(standing[sweep][-1]),
                taker=Side.BUY,
            )
        )
        for time_s, levels in zip(times_s, path, strict=True):
            asks = ((10_001, int(levels[sweep])), *far) if levels[sweep] else far
            book.replace(((9_999, 1),), asks, at + round(time_s * SECOND_NS), 0)
            watch.saw_book(book)
        recoveries += watch.recoveries[10]
    found = resilience_of(recoveries)
    assert found.sweeps == sweeps
    for tau, share in {"1s": 0.393469, "2s": 0.632121, "5s": 0.917915}.items():
        assert found.back[tau] == pytest.approx(share, abs=0.01)
    assert found.rho_per_s == pytest.approx(0.5, abs=0.01)
    assert found.half_life_s == pytest.approx(1.386294, abs=0.03)


def test_who_is_told_what_changed_finds_what_he_finds_who_looks_at_it_all() -> None:
    chance, book = random.Random(1), Book()
    told, looking = SweepWatch(), SweepWatch()
    book.replace(BIDS, ASKS, 0, 0)
    for at in range(0, 200 * SECOND_NS, 40 * MS_NS):
        low = 10_000 + chance.randint(-20, 20)
        if chance.random() < 0.03:
            trade = TradePrinted(
                at=at,
                instrument=KEY,
                venue_time=at,
                trade_id=str(at),
                price=low,
                quantity=80,
                taker=chance.choice([*Side]),
            )
            for watch in (told, looking):
                watch.saw_trade(trade)
        changes = [
            BookChanged(
                at=at,
                instrument=KEY,
                venue_time=at,
                bids=tuple(
                    (low - chance.randint(1, 30), chance.choice((0, 60, 90))) for _ in range(chance.randint(0, 2))
                ),
                asks=tuple(
                    (low + chance.randint(1, 30), chance.choice((0, 60, 90))) for _ in range(chance.randint(0, 2))
                ),
            )
            for _ in range(chance.randint(1, 2))
        ]
        for change in changes:
            book.change(change.bids, change.asks, at, at)
        is_new = chance.random() < 0.01
        if is_new:
            book.replace(BIDS, ASKS, at, at)
        told.saw_book(book, None, None if is_new else changes)
        looking.saw_book(book)

    assert told.recoveries == looking.recoveries
    assert told.recoveries[0] and told.recoveries[25]
