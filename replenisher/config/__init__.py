"""The configuration: one YAML file, checked as a whole before anything else happens.

`load` reads and checks a file, `require_ready` says whether it may be traded on, `schema` is what an editor needs.
"""

from replenisher.config.config import Config
from replenisher.config.loading import data_directory, load, market_overrides
from replenisher.config.opinions import installed
from replenisher.config.readiness import (
    CCXT,
    HOSTS,
    has_dead_man_switch,
    require_audible,
    require_exchange,
    require_reachable,
    require_ready,
)
from replenisher.config.schema import schema

__all__ = [
    "CCXT",
    "HOSTS",
    "Config",
    "data_directory",
    "has_dead_man_switch",
    "installed",
    "load",
    "market_overrides",
    "require_audible",
    "require_exchange",
    "require_reachable",
    "require_ready",
    "schema",
]
