from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from replenisher.core.budget import RateLimit
from replenisher.core.fair_value import FairValue
from replenisher.core.guards import Guards
from replenisher.core.risk import Limits
from replenisher.core.setup import Setup, StrategySetup, VenueSetup
from replenisher.core.strategy import Quotes, View
from replenisher.core.touch_prices import mid
from replenisher.model.instrument import AmountUnit, TickStep
from replenisher.model.order import Side
from replenisher.model.step import Quote
from replenisher.venues.doctor import Answers, Finding, Light, Unanswered
from replenisher.venues.levels import about_strategies
from strategies.pure_mm import PureMarketMaking
from tests.venues.examined import HEALTHY, LADDER, LIMITS, LISTING, PERPETUAL, listed, setup_of

GREEN, AMBER, RED = Light.GREEN, Light.AMBER, Light.RED
CHECKS = ["instrument", "levels", "sizes", "price band", "limits and funds"]


def judged(
    setup: StrategySetup | None = None, answers: Answers = HEALTHY, account: Limits = LIMITS
) -> dict[str, Finding]:
    return {finding.check: finding for finding in judged_all([setup or setup_of()], answers, account)}


def judged_all(setups: list[StrategySetup], answers: Answers, account: Limits, burst: float = 100) -> list[Finding]:
    rate = RateLimit(per_s=30, burst=burst)
    venue = VenueSetup(name="deribit", rate_limit=rate, request_timeout_ns=0, own_echo_ns_max=0, amends_price=True)
    setup = Setup(namespace="rpl", venues=(venue,), strategies=tuple(setups), limits=account)
    return list(about_strategies(setup, "deribit", answers, at=0))


def ladder(**changes: Any) -> StrategySetup:
    return setup_of(replace(LADDER, **changes))


def counting(maker_fee_bps: float) -> StrategySetup:
    """A strategy with a min profit."""
    return replace(setup_of(), guards=Guards(closest_bps=maker_fee_bps + 1, maker_fee_bps=maker_fee_bps))


def having(**changes: Any) -> Answers:
    return msgspec.structs.replace(HEALTHY, **changes)


def grid(**changes: Any) -> Answers:
    return listed(instrument=msgspec.structs.replace(PERPETUAL, **changes))


def limits(**changes: Any) -> Limits:
    return replace(LIMITS, **changes)


def test_of_a_ladder_that_fits_everything_is_green_and_says_its_numbers() -> None:
    findings = judged()

    assert list(findings) == CHECKS
    assert {finding.about for finding in findings.values()} == {"core on deribit/BTC-PERPETUAL"}
    assert {finding.light for finding in findings.values()} == {GREEN}
    assert {finding.advice for finding in findings.values()} == {""}
    assert [finding.found for finding in findings.values()] == [
        "BTC-PERPETUAL is open: tick 0.5, lot 10",
        "6 from 59,916 to 60,084; a tick is 0.083 bps here",
        "1,000 USD a level; the minimum is 10 USD",
        "all levels are within 59,000 to 61,000",
        "6 of 6 levels may be shown, worth 6,000 USD",
    ]


