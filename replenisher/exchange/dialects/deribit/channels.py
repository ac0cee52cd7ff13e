"""The channels a client can subscribe to, read from their names; a name that is not one of these does not exist."""

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from replenisher.model.instrument import Instrument
from replenisher.model.units import DAY_NS, MINUTE_NS, SECOND_NS

INTERVALS_NS = {"raw": 0, "100ms": 100_000_000, "agg2": 1_000_000_000}  # agg2 is documented as 2 s, measured as 1 s
KINDS = ("any", "future", "option", "spot", "combo", "future_combo", "option_combo")
WHOLE = "any"
DEPTHS = ("1", "10", "20")
UNGROUPED = "none"
# By base currency: which groups a book has, and how much of the quote currency each of their units is. The venue tells
# nothing of other currencies; there any group will do, and its unit is the tick.
GROUPS = ("1", "2", "5", "10", "25", "100", "250")
GROUPS_OF = {
    "BTC": (("1", "2", "5", "10"), Decimal(1)),
    "ETH": (("5", "10", "25", "100", "250"), Decimal("0.01")),
}
RESOLUTIONS_NS = {str(minutes): minutes * MINUTE_NS for minutes in (1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720)} | {
    "1D": DAY_NS
}


class Topic(StrEnum):
    """What a channel tells about."""

    BOOK = "book"
    WINDOW = "book_window"
    TRADES = "trades"
    TICKER = "ticker"
    INCREMENTAL_TICKER = "incremental_ticker"
    QUOTE = "quote"
    PERPETUAL = "perpetual"
    INDEX = "deribit_price_index"
    CHART = "chart.trades"
    STATE = "instrument.state"
    PLATFORM = "platform_state"
    PUBLIC_METHODS = "platform_state.public_methods_state"
    ORDERS = "user.orders"
    FILLS = "user.trades"
    CHANGES = "user.changes"
    PORTFOLIO = "user.portfolio"
    MMP = "user.mmp_trigger"

    @property
    def scope(self) -> str:
        """What the login must allow; empty for what everybody may hear."""
        if self is Topic.PORTFOLIO:
            return "account:read"
        return "trade:read" if self in (Topic.ORDERS, Topic.FILLS, Topic.CHANGES, Topic.MMP) else ""

    @property
    def is_private(self) -> bool:
        """Whether only the owner of an account may listen."""
        return self.scope != ""


AT_MOST_EVERY_NS = {Topic.INCREMENTAL_TICKER: SECOND_NS, Topic.INDEX: SECOND_NS}  # where the name says no interval

OFFERED: dict[str, Topic] = {
    "book.{instrument_name}.{interval}": Topic.BOOK,
    "book.{instrument_name}.{group}.{depth}.{interval}": Topic.WINDOW,
    "ticker.{instrument_name}.{interval}": Topic.TICKER,
    "incremental_ticker.{instrument_name}": Topic.INCREMENTAL_TICKER,
    "quote.{instrument_name}": Topic.QUOTE,
    "trades.{instrument_name}.{interval}": Topic.TRADES,
    "trades.{kind}.{currency}.{interval}": Topic.TRADES,
    "perpetual.{instrument_name}.{interval}": Topic.PERPETUAL,
    "deribit_price_index.{index_name}": Topic.INDEX,
    "chart.trades.{instrument_name}.{resolution}": Topic.CHART,
    "instrument.state.{kind}.{currency}": Topic.STATE,
    "platform_state": Topic.PLATFORM,
    "platform_state.public_methods_state": Topic.PUBLIC_METHODS,
    "user.orders.{instrument_name}.{interval}": Topic.ORDERS,
    "user.orders.{kind}.{currency}.{interval}": Topic.ORDERS,
    "user.trades.{instrument_name}.{interval}": Topic.FILLS,
    "user.trades.{kind}.{currency}.{interval}": Topic.FILLS,
    "user.changes.{instrument_name}.{interval}": Topic.CHANGES,
    "user.changes.{kind}.{currency}.{interval}": Topic.CHANGES,
    "user.portfolio.{currency}": Topic.PORTFOLIO,
    "user.mmp_trigger.{index_name}": Topic.MMP,
}


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel: a topic about one instrument, or about all of a kind and currency or of an index."""

    name: str
    topic: Topic
    instrument: str = ""  # empty where something else chooses
    kind: str = WHOLE
    currency: str = WHOLE
    index: str = ""
    group: str = UNGROUPED
    depth: int = 0
    resolution_ns: int = 0
    interval_ns: int = 0

    @property
    def is_raw(self) -> bool:
        """Whether every single event is told; only who is logged in may hear that."""
        return self.name.endswith(".raw")


def parse(name: str) -> Channel | None:
    """The channel of this name, or None if the venue has none."""
    for pattern, topic in _PATTERNS:
        found = pattern.fullmatch(name)
        if found and (topic is not Topic.WINDOW or _is_window(**found.groupdict())):
            parts = found.groupdict()
            return Channel(
                name=name,
                topic=topic,
                instrument=parts.get("instrument_name", ""),
                kind=parts.get("kind", WHOLE),
                currency=_currency(parts.get("currency", WHOLE)),
                index=parts.get("index_name", ""),
                group=parts.get("group", UNGROUPED),
                depth=int(parts.get("depth", 0)),
                resolution_ns=RESOLUTIONS_NS.get(parts.get("resolution", ""), 0),
                interval_ns=INTERVALS_NS.get(parts.get("interval", ""), AT_MOST_EVERY_NS.get(topic, 0)),
            )
    return None


def group_step(group: str, instrument: Instrument) -> Decimal | None:
    """How far apart the levels of a grouped book are; None where they are not joined."""
    if group == UNGROUPED:
        return None
    _, unit = GROUPS_OF.get(instrument.base_currency, (GROUPS, instrument.tick))
    return int(group) * unit


def _is_window(instrument_name: str, group: str, interval: str, **_: str) -> bool:
    """Whether the venue joins levels of that instrument so, and as often."""
    groups, _unit = GROUPS_OF.get(re.split("[-_]", instrument_name)[0], (GROUPS, None))
    return interval != "raw" and group in (UNGROUPED, *groups)


def _currency(written: str) -> str:
    return written if written == WHOLE else written.upper()


def _one_of(words: Iterable[str]) -> str:
    return "|".join(words)


_PARTS = {
    "instrument_name": "[A-Z0-9_-]+",
    "interval": _one_of(INTERVALS_NS),
    "group": _one_of((UNGROUPED, *GROUPS)),
    "depth": _one_of(DEPTHS),
    "kind": _one_of(KINDS),
    "currency": "[A-Za-z0-9]+",
    "index_name": "any|[a-z0-9]+_[a-z]+",
    "resolution": _one_of(RESOLUTIONS_NS),
}


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", lambda part: f"(?P<{part[1]}>{_PARTS[part[1]]})", re.escape(name)))


_PATTERNS = [(_pattern(name), topic) for name, topic in OFFERED.items()]
