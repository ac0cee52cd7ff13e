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

from replenisher.config import Config
from replenisher.core.setup import Setup
from replenisher.errors import Unreachable
from replenisher.live.clock import SessionClock
from replenisher.live.trial import try_session
from replenisher.venues.deribit.examination import examine, http_address
from replenisher.venues.doctor import Answers, Finding, Light, about_venue, milliseconds, unreachable
from replenisher.venues.levels import about_strategies
from replenisher.venues.rest import Rest
from replenisher.wiring.child import Child, exchange_of
from replenisher.wiring.machine import about_machine
from replenisher.wiring.setup import setup_of
from replenisher.wiring.venues import credentials_of, instruments_on, reach, url_of

Tell = Callable[[str], None]


def doctor(config: Config, tell: Tell) -> list[Finding]:
    """Everything that was found; `tell` hears what is being looked at."""
    tell("this machine")
    findings = list(about_machine(config))
    setup = setup_of(config)
    with ExitStack() as stack:
        child = None
        if config.starts_exchange:
            tell("starting a simulated exchange")
            room = stack.enter_context(tempfile.TemporaryDirectory(prefix="replenisher-doctor-"))
            child = stack.enter_context(exchange_of(config, ledger=Path(room) / "exchange.ledger"))
        for name in config.venues:
            tell(name)
            findings += _about(config, setup, name, child)
    return findings


def _about(config: Config, setup: Setup, name: str, child: Child | None) -> Iterator[Finding]:
    """One venue, and the strategies on it."""
    try:
        answers = _asked(config, name, child)
    except Unreachable as error:
        yield unreachable(name, str(error))
        return
    address = url_of(config, name, child)
    whose = ", started for this look with the balances of the file" if config.starts_exchange else ""
    found = f"{address} answers in {milliseconds(answers.clock.way_ns)}{whose}"
    yield Finding(about=name, check="reachable", light=Light.GREEN, found=found)
    yield from about_venue(name, setup.venue(name).rate_limit, answers)
    yield from about_strategies(setup, name, answers, SessionClock().now())


def _asked(config: Config, name: str, child: Child | None) -> Answers:
    clock = SessionClock()
    with Rest(http_address(url_of(config, name, child)), clock.now) as rest:
        answers = examine(rest, credentials_of(config, name), name, instruments_on(config, name), secrets.token_hex(8))
    reached = reach(config, name, child, clock)
    session_ns = asyncio.run(try_session(reached.venue, reached.carrier, clock))
    return msgspec.structs.replace(answers, session_ns=session_ns)
