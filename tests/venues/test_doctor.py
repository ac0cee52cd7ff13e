from decimal import Decimal

import msgspec
import pytest

from replenisher.core.budget import RateLimit
from replenisher.model.units import MS_NS
from replenisher.venues.ccxt.exchanges import Standing
from replenisher.venues.doctor import (
    Answers,
    Clock,
    Finding,
    Light,
    Unanswered,
    about_venue,
    tried,
    uncounted_fees,
    unreachable,
    verdict,
)
from tests.venues.examined import HEALTHY, KEY, VENUE

GREEN, AMBER, RED = Light.GREEN, Light.AMBER, Light.RED
OURS = RateLimit(per_s=30, burst=100)
ADDRESS = "wss://test.deribit.com"
CHECKS = ["reachable", "clock", "key", "session", "cancel-on-disconnect", "rate limit", "balances"]


def ill(**changes: object) -> Answers:
    return msgspec.structs.replace(HEALTHY, **changes)


def may(**changes: object) -> Answers:
    return ill(key=msgspec.structs.replace(KEY, **changes))


def found(answers: Answers, check: str, ours: RateLimit = OURS) -> Finding:
    return next(finding for finding in about_venue(VENUE, ADDRESS, ours, answers) if finding.check == check)


def finding(light: Light, *, is_unreachable: bool = False) -> Finding:
    return Finding(about=VENUE, check="clock", light=light, found="", is_unreachable=is_unreachable)


def test_of_a_healthy_venue_everything_is_green_and_says_its_number() -> None:
    findings = list(about_venue(VENUE, ADDRESS, OURS, HEALTHY))

    assert [finding.check for finding in findings] == CHECKS
    assert {finding.light for finding in findings} == {GREEN}
    assert {finding.advice for finding in findings} == {""}
    assert [finding.found for finding in findings] == [
        "wss://test.deribit.com answers in 10.0 ms",
        "3.0 ms off ours, give or take 5.0 ms",
        "it may trade: account:read_write trade:read_write",
        "open after 80.0 ms, listening to our own orders",
        "enabled on our session and read back; by default off",
        "we use 30 a second, 100 at once of 30 and 100",
        "10 BTC",
    ]


@pytest.mark.parametrize(
    ("check", "answers", "light", "told", "advice"),
    [
        ("clock", ill(clock=Unanswered("a session does not tell")), AMBER, "not measured: a session", "NTP"),
        ("clock", ill(clock=Clock(260 * MS_NS, 10 * MS_NS)), AMBER, "260 ms off ours", "NTP"),
        ("clock", ill(clock=Clock(-2_600 * MS_NS, 10 * MS_NS)), RED, "-2,600 ms off ours", "NTP"),
        ("key", ill(key=Unanswered("13004 invalid_credentials")), RED, "13004 invalid_credentials", "api_secret"),
        ("key", may(trades=False), RED, "it may not trade: account:read", "let the key trade"),
        ("key", may(arms_switch=False), RED, "may not arm the dead-man switch", "write to the account"),
        ("key", may(withdraws=True), AMBER, "it may withdraw", "may not touch the wallet"),
        ("key", may(trades=None, arms_switch=None, withdraws=None), AMBER, "names no rights", "may not withdraw"),
        ("key", may(is_taken=False), AMBER, "it did not come to a login", "mend the session"),
        ("session", ill(session_ns=Unanswered("refused to log in")), RED, "refused to log in", "needs this session"),
        (
            "cancel-on-disconnect",
            ill(session_ns=Unanswered("x")),
            AMBER,
            "not seen, as no session stood; by default off",
            "mend the session",
        ),
        ("cancel-on-disconnect", ill(cancels_orphans=False), AMBER, "nothing there cancels", "watch the daemon"),
        ("cancel-on-disconnect", ill(is_switch_of_session=False), AMBER, "not set now", "an account of its own"),
        (
            "rate limit",
            ill(rate=RateLimit(per_s=5, burst=20)),
            AMBER,
            "30 a second, 100 at once of 5 and 20",
            "at most 5",
        ),
        (
            "rate limit",
            ill(rate=RateLimit(per_s=30, burst=20)),
            AMBER,
            "of 30 and 20",
            "rate_limit_burst to at most 20",
        ),
        (
            "rate limit",
            ill(rate=Unanswered("the venue tells no limits")),
            AMBER,
            "the venue tells no limits",
            "rate_limit_per_s",
        ),
        ("balances", ill(balances={"BTC": Decimal(0), "ETH": Decimal(1)}), RED, "no BTC, but 1 ETH", "deposit BTC"),
        ("balances", ill(balances=Unanswered("13021 forbidden")), RED, "13021 forbidden", "read the account"),
        ("balances", ill(balances={}, listings={}), AMBER, "no instrument is known", "name one that the venue lists"),
    ],
)
def test_what_is_ill_is_told_with_a_number_and_what_to_do(
    check: str, answers: Answers, light: Light, told: str, advice: str
) -> None:
    ill = found(answers, check)

    assert ill.light is light
    assert told in ill.found
    assert advice in ill.advice


def test_an_exchange_that_nobody_has_tried_is_amber() -> None:
    assert tried("k", "kraken", Standing.UNTESTED).light is AMBER
    assert tried("k", "deribit", Standing.PROVED).light is GREEN
    assert tried("k", "deribit", Standing.PROVED).found == "deribit through ccxt: proved on the simulated exchange"


def test_it_is_said_which_fees_no_limit_counts() -> None:
    told = uncounted_fees("k")

    assert (told.check, told.light) == ("fees", GREEN)
    assert "counts in no P&L and not in max_daily_loss_quote" in told.found


def test_a_slow_way_proves_no_offset() -> None:
    assert found(ill(clock=Clock(400 * MS_NS, 600 * MS_NS)), "clock").light is GREEN
    assert found(ill(clock=Clock(400 * MS_NS, 100 * MS_NS)), "clock").light is AMBER


def test_asking_for_less_than_is_granted_is_fine() -> None:
    assert found(HEALTHY, "rate limit", RateLimit(per_s=5, burst=20)).light is GREEN


def test_without_a_login_nothing_that_needs_one_is_judged() -> None:
    findings = list(about_venue(VENUE, ADDRESS, OURS, ill(key=Unanswered("13004 invalid_credentials"))))

    assert [finding.check for finding in findings] == ["reachable", "clock", "key"]


@pytest.mark.parametrize(
    ("findings", "light", "exit_code"),
    [
        ([finding(GREEN), finding(GREEN)], GREEN, 0),
        ([finding(GREEN), finding(AMBER)], AMBER, 0),
        ([finding(AMBER), finding(RED)], RED, 1),
        ([finding(GREEN), unreachable(VENUE, "refused")], RED, 75),
        ([finding(RED, is_unreachable=True), finding(RED)], RED, 1),
    ],
)
def test_the_verdict_is_the_worst_light_and_only_what_may_mend_itself_is_75(
    findings: list[Finding], light: Light, exit_code: int
) -> None:
    assert verdict(findings) == (light, exit_code)
