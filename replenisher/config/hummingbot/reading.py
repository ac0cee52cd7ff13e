"""A file of Hummingbot's, read by the table: each value in the unit that its row names, and nothing that has no row."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from replenisher.config.hummingbot.keys import AVELLANEDA, PURE, TABLE, Row, Unit
from replenisher.config.reading import read_yaml
from replenisher.errors import ConfigurationError
from replenisher.model.order import SIDES, Side
from replenisher.model.units import BPS

PERCENT_BPS = BPS // 100
YES, NO = ("true", "yes", "y"), ("false", "no", "n")
IN_PERCENT: dict[str, tuple[str, ...]] = {PURE: ("22", "23", "24"), AVELLANEDA: ("8", "")}  # by template version
CHOSEN = {  # which mode it is that is told this
    "start_datetime": "from_date_to_date",
    "end_datetime": "from_date_to_date",
    "start_time": "daily_between_times",
    "end_time": "daily_between_times",
    "order_levels": "multi_order_level",
    "level_distances": "multi_order_level",
    "hanging_orders_cancel_pct": "track_hanging_orders",
}


class Percents(StrEnum):
    """How one percent is written."""

    PERCENT = "percent"  # 1
    FRACTION = "fraction"  # 0.01


class Order(NamedTuple):
    """One level that is written out: how far from the price, and its size in the base currency."""

    spread_bps: Decimal
    amount: Decimal


Levels = dict[Side, list[Order]]


class Given:
    """What one file says, by the keys of the table."""

    def __init__(self, path: Path, percents: Percents | None = None) -> None:
        content = read_yaml(path)
        self.path = path
        self.strategy = str(content.get("strategy"))
        if self.strategy not in TABLE:
            raise ConfigurationError(f"{path}: {_stranger(content)}")
        self.rows = {row.key: row for row in TABLE[self.strategy]}
        self._older = {row.older: row.key for row in self.rows.values() if row.older}
        self.values: dict[str, Any] = {}
        for key, value in content.items():
            for known, item in self._known(key, value):
                if known in self.values:
                    raise self.fault(key, "it is given twice, here and in a mode")
                self.values[known] = item
        self._bps = self._bps_of_a_percent(percents)

    def has(self, key: str) -> bool:
        """Whether anything is written."""
        return key in self.values

    def fault(self, key: str, rule: str) -> ConfigurationError:
        """A value that cannot be brought over."""
        value = self.values.get(key)
        shown = "" if value is None else f" {_plain(value)!r} is not allowed,"
        return ConfigurationError(f"{self.path}: {key}:{shown} {rule}")

    # --- Values by unit -------------------------------------------------------------------------------------------

    def word(self, key: str) -> str:
        """The text as it is written, or as it is where nothing is; empty if it must be known and is not."""
        return _plain(self.values[key]) if self.has(key) else self.rows[key].blank

    def switch(self, key: str) -> bool:
        """On or off."""
        word = self.word(key).lower()
        if word not in YES + NO:
            raise self.fault(key, "it must be true or false")
        return word in YES

    def number(self, key: str) -> Decimal | None:
        """A number in the unit of its row; None if it must be known and is not."""
        return self._number(key, word) if (word := self.word(key)) else None

    def count(self, key: str) -> int:
        """A whole number from 1 on."""
        number = self.number(key)
        if number is None or number != int(number) or number < 1:
            raise self.fault(key, "it must be a whole number from 1 on")
        return int(number)

    def bps(self, key: str) -> Decimal | None:
        """A percent, in basis points."""
        assert self.rows[key].unit is Unit.PERCENT, f"{key} is no percent"
        number = self.number(key)
        return None if number is None else number * self._bps

    def listed(self, key: str) -> list[Decimal]:
        """Numbers with commas between; percents in basis points."""
        factor = self._bps if self.rows[key].unit is Unit.PERCENTS else Decimal(1)
        value = self.values.get(key, "")
        parts = value if isinstance(value, list) else str(value).split(",")
        return [self._number(key, str(part).strip()) * factor for part in parts if str(part).strip()]

    def orders(self, key: str) -> Levels:
        """Orders by name, nearest first."""
        written = self.values.get(key) or {}
        if not isinstance(written, dict):
            raise self.fault(key, f"it must be {Unit.ORDERS}")
        levels: Levels = {side: [] for side in Side}
        for name, parts in written.items():
            if not (isinstance(parts, list) and len(parts) == 3 and str(parts[0]) in SIDES):
                raise ConfigurationError(f"{self.path}: {key}.{name}: it must be like [buy, 0.5, 100]")
            spread, amount = (self._number(key, _plain(part)) for part in parts[1:])
            levels[SIDES[parts[0]]].append(Order(spread * self._bps, amount))
        for side in Side:
            levels[side].sort()
        return levels

    def _number(self, key: str, word: str) -> Decimal:
        try:
            number = Decimal(word)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise self.fault(key, f"it must be a number: {self.rows[key].unit}")
        return number

    # --- How it is written ----------------------------------------------------------------------------------------

    def _bps_of_a_percent(self, said: Percents | None) -> Decimal:
        """What 1 is in basis points: known of some templates, and never guessed."""
        version, known = self.word("template_version"), IN_PERCENT[self.strategy]
        if version in known:
            if said is Percents.FRACTION:
                raise self.fault("template_version", "this template writes percent, leave --percents out")
            return Decimal(PERCENT_BPS)
        if said is None:
            which = f"template_version {version}" if version else "a file without template_version"
            raise ConfigurationError(
                f"{self.path}: whether {which} writes one percent as 1 or as 0.01 is not known:"
                " say --percents percent or --percents fraction"
            )
        return Decimal(PERCENT_BPS if said is Percents.PERCENT else BPS)

    def _known(self, key: str, value: object) -> Iterator[tuple[str, Any]]:
        """A key of the file as the table has it: each mode, and what it is told."""
        row = self.rows.get(self._older.get(key, key))
        if value is None:
            return
        if row is None:
            if value not in (False, "", {}, []):
                raise ConfigurationError(
                    f"{self.path}: {key} is no key of Hummingbot's {self.strategy}: see what it does, and take it out"
                )
            return
        if row.unit is not Unit.MODE:
            yield row.key, value
            yield from self._mode_of(row, value)
        elif isinstance(value, Mapping):
            for name, item in value.items():
                if f"{row.key}.{name}" not in self.rows:
                    raise ConfigurationError(f"{self.path}: {key}.{name} is no key of Hummingbot's {self.strategy}")
                if item is not None:
                    yield f"{row.key}.{name}", item
            if chosen := [CHOSEN[name] for name in value]:
                yield row.key, chosen[0]
        elif key == "hanging_orders_enabled":
            yield row.key, "track_hanging_orders" if _plain(value).lower() in YES else "ignore_hanging_orders"
        else:
            yield row.key, value

    def _mode_of(self, row: Row, value: object) -> Iterator[tuple[str, Any]]:
        """Older templates have no mode for levels: their number says it."""
        if row.older == "order_levels":
            yield "order_levels_mode", "single_order_level" if _plain(value) == "1" else "multi_order_level"


def _stranger(content: Mapping[str, Any]) -> str:
    """What a file is that cannot be brought over."""
    known = " and ".join(TABLE)
    if "controller_name" in content or "controller_type" in content:
        return f"this is a controller of Hummingbot's V2, only {known} can be imported"
    if "strategy" not in content:
        return f"this is no file of a strategy of Hummingbot's: it has no key strategy; {known} can be imported"
    return f"strategy: {_plain(content['strategy'])!r} cannot be imported, only {known} can"


def _plain(value: object) -> str:
    """A value as it was written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
