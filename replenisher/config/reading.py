"""Where a configuration comes from: the command line, the environment, a directory of secrets, a YAML file.

Whatever is given earlier in this list wins. The parts are kept apart until a fault has been named, because a message
says where the faulty value was written.
"""

import os
import re
from collections.abc import Hashable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError

from replenisher.config.mistakes import Path_
from replenisher.config.sections import Sections
from replenisher.errors import ConfigurationError

PREFIX = "REPLENISHER_"
NESTED = "__"
SECRETS_DIRECTORY = "CREDENTIALS_DIRECTORY"  # where systemd puts what LoadCredential= names

Raw = dict[str, Any]


# --- YAML --------------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Plain data only, each key once, and none of the surprises of YAML 1.1.

    `on`, `no`, `12:30` and bare dates stay text, `1e-4` is a number, and numbers with a point are exact decimals.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - yaml's own contract

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[str, int] = {}
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in _TEXT_TAGS:
                raise ConfigurationError(f"line {line}: a key must be a word")
            if key_node.value in lines and key_node.tag != _MERGE:
                raise ConfigurationError(
                    f"line {line}: key {key_node.value} is given twice, the first time in line {lines[key_node.value]}"
                )
            lines[key_node.value] = line
        return super().construct_mapping(node, deep)

    def construct_decimal(self, node: yaml.ScalarNode) -> Decimal:
        """The number exactly as it is written."""
        return Decimal(node.value)


_MERGE = "tag:yaml.org,2002:merge"
_TEXT_TAGS = {"tag:yaml.org,2002:str", _MERGE}
_FLOAT = r"^[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d{1,3})?$"
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$", re.IGNORECASE), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9]\d{0,30})$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(_FLOAT), list("-+.0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver(_MERGE, re.compile(r"^<<$"), ["<"])
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_decimal)


def read_yaml(path: Path) -> Raw:
    """The content of a YAML file: a mapping."""
    try:
        with path.open("rb") as file:
            content = _content(file)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigurationError(f"{path}: {line}this is not the YAML we read: {error.problem}") from None
    except (yaml.YAMLError, ValueError):  # not even text
        raise ConfigurationError(f"{path}: this is not a text file in UTF-8") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: the file must be a mapping of keys to values")
    return content


def _content(source: str | IO[bytes]) -> Any:
    return yaml.load(source, Loader=_Loader)  # noqa: S506 - a SafeLoader, only stricter


def read_value(text: str, where: str) -> Any:
    """One value, as it would be written behind a key."""
    try:
        return _content(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    except yaml.YAMLError:
        raise ConfigurationError(f"{where}: {text!r} is not the YAML we read") from None


# --- Environment and secrets -------------------------------------------------------------------------------------


class _Surroundings(Sections, BaseSettings):
    """Tells pydantic-settings which keys there are; it is never made."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NESTED)


class _Environment(EnvSettingsSource):
    """The variables. One that is no JSON stays as it is written, and whoever checks it says what it must be."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """A mapping or a list; one that is broken is not shown, since a key may be in it."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            if not value.lstrip().startswith(("{", "[")):
                return value
            names = (name.upper() for name, text in self.env_vars.items() if text == value)
            name = next(name for name in names if name.startswith(PREFIX))  # field_name is only its end
            raise ConfigurationError(f"the environment ({name}): it begins as JSON does, and is none") from None


# Others may have variables that begin as ours do; what is named after a section and a key of it is meant for us.
_ONE_UNDERSCORE = {
    f"{PREFIX}{section}_{key}".upper(): f"{PREFIX}{section}{NESTED}{key}".upper()
    for section, field in Sections.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    for key in field.annotation.model_fields
}


def read_environment() -> Raw:
    """Every key that is set as `REPLENISHER_SECTION__KEY`."""
    for name in os.environ:
        section, nested, _ = name.removeprefix(PREFIX).partition(NESTED)
        if name.startswith(PREFIX) and nested and section.lower() not in Sections.model_fields:
            known = ", ".join(Sections.model_fields)
            raise ConfigurationError(f"the environment: {name}: {section.lower()} is no section, allowed are: {known}")
        if meant := _ONE_UNDERSCORE.get(name):
            raise ConfigurationError(f"the environment: {name} sets nothing, a key is behind two underscores: {meant}")
    return _Environment(_Surroundings)()


def read_secrets() -> Raw:
    """Every file like `venues__deribit__api_secret` in the directory of secrets."""
    directory = os.environ.get(SECRETS_DIRECTORY, "/run/secrets")
    try:
        return NestedSecretsSettingsSource(
            SecretsSettingsSource(_Surroundings),
            secrets_dir=directory,
            secrets_dir_missing="ok",
            secrets_prefix="",
            secrets_nested_delimiter=NESTED,
        )()
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the secrets in {directory}: {str(error).splitlines()[0]}") from None


# --- All of them -------------------------------------------------------------------------------------------------


class Sources:
    """The parts of one configuration, strongest first."""

    def __init__(self, path: Path, overrides: Raw) -> None:
        self.path = path
        self.command_line = overrides
        self.environment = read_environment()
        self.secrets = read_secrets()
        self.file = read_yaml(path)

    def merged(self) -> Raw:
        """All parts laid over each other."""
        result: Raw = self.file
        for stronger in (self.secrets, self.environment, self.command_line):
            result = _overlay(result, stronger)
        return result

    def where(self, path: Path_) -> str:
        """Where the value at `path` was written, in the operator's words."""
        if path in set(_paths(self.command_line)):
            return "the command line"
        name = NESTED.join(str(part) for part in path)
        if path in set(_paths(self.environment)):
            return f"the environment ({PREFIX}{name.upper()})"
        if path in set(_paths(self.secrets)):
            return f"the secret {name}"
        return str(self.path)


def _overlay(weaker: Any, stronger: Any) -> Any:
    """`stronger` over `weaker`: mappings key by key, list items by their number, everything else whole."""
    match weaker, stronger:
        case dict(), Mapping():
            # Another kind of market shares no keys with the one it replaces.
            if "source" in stronger and stronger["source"] != weaker.get("source"):
                return dict(stronger)
            return {**weaker, **{key: _overlay(weaker.get(key), value) for key, value in stronger.items()}}
        case list(), Mapping() if all(_is_place_in(weaker, key) for key in stronger):
            return [
                _overlay(item, stronger[str(place)]) if str(place) in stronger else item
                for place, item in enumerate(weaker)
            ]
        case _:
            return stronger


def _is_place_in(items: list[Any], key: object) -> bool:
    return isinstance(key, str) and key.isdecimal() and str(int(key)) == key and int(key) < len(items)


def _paths(value: object, stem: Path_ = ()) -> Iterator[Path_]:
    """Every path in a part; the number of a list item is a number, however it was written."""
    yield stem
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = int(key) if stem == ("strategies",) and str(key).isdecimal() else key
            yield from _paths(item, (*stem, place))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _paths(item, (*stem, place))
