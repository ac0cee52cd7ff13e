"""What must be true of a venue that is reached through ccxt: the exchange is known, fit to trade on, and accepted.

One that is only listened to must be known, and have a book.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from replenisher.config.config import Config
from replenisher.config.mistakes import Path_, not_allowed, spell
from replenisher.venues.ccxt import client
from replenisher.venues.ccxt.exchanges import Standing, standing_of

SIMULATED = "deribit"  # the exchange that paper mode starts speaks this one's protocol
OBJECTION = tuple[Path_, str]


def objections(config: Config, name: str, *, accepts_untested: bool) -> Iterator[OBJECTION]:
    """Why this section cannot be used, the most fundamental reason first: the path at fault, and a sentence."""
    section, is_quoted_on = config.venues[name], name in config.quoted_venues
    at: Path_ = ("venues", name, "exchange")
    if section.exchange is None:
        yield at, f"{spell(at)} is missing, adapter ccxt needs it: the name of one of ccxt's exchanges, such as okx"
        return
    known = client.known()
    if section.exchange not in known:
        near = get_close_matches(section.exchange, known, n=1)
        hint = f", did you mean {near[0]}?" if near else f", it knows {', '.join(known)}"
        yield at, not_allowed(at, section.exchange, f"ccxt has no streams for such an exchange{hint}")
        return
    if objection := client.objection(section.exchange) if is_quoted_on else client.deafness(section.exchange):
        yield at, not_allowed(at, section.exchange, objection)
    stands_for = config.exchange.venue if config.exchange is not None and config.starts_exchange else ""
    if stands_for == name and section.exchange != SIMULATED:
        rule = f"the simulated exchange speaks as {SIMULATED} does; another one needs an address, venues.{name}.url"
        yield at, not_allowed(at, section.exchange, rule)
    if config.mode == "paper":
        return
    if section.url is not None:
        where: Path_ = ("venues", name, "url")
        yield where, not_allowed(where, section.url, f"in mode {config.mode} ccxt has the addresses, leave it out")
    if config.mode == "testnet" and not client.has_testnet(section.exchange):
        yield at, not_allowed(at, section.exchange, "ccxt knows no testnet of it")
    if not is_quoted_on:
        return
    if client.needs_password(section.exchange) and section.api_password is None:
        where = ("venues", name, "api_password")
        yield where, f"{spell(where)} is missing, a key of {section.exchange} has one"
    if config.mode == "live" and standing_of(section.exchange) is Standing.UNTESTED and not accepts_untested:
        rule = "nobody has tried it through this program yet: to go live with it all the same, add --accept-untested"
        yield at, not_allowed(at, section.exchange, rule)
