"""The doctor's judgement: what a venue answered, held against what we need of it. It asks nothing itself.

A finding is red when trading would fail or be something else than what was asked for, amber when it would go on but
somebody should know. A question that stays without an answer is `Unanswered`, and what follows from it is not guessed.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from replenisher.core.budget import RateLimit
from replenisher.model.instrument import Instrument
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.venues.ccxt.exchanges import UNCOUNTED_FEES, Standing

OFFSET_AMBER_NS = 250 * MS_NS  # a machine that keeps time by NTP is within 50 ms
OFFSET_RED_NS = 2 * SECOND_NS  # deadlines of orders, and the midnight at which a day's loss begins, are then wrong


class Light(StrEnum):
    """How well something stands."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    about: str  # this machine, a venue, or a strategy
    check: str
    light: Light
    found: str  # with its number
    advice: str = ""  # one sentence; empty while it is green
    is_unreachable: bool = False  # somebody did not answer: the same look may end otherwise in a minute


class Unanswered(msgspec.Struct, frozen=True):
    """A question without an answer, and why."""

    reason: str


class Clock(msgspec.Struct, frozen=True):
    """What time it is there."""

    offset_ns: int  # theirs minus ours, right to within half of the way
    way_ns: int  # there and back; 0 if it was not measured


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What a login may do; None where the venue does not say."""

    trades: bool | None
    arms_switch: bool | None
    withdraws: bool | None
    told: str  # in the venue's own words
    is_taken: bool = True  # False if it did not come to a login


OVER = frozenset({"delivered", "archivized", "closed", "terminated"})  # states from which an instrument never returns


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument and its market, as the venue has them now."""

    instrument: Instrument
    state: str
    is_open: bool
    bid: tuple[Decimal, Decimal] | None = None  # price and amount of the touch
    ask: tuple[Decimal, Decimal] | None = None
    last: Decimal | None = None
    price_min: Decimal | None = None  # of the band in which orders are taken
    price_max: Decimal | None = None
    maker_fee: Decimal | None = None  # a share of what is traded, negative if it is paid to us; None if it is not told
    has_book: bool = True  # its book was read, empty or not

    @property
    def is_over(self) -> bool:
        """Whether it will never trade again."""
        return self.state in OVER


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """All that one venue said, of one account."""

    clock: Clock | Unanswered
    key: Key | Unanswered
    session_ns: int | Unanswered  # until the daemon's own session stood, with its dead-man switch read back
    cancels_orphans: bool = True  # the venue takes our orders off the book when we are gone
    is_switch_of_session: bool = True  # else it is a timer of the whole account, and is not set for a look
    switch_by_default: bool | Unanswered  # whether other connections of the account cancel on disconnect, too
    rate: RateLimit | Unanswered
    balances: Mapping[str, Decimal] | Unanswered  # by currency
    positions: Mapping[str, Decimal | Unanswered]  # by instrument's name
    listings: Mapping[str, Listing | Unanswered]  # by instrument's name


def verdict(findings: Iterable[Finding]) -> tuple[Light, int]:
    """The worst of all lights, and the exit code: 1 for what a human must mend, 75 for what may mend itself."""
    red = [finding for finding in findings if finding.light is Light.RED]
    if red:
        return Light.RED, 75 if all(finding.is_unreachable for finding in red) else 1
    return Light.AMBER if any(finding.light is Light.AMBER for finding in findings) else Light.GREEN, 0


def about_venue(venue: str, address: str, ours: RateLimit, answers: Answers) -> Iterator[Finding]:
    """What can be said of the venue and the account, whatever is traded there."""
    yield _reachable(venue, address, answers.clock)
    yield _clock(venue, answers.clock)
    yield _key(venue, answers.key)
    if isinstance(answers.key, Unanswered):
        return
    yield _session(venue, answers.session_ns)
    if answers.key.is_taken:  # without a login nothing below could be asked
        yield _switch(venue, answers)
        yield _rate(venue, ours, answers.rate)
        yield _balances(venue, answers)