@pytest.mark.parametrize(
    ("check", "setup", "answers", "light", "told", "advice"),
    [
        ("instrument", None, listed(is_open=False, state="locked"), RED, "BTC-PERPETUAL is locked", "takes no orders"),
        ("levels", None, listed(bid=None), AMBER, "one side of the book is empty", "look again"),
        ("levels", None, listed(bid=None, ask=None, has_book=False), AMBER, "no book was heard", "look again"),
        (
            "levels",
            ladder(fair_value=FairValue(price=Decimal(60_000), source="fixed", when_alone="quote")),
            listed(bid=None),
            AMBER,
            "one side of the book is empty",
            "it quotes alone",
        ),
        ("maker fee", counting(0.5), listed(maker_fee=Decimal("0.00005")), GREEN, "0.5 bps, as the venue lists", ""),
        ("maker fee", counting(0.5), listed(maker_fee=Decimal("-0.0001")), AMBER, "the venue lists -1", "your tier"),
        ("maker fee", counting(0.5), HEALTHY, AMBER, "counts a maker fee of 0.5 bps", "none is told here"),
        ("price band", None, listed(price_min=None), AMBER, "none is told", "the venue's rules"),
        (
            "levels",
            ladder(level_spacing_bps=0.01),
            HEALTHY,
            RED,
            "bids 2 and asks 2 would fall onto the price of a nearer level: a tick is 0.083 bps here",
            "space the levels wider than a tick",
        ),
        (
            "levels",
            ladder(level_spacing_bps=5),
            grid(tick_steps=(TickStep(Decimal(0), Decimal("0.5")), TickStep(Decimal(50_000), Decimal(100)))),
            RED,
            "bids 1, 2 and asks 1, 2 would fall",
            "space the levels wider",
        ),
        (
            "levels",
            ladder(fair_value=FairValue(price=Decimal(60_000), source="fixed"), price_ceiling=1.0, price_floor=10**9),
            HEALTHY,
            RED,
            "it would show nothing in this market",
            "bounds of price",
        ),
        (
            "sizes",
            ladder(order_amount=Decimal(5)),
            HEALTHY,
            RED,
            "bids 0, 1, 2 and asks 0, 1, 2 would be",
            "least 10 USD",
        ),
        (
            "sizes",
            None,
            grid(min_amount=Decimal(2000)),
            RED,
            "below the venue's minimum of 2,000 USD",
            "least 2,000 USD",
        ),
        ("sizes", None, grid(min_notional=Decimal(1500)), RED, "10 USD and 1,500 USD", "at least 10 USD and 1,500 USD"),
        (
            "sizes",
            ladder(order_amount=Decimal(15)),
            HEALTHY,
            AMBER,
            "leave up to 33% of a size out",
            "multiple of the lot",
        ),
        ("price band", None, listed(price_max=Decimal(60_050)), RED, "asks 1, 2 would stand outside", "nearer to the"),
        (
            "limits and funds",
            None,
            having(balances={"BTC": Decimal("0.02")}),
            RED,
            "2 of 6 levels may be shown: max_leverage",
            "deposit more, take smaller or fewer levels, or raise risk.max_leverage",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_a_number_and_what_to_do(
    check: str, setup: StrategySetup | None, answers: Answers, light: Light, told: str, advice: str
) -> None:
    finding = judged(setup, answers)[check]

    assert finding.light is light
    assert told in finding.found
    assert advice in finding.advice


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (limits(max_order_quote=Decimal(900)), "0 of 6 levels may be shown: max_order_quote"),
        (limits(max_open_orders=4), "4 of 6 levels may be shown: max_open_orders"),
        (limits(max_position_quote=Decimal(2500)), "4 of 6 levels may be shown: max_position_quote"),
        (limits(max_total_quote=Decimal(5500)), "5 of 6 levels may be shown: max_total_quote"),
        (limits(price_collar_bps=12), "4 of 6 levels may be shown: price_collar_bps"),
    ],
)
def test_limits_are_judged_by_the_rules_of_trading(account: Limits, reason: str) -> None:
    finding = judged(account=account)["limits and funds"]

    assert (finding.light, finding.found) == (RED, reason)
    assert finding.advice.startswith(f"raise risk.{reason.rpartition(': ')[2]}")


def test_a_strategys_own_limits_count_too() -> None:
    finding = judged(setup_of(limits=limits(max_open_orders=2)))["limits and funds"]

    assert (finding.light, finding.found) == (RED, "2 of 6 levels may be shown: max_open_orders")


def test_what_others_show_on_the_account_counts_against_its_orders() -> None:
    both = [setup_of(), replace(setup_of(), id="edge")]

    findings = judged_all(both, HEALTHY, limits(max_open_orders=10))

    assert [finding.found for finding in findings if finding.check == "limits and funds"] == [
        "6 of 6 levels may be shown, worth 6,000 USD",
        "4 of 6 levels may be shown: max_open_orders",
    ]


def test_money_that_stands_behind_one_ladder_stands_behind_no_other() -> None:
    """Three bids of 1,000 dollars need 0.05 coins at 60,000, and three on another contract find what is left."""
    other = msgspec.structs.replace(PERPETUAL, name="BTC-25JUN27")
    listings = HEALTHY.listings | {other.name: msgspec.structs.replace(LISTING, instrument=other)}
    answers = having(listings=listings, balances={"BTC": Decimal("0.09")})
    both = [setup_of(), replace(setup_of(), id="edge", instrument=other.key)]

    findings = judged_all(both, answers, LIMITS)

    assert [finding.found for finding in findings if finding.check == "limits and funds"] == [
        "6 of 6 levels may be shown, worth 6,000 USD",
        "4 of 6 levels may be shown: max_leverage",
    ]


def test_what_is_held_counts_against_the_position() -> None:
    held = having(positions={"BTC-PERPETUAL": Decimal(198_500)})

    finding = judged(answers=held)["limits and funds"]

    assert (finding.light, finding.found) == (RED, "4 of 6 levels may be shown: max_position_quote")


def test_an_instrument_that_is_not_listed_is_all_there_is_to_say() -> None:
    findings = judged(answers=having(listings={"BTC-PERPETUAL": Unanswered("the venue lists no such instrument")}))

    assert list(findings) == ["instrument"]
    assert findings["instrument"].light is RED


def test_funds_that_are_not_told_are_not_guessed() -> None:
    finding = judged(answers=having(balances=Unanswered("13021 forbidden")))["limits and funds"]

    assert (finding.light, finding.found) == (AMBER, "6 of 6 levels may be shown by the limits; no funds are told")


@dataclass(frozen=True)
class CountsInLots:
    """A strategy that names as many lots on any grid."""

    lots: int
    levels: int

    def quote(self, view: View) -> Quotes:
        centre = mid(view.touch) * float(view.instrument.tick)
        rounded = [
            (side, level, view.instrument.round_price(side, centre - side.sign * (30 + level)))
            for side in Side
            for level in range(self.levels)
        ]
        quotes = tuple(Quote(side, level, price, self.lots) for side, level, price in rounded)
        return Quotes(fair_value=centre, quotes=quotes, terms={})


def test_a_strategy_that_counts_in_lots_is_understood() -> None:
    setup = replace(setup_of(), strategy=CountsInLots(lots=3, levels=2))

    sizes = judged(setup)["sizes"]
    too_small = judged(setup, grid(min_amount=Decimal(50)))["sizes"]

    assert (sizes.light, sizes.found) == (GREEN, "30 USD a level; the minimum is 10 USD")
    assert (too_small.light, too_small.found) == (
        RED,
        "bids 0, 1 and asks 0, 1 would be below the venue's minimum of 50 USD",
    )


def test_amounts_are_said_in_the_unit_of_the_instrument() -> None:
    spot = msgspec.structs.replace(
        PERPETUAL, inverse=False, amount_unit=AmountUnit.BASE, lot=Decimal("0.0001"), min_amount=Decimal("0.0001")
    )
    ladder = PureMarketMaking(
        size_unit=AmountUnit.BASE, order_levels=1, bid_spread_bps=6, ask_spread_bps=6, order_amount=Decimal("0.02")
    )

    assert (
        judged(setup_of(ladder), listed(instrument=spot))["sizes"].found
        == "0.02 BTC a level; the minimum is 0.0001 BTC"
    )


@pytest.mark.parametrize("state", ["delivered", "archivized"])
def test_of_what_has_ended_nothing_is_said_but_that_it_has(state: str) -> None:
    findings = judged(answers=listed(is_open=False, state=state))

    assert list(findings) == ["instrument"]
    assert (findings["instrument"].light, findings["instrument"].found) == (RED, f"BTC-PERPETUAL is {state}")
    assert findings["instrument"].advice == "it has ended: name another"


def test_limits_that_would_add_up_two_quote_currencies_are_red_whatever_the_names_said() -> None:
    other = msgspec.structs.replace(PERPETUAL, name="BTC-OPTION", quote_currency="BTC")
    listings = {**HEALTHY.listings, "BTC-OPTION": msgspec.structs.replace(LISTING, instrument=other)}

    assert judged(answers=having(listings=listings))["limits"].light is RED
    assert "limits" not in judged()


@pytest.mark.parametrize(
    ("burst", "granted", "rests"),
    [(13, RateLimit(per_s=30, burst=100), 0), (12, RateLimit(per_s=30, burst=100), 11), (100, RateLimit(5, 8), 7)],
)
def test_who_has_more_levels_than_cancels_can_be_kept_for_is_told_how_many_ever_rest(
    burst: float, granted: RateLimit, rests: int
) -> None:
    both = [setup_of(), replace(setup_of(), id="other")]

    findings = judged_all(both, having(rate=granted), LIMITS, burst)

    told = findings[: bool(rests)]
    assert told == [finding for finding in findings if finding.about == "deribit"], "with what is said of the venue"
    assert [(each.check, each.light) for each in told] == [("levels", AMBER)] * bool(rests)
    assert all(f"12 in all; of {rests + 1} requests at once" in each.found for each in told)
    assert all(each.found.endswith(f"no more than {rests} ever rest") for each in told)
