"""What is wrong although every key on its own is right."""

from collections.abc import Iterator, Mapping

from replenisher.config import listed
from replenisher.config.config import Config
from replenisher.config.mistakes import Path_, not_allowed, spell
from replenisher.config.names import quote_currency
from replenisher.config.sections import (
    PAPER_KEY,
    ExchangeSection,
    FeedDelays,
    RecordedMarket,
    Sections,
    StrategySection,
    TighterRisk,
)
from replenisher.core.ladder import Ladder
from replenisher.core.slots import PartialFill, RefillMode
from replenisher.core.strategy import Strategy
from replenisher.core.toxicity import Response
from replenisher.exchange.dialects.deribit import scopes
from replenisher.model.money import APART, why_not_one_money
from replenisher.model.order import BUY, SELL


def contradictions(config: Config) -> Iterator[tuple[Path_, str]]:
    """What contradicts what: the path at fault, and a sentence."""
    yield from _database_contradictions(config)
    yield from _exchange_contradictions(config)
    yield from _money_contradictions(config)
    ids: set[str] = set()
    for place, section in enumerate(config.strategies):
        stem: Path_ = ("strategies", place)
        if section.id in ids:
            yield (*stem, "id"), not_allowed((*stem, "id"), section.id, "another strategy has this id")
        ids.add(section.id)
        if section.venue not in config.venues:
            rule = f"it must be one of venues: {', '.join(config.venues)}"
            yield (*stem, "venue"), not_allowed((*stem, "venue"), section.venue, rule)
        if "min_fraction" in section.refill.model_fields_set and section.refill.partial_fill is not PartialFill.TOP_UP:
            at = (*stem, "refill", "min_fraction")
            yield at, not_allowed(at, section.refill.min_fraction, "it is read only with partial_fill: top_up")
        yield from _guard_contradictions(config, section, stem)
        for key in TighterRisk.model_fields if section.risk is not None else ():
            own, account = getattr(section.risk, key), getattr(config.risk, key)
            if own is not None and account is not None and own > account:
                at = (*stem, "risk", key)
                yield at, not_allowed(at, own, f"it must not be above the account's {account}")


def ladder_contradictions(sections: Sections, strategies: Mapping[str, Strategy]) -> Iterator[tuple[Path_, str]]:
    """What contradicts the levels of a strategy, likewise."""
    for place, section in enumerate(sections.strategies):
        ladder, mode = getattr(strategies[section.id], "ladder", None), section.refill.mode
        if mode is not RefillMode.OPPOSITE_SIDE or not isinstance(ladder, Ladder):
            continue
        bids, asks = len(ladder.rungs[BUY]), len(ladder.rungs[SELL])
        if bids != asks:
            at: Path_ = ("strategies", place, "refill", "mode")
            rule = f"a level without a mirror would never come back, and {bids} on the bids face {asks} on the asks"
            yield at, not_allowed(at, mode.value, rule)


def _money_contradictions(config: Config) -> Iterator[tuple[Path_, str]]:
    """What a venue's terms tell of an instrument is not known here, but most names say what it is quoted in."""
    quoted: dict[str, list[str]] = {}  # by venue
    for place, section in enumerate(config.strategies):
        if currency := quote_currency(config, section):
            currencies = quoted.setdefault(section.venue, [])
            currencies.append(currency)
            if why := why_not_one_money(currencies):
                at: Path_ = ("strategies", place, "instrument")
                yield at, not_allowed(at, section.instrument, f"{why}: {APART}")


def _guard_contradictions(config: Config, section: StrategySection, stem: Path_) -> Iterator[tuple[Path_, str]]:
    profit, fee = "min_profit_bps", "maker_fee_bps"
    if section.maker_fee_bps is not None and section.min_profit_bps is None:
        yield (*stem, profit), f"{spell((*stem, profit))} is missing, {fee} has no meaning without it"
    if section.min_profit_bps is not None and config.maker_fee_bps(section) is None:
        yield (*stem, fee), f"{spell((*stem, fee))} is missing, {profit} has no meaning without it"
    if (toxicity := section.refill.toxicity) is None:
        return
    at = (*stem, "refill", "toxicity")
    if (toxicity.cluster_fills is None) != (toxicity.cluster_s is None):
        key = "cluster_fills" if toxicity.cluster_fills is None else "cluster_s"
        yield (*at, key), f"{spell((*at, key))} is missing, a cluster is so many fills within such a time"
    for response, key in ((Response.WIDEN, "widen_bps"), (Response.DELAY, "delay_s")):
        value, is_its = getattr(toxicity, key), toxicity.response is response
        if is_its and value is None:
            yield (*at, key), f"{spell((*at, key))} is missing, the response {response} needs it"
        elif value is not None and not is_its:
            yield (*at, key), not_allowed((*at, key), value, f"it belongs to the response {response}")


def _database_contradictions(config: Config) -> Iterator[tuple[Path_, str]]:
    scheme, _, rest = config.database.url.partition("://")
    at = ("database", "url")
    if scheme.partition("+")[0] not in {"sqlite", "postgresql"}:
        yield at, f"{spell(at)}: {scheme!r} is not allowed, it must be sqlite:///FILE or postgresql://..."
    elif scheme.startswith("sqlite") and (rest in {"", "/"} or ":memory:" in rest or "?" in rest):
        yield at, f"{spell(at)}: a database in memory is not allowed, it must be a file: sqlite:///replenisher.db"


def _exchange_contradictions(config: Config) -> Iterator[tuple[Path_, str]]:
    if config.mode != "paper":
        return
    stands_for = config.exchange.venue if config.exchange is not None else None
    for name, venue in config.venues.items():
        if name != stands_for and venue.url is None:
            at: Path_ = ("venues", name, "url")
            if stands_for is None:
                yield ("exchange",), f"exchange is missing, mode paper needs it, or an address as {spell(at)}"
            yield at, f"{spell(at)} is missing, in mode paper no exchange is simulated for {name}"
    if config.exchange is None:
        return
    if config.exchange.venue not in config.venues:
        at = ("exchange", "venue")
        yield at, not_allowed(at, config.exchange.venue, f"it must be one of venues: {', '.join(config.venues)}")
    yield from _account_contradictions(config, config.exchange)
    if isinstance(config.exchange.latency.model, FeedDelays) and not isinstance(config.exchange.market, RecordedMarket):
        at = ("exchange", "latency", "model")
        yield at, f"{spell(at)}: 'feed' is not allowed, only a recorded market knows how long its messages took"
    yield from listed.contradictions(config.exchange)


def _account_contradictions(config: Config, exchange: ExchangeSection) -> Iterator[tuple[Path_, str]]:
    taken = {PAPER_KEY, *(venue.account for name, venue in config.venues.items() if name == exchange.venue)}
    owners = taken - {PAPER_KEY} | set(exchange.accounts)
    scoped: list[tuple[Path_, str]] = [(("exchange",), exchange.key_scope)]
    for name, account in exchange.accounts.items():
        at: Path_ = ("exchange", "accounts", name)
        scoped.append((at, account.key_scope))
        if name in taken:
            yield at, f"{spell(at)}: {name!r} is not allowed, the venue's own account or its key has that name"
        if account.owner is not None and account.owner not in owners - {name}:
            rule = f"it must be another account: {', '.join(sorted(owners - {name}))}"
            yield (*at, "owner"), not_allowed((*at, "owner"), account.owner, rule)
    for stem, scope in scoped:
        if scopes.parse(scope) is None:
            at = (*stem, "key_scope")
            yield at, not_allowed(at, scope, "it must be like account:read_write trade:read")
