"""One configuration, read and checked: what the operator wrote, with every default filled in."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import PrivateAttr, ValidationError

from replenisher.config import listed, mistakes, opinions, priced
from replenisher.config.mistakes import not_allowed, spell
from replenisher.config.reading import Path_, Raw, Sources
from replenisher.config.sections import (
    PAPER_KEY,
    ExchangeSection,
    FeedDelays,
    LiveMarket,
    RecordedMarket,
    Sections,
    StrategySection,
    TighterRisk,
)
from replenisher.core.slots import PartialFill
from replenisher.core.strategy import Strategy
from replenisher.core.toxicity import Response
from replenisher.errors import ConfigurationError
from replenisher.exchange.dialects.deribit import scopes

DATA_DIRECTORY = "REPLENISHER_DATA_DIR"


class Config(Sections):
    """A checked configuration, and where it lives."""

    _sources: Sources = PrivateAttr()
    _data_dir: Path = PrivateAttr()
    _strategies: dict[str, Strategy] = PrivateAttr()

    def placed(self, sources: Sources, data_dir: Path, strategies: dict[str, Strategy]) -> Self:
        """The same configuration, knowing where it was written, its data directory and its strategies."""
        self._sources, self._data_dir, self._strategies = sources, data_dir, strategies
        return self

    def in_directory(self, data_dir: Path) -> Self:
        """The same configuration with another data directory."""
        return self.model_copy().placed(self._sources, data_dir.absolute(), self._strategies)

    @property
    def path(self) -> Path:
        """The file it was read from."""
        return self._sources.path

    def where(self, at: Path_) -> str:
        """Where the value at `at` was written, in the operator's words."""
        return self._sources.where(at)

    @property
    def data_dir(self) -> Path:
        """Where journal, database, ledger, logs and the operator's door are. Not made here."""
        return self._data_dir

    @property
    def database_url(self) -> str:
        """The database's URL, with a relative SQLite file put into the data directory."""
        scheme, relative, file = self.database.url.partition(":///")
        if relative and scheme.startswith("sqlite") and not file.startswith("/"):
            return f"{scheme}:///{self.data_dir / file}"
        return self.database.url

    @property
    def starts_exchange(self) -> bool:
        """Whether `run` starts the simulated exchange itself: in paper mode, unless an address is given for it."""
        return self.mode == "paper" and self.exchange is not None and self.venues[self.exchange.venue].url is None

    @property
    def tape(self) -> Path | None:
        """The tape of a recorded market; a relative path in the file starts at the file."""
        market = self.exchange.market if self.exchange is not None else None
        if not isinstance(market, RecordedMarket) or market.tape is None:
            return None
        return self.path.parent / market.tape

    def maker_fee_bps(self, section: StrategySection) -> float | None:
        """What the venue takes of a fill of a strategy: as it was given, or as the simulated exchange does."""
        exchange = self.exchange
        if section.maker_fee_bps is not None or self.mode != "paper" or exchange is None:
            return section.maker_fee_bps
        return float(exchange.fees_of(section.instrument).maker_bps) if exchange.venue == section.venue else None

    def strategy(self, strategy_id: str) -> Strategy:
        """The strategy with this id, made from its section."""
        return self._strategies[strategy_id]

    def effective(self) -> Raw:
        """Everything in force, defaults included, as plain data with the secrets masked."""
        content = self.model_dump(mode="json")
        content["database"]["url"] = _without_password(self.database.url)
        for section, dumped in zip(self.strategies, content["strategies"], strict=True):
            strategy = self._strategies[section.id]
            dumped.update(opinions.adapter(type(strategy)).dump_python(strategy, mode="json"))
        return content

    def fingerprint(self) -> str:
        """Names what is in force: the same for the same decisions, whatever the secrets are."""
        text = json.dumps(self.effective(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load(path: Path, overrides: Raw | None = None) -> Config:
    """Read and check a configuration. `overrides` come from the command line and win over everything."""
    sources = Sources(path, overrides or {})
    content = sources.merged()
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        schema = Config.model_json_schema()
        raise ConfigurationError(mistakes.sentence(error, content, schema, sources.where)) from None
    _refuse_switches(content, config, sources)
    if (exchange := config.exchange) is not None:
        traded = (section.instrument for section in config.strategies if section.venue == exchange.venue)
        config = config.model_copy(update={"exchange": listed.of_recording(exchange, traded)})
    for place, objection in _contradictions(config):
        raise ConfigurationError(f"{sources.where(place)}: {objection}")
    strategies = {
        section.id: _strategy(section, ("strategies", place), sources)
        for place, section in enumerate(config.strategies)
    }
    for place, objection in priced.contradictions(config, strategies):
        raise ConfigurationError(f"{sources.where(place)}: {objection}")
    return config.placed(sources, data_directory(path), strategies)


def data_directory(path: Path) -> Path:
    """`$REPLENISHER_DATA_DIR`, or `data/` in the current directory and in it the name of the configuration file."""
    return Path(os.environ.get(DATA_DIRECTORY) or Path("data") / path.stem).absolute()


def market_overrides(tape: Path | None, speed: float | None) -> Raw:
    """What `--tape` and `--speed` say about the market of the simulated exchange."""
    given = {"tape": None if tape is None else str(tape.absolute()), "speed": speed}
    market = {key: value for key, value in given.items() if value is not None}
    return {"exchange": {"market": {"source": "recorded", **market}}} if market else {}


def _strategy(section: StrategySection, place: Path_, sources: Sources) -> Strategy:
    """Make the strategy of a section, or say which of its arguments is wrong."""
    try:
        strategy_class = opinions.strategy_class(section.strategy, sources.path.parent)
        adapter = opinions.adapter(strategy_class)
    except ConfigurationError as error:
        at = (*place, "strategy")
        raise ConfigurationError(f"{sources.where(at)}: {not_allowed(at, section.strategy, str(error))}") from None
    arguments, known = section.arguments, opinions.field_names(strategy_class)
    for key in arguments.keys() - set(known):
        at = (*place, key)
        keys = sorted([*known, *StrategySection.model_fields])
        raise ConfigurationError(f"{sources.where(at)}: {mistakes.unknown_key(at, keys)}")
    try:
        strategy = adapter.validate_python(arguments)
    except ValidationError as error:
        schema = adapter.json_schema()
        raise ConfigurationError(mistakes.sentence(error, arguments, schema, sources.where, place)) from None
    _refuse_switches(arguments, strategy, sources, place)
    return strategy


def _refuse_switches(content: object, checked: object, sources: Sources, stem: Path_ = ()) -> None:
    for path, value in mistakes.switches(content, checked, stem):
        raise ConfigurationError(f"{sources.where(path)}: {not_allowed(path, value, 'it must be a number')}")


def _contradictions(config: Config) -> Iterator[tuple[Path_, str]]:
    """What is wrong although every key on its own is right: the path at fault, and a sentence."""
    yield from _database_contradictions(config)
    yield from _exchange_contradictions(config)
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
    if config.exchange.faults:
        at = ("exchange", "faults")
        yield at, f"{spell(at)}: the simulated exchange makes no faults yet, leave the list empty"
    if isinstance(config.exchange.market, LiveMarket):
        at = ("exchange", "market", "source")
        yield at, not_allowed(at, "live", "a market from a live feed is not offered yet, take synthetic or recorded")
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


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))
