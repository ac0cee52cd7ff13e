"""What a file can say: each key with kind, unit and default, as the section or the strategy's class declares it."""

import inspect
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from replenisher.config import opinions
from replenisher.config.mistakes import UNITS, Schema
from replenisher.config.sections import Sections, StrategySection
from replenisher.core.strategy import Strategy

NO_BOUND = 10**15  # for money: it says no more than that a number has an end
BOUNDS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "array": "list"}


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One key; a dot leads into a block, `[]` into each item of a list, `NAME` into what has a name of your own."""

    key: str
    kind: str  # a number within bounds, or the words to choose from
    unit: str
    about: str
    is_required: bool
    default: Any = None

    @property
    def takes(self) -> str:
        """What it says, and in brackets what may be written there."""
        kind = f"{self.kind}, in {self.unit}" if self.unit else self.kind
        return f"{self.about} ({kind})" if self.about else kind

    @property
    def otherwise(self) -> str:
        """What counts where it is not written."""
        if self.is_required:
            return "required"
        return "none" if self.default in (None, [], {}) else str(self.default)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy that a configuration can name."""

    opinion: str
    written_in: str
    parameters: tuple[Parameter, ...]


def offers() -> dict[str, Offer]:
    """Every installed strategy, by name."""
    return {name: offer(opinions.load_installed(name), entry.value) for name, entry in opinions.installed().items()}


def offer(strategy: type[Strategy], written_in: str) -> Offer:
    """One strategy, by its class."""
    schema = opinions.adapter(strategy).json_schema()
    opinion = " ".join((inspect.getdoc(strategy) or "").partition("\n\n")[0].split())
    return Offer(opinion=opinion, written_in=written_in, parameters=tuple(_parameters(schema, schema, "")))


def every_key() -> tuple[Parameter, ...]:
    """All that a file can say, the keys apart that only one strategy takes."""
    schema = Sections.model_json_schema()
    return tuple(_parameters(schema, schema, ""))


def every_strategy() -> tuple[Parameter, ...]:
    """What every strategy takes beside its own keys."""
    schema = StrategySection.model_json_schema()
    return tuple(_parameters(schema, schema, ""))


def _parameters(block: Schema, root: Schema, stem: str) -> Iterator[Parameter]:
    required = set(block.get("required", ()))
    for name, declared in block.get("properties", {}).items():
        if "const" in declared and name != "version":  # the kind of the block says it
            continue
        key = f"{stem}{name}"
        below = _resolved(declared, root)
        items = _resolved(below.get("items", {}), root)
        is_block = "properties" in below
        if is_block and "description" not in declared:  # its keys say all there is to say
            yield from _parameters(below, root, f"{key}.")
            continue
        yield Parameter(
            key=key,
            kind=f"list of {_kind(items, root)}" if items else _kind(below, root),
            unit=_unit(name),
            about=str(declared.get("description", "")),
            is_required=name in required,
            default=declared.get("default"),
        )
        if is_block:
            yield from _parameters(below, root, f"{key}.")
        if "properties" in items:
            yield from _parameters(items, root, f"{key}[].")
        for each in below.get("oneOf", ()):
            yield from _parameters(_resolved(each, root), root, f"{key}.")
        for each in _named(below):
            yield from _parameters(_resolved(each, root), root, f"{key}.NAME.")


def _resolved(declared: Schema, root: Schema) -> Schema:
    """What a reference or an optional kind stands for."""
    if "$ref" in declared:
        return cast("Schema", root["$defs"][declared["$ref"].rpartition("/")[2]])
    alternatives = [each for each in declared.get("anyOf", ()) if each.get("type") != "null"]
    return _resolved(alternatives[0], root) if alternatives else declared


def _named(schema: Schema) -> list[Schema]:
    """What has a name of the writer's own, if anything has."""
    found = (schema.get("additionalProperties"), *schema.get("patternProperties", {}).values())
    return [each for each in found if isinstance(each, dict)]


def _kind(schema: Schema, root: Schema) -> str:
    if "enum" in schema:
        return " | ".join(str(word) for word in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "properties" in schema:
        told = (f"{name}: {each['const']}" if "const" in each else name for name, each in schema["properties"].items())
        return f"{{{', '.join(told)}}}"
    if "oneOf" in schema:
        return " | ".join(_kind(_resolved(each, root), root) for each in schema["oneOf"])
    if named := _named(schema):
        return f"by name: {_kind(_resolved(named[0], root), root)}"
    given = {sign: schema[bound] for bound, sign in BOUNDS.items() if bound in schema}
    bounds = [f"{sign} {value:,.15g}" for sign, value in given.items() if abs(value) < NO_BOUND]
    return " ".join([KINDS.get(str(schema.get("type")), "anything"), ", ".join(bounds)]).strip()


def _unit(name: str) -> str:
    """The last word of a name is its unit, unless that is so many of it in a time; a bound comes behind it."""
    words = name.split("_")
    if words[-1] in ("min", "max"):
        words.pop()
    return UNITS.get(words[-1], "") if len(words) > 1 and "per" not in words else ""