def about_prices(venue: str, address: str, answers: Answers) -> Iterator[Finding]:
    """What can be said of a venue that is only listened to: whether its books are heard."""
    yield _reachable(venue, address, answers.clock)
    for name, listing in answers.listings.items():
        if isinstance(listing, Unanswered) or listing.bid is None or listing.ask is None:
            reason = listing.reason if isinstance(listing, Unanswered) else "its book has not two sides"
            yield Finding(
                about=venue,
                check="book",
                light=Light.RED,
                found=f"{name}: {reason}",
                advice="a fair value that goes by it has a price less: name one that trades there",
            )
        else:
            told = f"{name}: {number(listing.bid[0])} to {number(listing.ask[0])}"
            yield Finding(about=venue, check="book", light=Light.GREEN, found=f"{told}, listened to in public")


def tried(venue: str, exchange: str, standing: Standing) -> Finding:
    """How far an exchange that is reached through ccxt has been tried."""
    is_untested = standing is Standing.UNTESTED
    return Finding(
        about=venue,
        check="tried",
        light=Light.AMBER if is_untested else Light.GREEN,
        found=f"{exchange} through ccxt: {standing}",
        advice="begin small, and compare with the venue's own pages; `run --live` wants --accept-untested"
        if is_untested
        else "",
    )


def uncounted_fees(venue: str) -> Finding:
    """Which fees no limit counts. No answer tells whether the account pays any, so that this is no warning."""
    return Finding(about=venue, check="fees", light=Light.GREEN, found=UNCOUNTED_FEES)


def unreachable(venue: str, reason: str) -> Finding:
    """The venue did not answer at all."""
    return Finding(
        about=venue,
        check="reachable",
        light=Light.RED,
        found=reason,
        advice=f"check the network and venues.{venue}.url, or try again later",
        is_unreachable=True,
    )


def _reachable(venue: str, address: str, clock: Clock | Unanswered) -> Finding:
    way = f" in {milliseconds(clock.way_ns)}" if isinstance(clock, Clock) and clock.way_ns else ""
    return Finding(about=venue, check="reachable", light=Light.GREEN, found=f"{address} answers{way}")


def _clock(venue: str, clock: Clock | Unanswered) -> Finding:
    def found(light: Light, text: str, advice: str = "") -> Finding:
        return Finding(about=venue, check="clock", light=light, found=text, advice=advice)

    advice = "let this machine keep time by NTP (timedatectl set-ntp true)"
    if isinstance(clock, Unanswered):
        return found(Light.AMBER, f"not measured: {clock.reason}", advice)
    doubt_ns = clock.way_ns // 2
    sure_ns = abs(clock.offset_ns) - doubt_ns
    text = f"{milliseconds(clock.offset_ns)} off ours{f', give or take {milliseconds(doubt_ns)}' if doubt_ns else ''}"
    light = Light.RED if sure_ns > OFFSET_RED_NS else Light.AMBER if sure_ns > OFFSET_AMBER_NS else Light.GREEN
    return found(light, text, "" if light is Light.GREEN else advice)


def _key(venue: str, key: Key | Unanswered) -> Finding:
    def found(light: Light, text: str, advice: str = "") -> Finding:
        return Finding(about=venue, check="key", light=light, found=text, advice=advice)

    name = f"venues.{venue}.api_key"
    if isinstance(key, Unanswered):
        return found(Light.RED, f"the login is refused: {key.reason}", f"check {name} and api_secret")
    if key.trades is False:
        return found(Light.RED, f"it may not trade: {key.told}", f"let the key trade, or name another as {name}")
    if key.arms_switch is False:
        advice = "let the key write to the account, so that it can arm cancel-on-disconnect"
        return found(Light.RED, f"it may not arm the dead-man switch: {key.told}", advice)
    if key.withdraws:
        return found(Light.AMBER, f"it may withdraw: {key.told}", "trade with a key that may not touch the wallet")
    if not key.is_taken:
        return found(Light.AMBER, "not tried, as it did not come to a login", "mend the session first")
    if key.trades is None:
        advice = "see to it at the venue that this key may trade, and may not withdraw"
        return found(Light.AMBER, "the login is taken; the venue names no rights", advice)
    return found(Light.GREEN, f"it may trade: {key.told}")


