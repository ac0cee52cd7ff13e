"""Strategies by name: entry points of installed packages, and classes in files beside the configuration.

A strategy entry's own keys are the arguments of its class: a frozen dataclass whose annotations say what is allowed.
"""

import dataclasses
import importlib.util
import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic import PydanticUserError, TypeAdapter

from replenisher.core.strategy import Strategy
from replenisher.errors import ConfigurationError

GROUP = "replenisher.strategies"


def installed() -> dict[str, EntryPoint]:
    """Every strategy that an installed package offers, by name."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def strategy_class(name: str, folder: Path) -> type[Strategy]:
    """The class behind an entry point's name, or behind `path.py:Class` below `folder`."""
    file, colon, class_name = name.rpartition(":")
    if colon:
        found = getattr(_module(folder, file), class_name, None)
        if found is None:
            raise ConfigurationError(f"there is no {class_name} in {file}")
    else:
        found = load_installed(name)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and callable(getattr(found, "quote", None))):
        raise ConfigurationError("it must be a dataclass with a method `quote(view)`")
    return cast("type[Strategy]", found)


def load_installed(name: str) -> Any:
    """What the entry point `name` refers to."""
    offers = installed()
    if name not in offers:
        raise ConfigurationError(f"it must be one of: {', '.join(offers)}; or a class like my_strategy.py:MyLadder")
    try:
        return offers[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"it cannot be loaded: {error}") from None


def field_names(strategy: type[Strategy]) -> list[str]:
    """The arguments of a strategy's class."""
    return [field.name for field in dataclasses.fields(cast("Any", strategy)) if field.init]


@cache
def adapter(strategy: type[Strategy]) -> TypeAdapter[Strategy]:
    """What checks and converts the arguments of a strategy's class."""
    try:
        return TypeAdapter(strategy)
    except PydanticUserError as error:
        raise ConfigurationError(f"its arguments cannot be checked: {str(error).splitlines()[0]}") from None


def _module(folder: Path, file: str) -> ModuleType:
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ConfigurationError(f"the file must lie in the folder of the configuration, {folder}")
    if path.suffix != ".py" or not path.is_file():
        raise ConfigurationError(f"there is no Python file {folder / file}")
    name = f"replenisher_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look up the names in annotations
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigurationError(f"{file}, line {error.lineno}: {error.msg}") from None
    except (ImportError, AttributeError, NameError, TypeError, ValueError, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from None
    return module
