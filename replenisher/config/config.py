"""One configuration, checked: what the operator wrote, with every default filled in."""

import hashlib
import json
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import PrivateAttr

from replenisher.config import opinions
from replenisher.config.mistakes import Path_
from replenisher.config.reading import Raw, Sources
from replenisher.config.sections import RecordedMarket, Sections, StrategySection
from replenisher.core.strategy import Strategy


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
        """Names what is in force: the same for the same decisions, whatever the secrets are, or if they are known."""
        content = self.effective()
        for venue in content["venues"].values():
            venue |= dict.fromkeys(self.secret_keys)
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))
