"""`replenisher doctor`: this machine and every venue are asked, and what they answer is judged. No order is placed.

An exchange that `run` would start is started here too, on a ledger of its own that is thrown away afterwards.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from replenisher.config import Config, has_dead_man_switch
from replenisher.config.priced import listened_to
from replenisher.core.setup import Setup
from replenisher.errors import Unreachable
from replenisher.live.clock import SessionClock
from replenisher.live.sole import is_held
from replenisher.live.trial import hear
from replenisher.venues.ccxt.exchanges import TRAITS, USUAL, standing_of
from replenisher.venues.deribit.examination import examine, http_address
from replenisher.venues.doctor import Answers, Finding, about_prices, about_venue, tried, uncounted_fees, unreachable
from replenisher.venues.hearing import Hearing
from replenisher.venues.levels import about_strategies
from replenisher.venues.rest import Rest
from replenisher.wiring.child import Child, exchange_of
from replenisher.wiring.machine import about_machine
from replenisher.wiring.price_sources import about_price_sources
from replenisher.wiring.setup import setup_of
from replenisher.wiring.venues import Reached, credentials_of, instruments_on, reach, url_of, watched_on

Tell = Callable[[str], None]


def doctor(config: Config, tell: Tell) -> list[Finding]:
    """Everything that was found; `tell` hears what is being looked at."""
    tell("this machine")
    findings = list(about_machine(config))
    if config.price_sources:
        tell("price sources")
        findings += about_price_sources(config)
    setup = setup_of(config)
    with ExitStack() as stack:
        child = None
        if config.starts_exchange:
            tell("starting a simulated exchange")
            room = stack.enter_context(tempfile.TemporaryDirectory(prefix="replenisher-doctor-"))
            child = stack.enter_context(exchange_of(config, ledger=Path(room) / "exchange.ledger"))
        for name in config.venues:
            if name in config.quoted_venues:
                tell(name)
                findings += _about(config, setup, name, child)
            elif name in listened_to(config):
                tell(name)
                findings += _about_prices(config, name, child)
    return findings


def _about(config: Config, setup: Setup, name: str, child: Child | None) -> Iterator[Finding]:
    """One venue, and the strategies on it."""
    clock, exchange = SessionClock(), config.venues[name].exchange
    if exchange is not None:
        yield tried(name, exchange, standing_of(exchange))
        if not TRAITS.get(exchange, USUAL).fees_are_cash:
            yield uncounted_fees(name)
    try:
        answers = _asked(config, name, child, clock)
    except Unreachable as error:
        yield unreachable(name, str(error))
        return
    yield from about_venue(name, _address(config, name, child), setup.venue(name).rate_limit, answers)
    yield from about_strategies(setup, name, answers, clock.now())


def _about_prices(config: Config, name: str, child: Child | None) -> Iterator[Finding]:
    """A venue that is only listened to."""
    clock = SessionClock()
    hearing = Hearing(name, watched_on(config, name), clock.now())
    reached = reach(config, name, child, clock)
    asyncio.run(hear(reached.venue, reached.carrier, hearing, clock, is_enough=lambda: hearing.has_every_book))
    try:
        yield from about_prices(name, _address(config, name, child), hearing.answers())
    except Unreachable as error:
        yield unreachable(name, str(error))


def _asked(config: Config, name: str, child: Child | None, clock: SessionClock) -> Answers:
    """All that the venue says: over REST where we speak it, and in any case by the session of the daemon."""
    reached = reach(config, name, child, clock, is_trial=True)
    if config.venues[name].adapter != "deribit":
        told = _heard(config, name, reached, clock, is_whole=True).answers()
        cancels_orphans = has_dead_man_switch(config.venues[name])
        return msgspec.structs.replace(told, cancels_orphans=cancels_orphans, is_switch_of_session=False)
    with Rest(http_address(url_of(config, name, child)), clock.now) as rest:
        answers = examine(rest, credentials_of(config, name), name, instruments_on(config, name), secrets.token_hex(8))
    session_ns = _heard(config, name, reached, clock, is_whole=False).session()
    return msgspec.structs.replace(answers, session_ns=session_ns)


def _heard(config: Config, name: str, reached: Reached, clock: SessionClock, *, is_whole: bool) -> Hearing:
    """What the session has told: that it stands, or the whole of it."""
    hearing = Hearing(name, instruments_on(config, name), clock.now())
    is_enough = (lambda: hearing.is_complete) if is_whole else (lambda: hearing.is_open)
    asyncio.run(hear(reached.venue, reached.carrier, hearing, clock, is_enough=is_enough))
    return hearing


def _address(config: Config, name: str, child: Child | None) -> str:
    """Who has answered, in words."""
    section = config.venues[name]
    if section.url is None and child is not None:
        other = ", not the one that the running daemon trades on," if is_held(config.data_dir) else ""
        return f"an exchange started for this look{other}"
    return url_of(config, name, child) if section.adapter == "deribit" else section.url or name
