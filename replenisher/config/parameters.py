"""What a strategy can be told: each of its parameters with kind, unit and default, as its class declares them."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from replenisher.config import opinions
from replenisher.config.mistakes import UNITS
from replenisher.core.strategy import Strategy

Schema = Mapping[str, Any]
BOUNDS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a strategy's section; a dot leads into a block, `[]` into each item of a list."""

    key: str
    kind: str  # a number within bounds, or the words to choose from
    unit: str
    about: str
    is_required: bool
    default: Any = None


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


def _parameters(block: Schema, root: Schema, stem: str) -> Iterator[Parameter]:
    required = set(block.get("required", ()))
    for name, declared in block.get("properties", {}).items():
        key = f"{stem}{name}"
        below = _resolved(declared, root)
        items = _resolved(below.get("items", {}), root)
        is_block = "properties" in below
        if is_block and "description" not in declared:  # its keys say all there is to say
            yield from _parameters(below, root, f"{key}.")
            continue
        yield Parameter(
            key=key,
            kind=f"list of {_kind(items)}" if items else _kind(below),
            unit=UNITS.get(name.rpartition("_")[2], "") if "_" in name else "",
            about=str(declared.get("description", "")),
            is_required=name in required,
            default=declared.get("default"),
        )
        if is_block:
            yield from _parameters(below, root, f"{key}.")
        if "properties" in items:
            yield from _parameters(items, root, f"{key}[].")


def _resolved(declared: Schema, root: Schema) -> Schema:
    """What a reference or an optional kind stands for."""
    if "$ref" in declared:
        return cast("Schema", root["$defs"][declared["$ref"].rpartition("/")[2]])
    alternatives = [each for each in declared.get("anyOf", ()) if each.get("type") != "null"]
    return _resolved(alternatives[0], root) if alternatives else declared


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return " | ".join(str(word) for word in schema["enum"])
    if "properties" in schema:
        return f"{{{', '.join(schema['properties'])}}}"
    bounds = [f"{sign} {schema[bound]:g}" for bound, sign in BOUNDS.items() if bound in schema]
    return " ".join([KINDS.get(str(schema.get("type")), "anything"), ", ".join(bounds)]).strip()