def _session(venue: str, session_ns: int | Unanswered) -> Finding:
    if isinstance(session_ns, Unanswered):
        advice = "trading needs this session: mend what the venue objects to, or try again later"
        return Finding(about=venue, check="session", light=Light.RED, found=session_ns.reason, advice=advice)
    found = f"open after {milliseconds(session_ns)}, listening to our own orders"
    return Finding(about=venue, check="session", light=Light.GREEN, found=found)


def _switch(venue: str, answers: Answers) -> Finding:
    def found(light: Light, text: str, advice: str = "") -> Finding:
        return Finding(about=venue, check="cancel-on-disconnect", light=light, found=text, advice=advice)

    session_ns, by_default = answers.session_ns, answers.switch_by_default
    if not answers.cancels_orphans:
        advice = "watch the daemon: if it dies, what rests has to be canceled at the venue by hand, or by its next life"
        return found(Light.AMBER, "nothing there cancels our orders when we are gone", advice)
    if not answers.is_switch_of_session:
        advice = "trade on an account of its own: when the timer runs out, what others have there is canceled, too"
        return found(Light.AMBER, "a timer of the whole account, which `run` holds; it was not set now", advice)
    elsewhere = "" if isinstance(by_default, Unanswered) else f"; by default {'on' if by_default else 'off'}"
    if isinstance(session_ns, Unanswered):
        return found(Light.AMBER, f"not seen, as no session stood{elsewhere}", "mend the session first")
    return found(Light.GREEN, f"enabled on our session and read back{elsewhere}")


def _rate(venue: str, ours: RateLimit, granted: RateLimit | Unanswered) -> Finding:
    def found(light: Light, text: str, advice: str = "") -> Finding:
        return Finding(about=venue, check="rate limit", light=light, found=text, advice=advice)

    configured = f"{number(ours.per_s)} a second, {number(ours.burst)} at once"
    if isinstance(granted, Unanswered):
        advice = f"compare venues.{venue}.rate_limit_per_s with your tier at the venue"
        return found(Light.AMBER, f"we use {configured}; {granted.reason}", advice)
    text = f"we use {configured} of {number(granted.per_s)} and {number(granted.burst)}"
    if ours.per_s > granted.per_s or ours.burst > granted.burst:
        advice = (
            f"set rate_limit_per_s to at most {number(granted.per_s)} and rate_limit_burst to at most "
            f"{number(granted.burst)} in venues.{venue}: `run` asks no more often than is granted, whatever they say"
        )
        return found(Light.AMBER, text, advice)
    return found(Light.GREEN, text)


def _balances(venue: str, answers: Answers) -> Finding:
    def found(light: Light, text: str, advice: str = "") -> Finding:
        return Finding(about=venue, check="balances", light=light, found=text, advice=advice)

    if isinstance(answers.balances, Unanswered):
        advice = "let the key read the account, so that funds are seen before they are missing"
        return found(Light.RED, f"not told: {answers.balances.reason}", advice)
    told = [f"{number(amount)} {currency}" for currency, amount in answers.balances.items() if amount]
    listings = [listing for listing in answers.listings.values() if isinstance(listing, Listing)]
    needed = dict.fromkeys(listing.instrument.settlement_currency for listing in listings)
    missing = [currency for currency in needed if not answers.balances.get(currency)]
    if missing:
        text = f"no {' and no '.join(missing)}{', but ' if told else ''}{', '.join(told)}"
        return found(Light.RED, text, f"deposit {' and '.join(missing)}: what is traded here is settled in it")
    if not needed:
        return found(Light.AMBER, "not looked at, as no instrument is known", "name one that the venue lists")
    return found(Light.GREEN, ", ".join(told))


def milliseconds(duration_ns: int) -> str:
    """A duration as it is read: 0.42 ms, 1,250 ms."""
    value = duration_ns / MS_NS
    return f"{value:,.0f} ms" if abs(value) >= 100 else f"{value:.1f} ms" if abs(value) >= 1 else f"{value:.2f} ms"


def number(value: Decimal | float) -> str:
    """An exact number without the zeros that say nothing, thousands apart."""
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    text = f"{exact:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
