"""A configuration is read: file, environment and command line become one that is checked as a whole."""

import os
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from pydantic import ValidationError

from replenisher.config import listed, mistakes, opinions, priced
from replenisher.config.config import Config
from replenisher.config.contradictions import contradictions, ladder_contradictions
from replenisher.config.mistakes import Path_, not_allowed
from replenisher.config.reading import PREFIX, Raw, Sources
from replenisher.config.sections import StrategySection
from replenisher.core.strategy import Strategy
from replenisher.errors import ConfigurationError

DATA_DIRECTORY = "REPLENISHER_DATA_DIR"


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
    for place, objection in contradictions(config):
        raise ConfigurationError(f"{sources.where(place)}: {objection}")
    strategies = {
        section.id: _strategy(section, ("strategies", place), sources)
        for place, section in enumerate(config.strategies)
    }
    of_strategies = chain(ladder_contradictions(config, strategies), priced.contradictions(config, strategies))
    for place, objection in of_strategies:
        raise ConfigurationError(f"{sources.where(place)}: {objection}")
    return config.placed(sources, data_directory(path), strategies)


def data_directory(path: Path) -> Path:
    """`$REPLENISHER_DATA_DIR`, or `data/` in the current directory and in it the name of the configuration file."""
    for name in os.environ:
        if name != DATA_DIRECTORY and _is_nearly_the_data_directory(name):
            raise ConfigurationError(f"the environment: {name} sets nothing, did you mean {DATA_DIRECTORY}?")
    return Path(os.environ.get(DATA_DIRECTORY) or Path("data") / path.stem).absolute()


def _is_nearly_the_data_directory(name: str) -> bool:
    """Whether that was meant by a variable that begins as ours do. Passed over, it would have `run` trade on another
    directory, without the halts of the one that it names.
    """
    meant, written = (each.upper().removeprefix(PREFIX).replace("_", "") for each in (DATA_DIRECTORY, name))
    return name.upper().startswith(PREFIX) and bool(get_close_matches(written, [meant], cutoff=0.7))


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
