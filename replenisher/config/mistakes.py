"""The operator's mistake as one sentence: where it was written, its path, the value, and what is allowed."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from replenisher.config.sections import CURRENCY, NAMESPACE, WORD, Sections
from replenisher.core.arguments import WrongArgument

Schema = Mapping[str, Any]
Path_ = tuple[str | int, ...]

SHOWN_MAX = 200  # characters of a value
NAMED_MAX = 120  # characters of the paths of other faults
UNITS = {
    "bps": "basis points",
    "pct": "percent",
    "s": "seconds",
    "ms": "milliseconds",
    "min": "minutes",
    "quote": "the quote currency",
    "base": "the base currency",
    "ticks": "ticks",
}
# What pydantic says, where "Input should be ..." would not read well as "it must be ...".
RULES = {
    "string_type": "it must be text (write it in quotes)",
    "decimal_type": "it must be a number",
    "decimal_parsing": "it must be a number",
    "float_parsing": "it must be a number",
    "float_type": "it must be a number",
    "int_parsing": "it must be a whole number",
    "int_type": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "bool_parsing": "it must be true or false",
    "bool_type": "it must be true or false",
    "tuple_type": "it must be a list",
    "list_type": "it must be a list",
    "dict_type": "it must be a mapping of keys to values",
    "model_type": "it must be a mapping of keys to values",
    "model_attributes_type": "it must be a mapping of keys to values",
    "dataclass_type": "it must be a mapping of keys to values",
    "union_tag_invalid": "it must be one of {expected_tags}",
}
PATTERNS = {
    WORD: "it must be a word of a-z, 0-9, - and _ of at most 32 characters",
    CURRENCY: "it must be a currency in capitals, such as BTC",
    NAMESPACE: "it must be three characters of a-z and 0-9",
}


def sentence(
    error: ValidationError, content: object, schema: Schema, where: Callable[[Path_], str], stem: Path_ = ()
) -> str:
    """The most telling of the faults that pydantic found in `content`, which lies at `stem`; where the others are."""
    # A list is also called too short when none of its items is right.
    real = [fault for fault in error.errors() if not (fault["type"] == "too_short" and fault["input"])]
    faults = sorted(real, key=lambda fault: (_order(fault), -len(_path(fault, content))))
    first, path = faults[0], _path(faults[0], content)
    keys = sorted(known_keys(schema, content, path[:-1]) - set(path[-1:]))
    text = f"{where((*stem, *path))}: {_what(first, (*stem, *path), keys)}"
    others = dict.fromkeys(spell((*stem, *_path(fault, content))) for fault in faults)
    return text + _also([other for other in others if other != spell((*stem, *path))])


def _also(paths: Sequence[str]) -> str:
    """As many as fit into a line by name; one more that would not is no more than a number."""
    named = paths[:1]
    for path in paths[1:]:
        if sum(map(len, named)) + len(path) > NAMED_MAX:
            break
        named = [*named, path]
    rest = len(paths) - len(named)
    more = f" and {rest} more {'place' if rest == 1 else 'places'}" if rest else ""
    return f" (also wrong: {', '.join(named)}{more})" if paths else ""


def spell(path: Path_) -> str:
    """A path as it is written: `strategies[0].order_amount`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def not_allowed(path: Path_, value: object, rule: str) -> str:
    """The usual form of a fault; a secret's value is not shown."""
    return f"{spell(path)}: {_show(path, value)} is not allowed, {rule}"


def unknown_key(path: Path_, keys: list[str]) -> str:
    """A key that nobody knows, with the one that was probably meant."""
    key = str(path[-1])
    head = f"{spell(path)} is not a known key"
    for known in keys:
        if _without_unit(known) == _without_unit(key):
            unit = UNITS.get(known.rpartition("_")[2])
            return f"{head}, did you mean {known}{f', in {unit}' if unit else ''}?"
    if near := get_close_matches(key, keys, n=1, cutoff=0.7):
        return f"{head}, did you mean {near[0]}?"
    return f"{head}, allowed are: {', '.join(keys)}"


def switches(content: object, checked: object, path: Path_ = ()) -> Iterator[tuple[Path_, bool]]:
    """Every `true` or `false` in `content` that was silently read as the number 1 or 0."""
    match content:
        case bool() if not isinstance(checked, bool):
            yield path, content
        case Mapping():
            for key, value in content.items():
                below = checked.get(key) if isinstance(checked, Mapping) else getattr(checked, str(key), value)
                yield from switches(value, below, (*path, key))
        case list() if isinstance(checked, list | tuple):
            for place, (value, below) in enumerate(zip(content, checked, strict=False)):
                yield from switches(value, below, (*path, place))
        case _:
            return


def known_keys(schema: Schema, content: object, path: Path_) -> set[str]:
    """The keys that a JSON schema knows at `path` of `content`."""
    places = list(_alternatives(schema, schema, content))
    for part in path:
        content = _step(content, part)
        places = [
            alternative
            for place in places
            for below in _below(place, part)
            for alternative in _alternatives(below, schema, content)
        ]
    return {key for place in places for key in place.get("properties", {})}


def _order(fault: ErrorDetails) -> int:
    # A misspelt key is unknown and leaves the right one missing: the first says more.
    return {"extra_forbidden": 0, "missing": 2}.get(fault["type"], 1)


def _path(fault: ErrorDetails, content: object) -> Path_:
    """Where the fault is in the file: without the names of alternatives, which pydantic puts between."""
    path: list[str | int] = []
    for place, part in enumerate(fault["loc"]):
        is_last = place == len(fault["loc"]) - 1
        if _step(content, part) is not None or _holds(content, part) or (is_last and fault["type"] == "missing"):
            path.append(part)
            content = _step(content, part)
    if fault["type"].startswith("union_tag") and "discriminator" in fault.get("ctx", {}):
        path.append(fault["ctx"]["discriminator"].strip("'"))
    if isinstance(wrong := fault.get("ctx", {}).get("error"), WrongArgument):
        path.append(wrong.key)
    return tuple(path)


def _what(fault: ErrorDetails, path: Path_, keys: list[str]) -> str:
    context = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return unknown_key(path, keys)
        case "missing" | "union_tag_not_found":
            return f"{spell(path)} is missing, it has no default"
        case "union_tag_invalid":
            return not_allowed(path, context["tag"], RULES[fault["type"]].format(**context))
        case kind if kind in RULES:
            return not_allowed(path, fault["input"], RULES[kind].format(**context))
        case "value_error" | "assertion_error":
            rule = str(context.get("error", fault["msg"]))
            if rule == "missing":
                return f"{spell(path)} is missing, it has no default"
            is_scalar = isinstance(fault["input"], str | int | float | Decimal)
            return not_allowed(path, fault["input"], rule) if is_scalar else f"{spell(path)}: {rule}"
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            return not_allowed(path, fault["input"], PATTERNS.get(pattern, f"it must match {pattern}"))
        case _:
            rule = re.sub(r"^\w+( input)? should", "it must", fault["msg"]).partition(" after validation")[0]
            return not_allowed(path, fault["input"], rule[:1].lower() + rule[1:])


def _show(path: Path_, value: object) -> str:
    if any(part in Sections.secret_keys for part in path) or path == ("database", "url"):
        return "***"
    match value:
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Decimal():
            return str(value)
        case _:
            text = repr(value)
            return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def _holds(content: object, part: str | int) -> bool:
    return isinstance(content, Mapping) and part in content


def _step(content: object, part: str | int) -> object:
    if isinstance(content, Mapping):
        return content.get(part)
    if isinstance(content, list | tuple) and isinstance(part, int) and part < len(content):
        return content[part]
    return None


def _without_unit(key: str) -> str:
    stem, _, unit = key.rpartition("_")
    return stem if unit in UNITS or unit in {"percent", "minutes", "seconds"} else key


def _alternatives(place: Schema, root: Schema, content: object) -> Iterator[Schema]:
    """What a place of the schema can be; of alternatives with a `source`-like tag, the one that `content` names."""
    if "$ref" in place:
        yield from _alternatives(root["$defs"][place["$ref"].rpartition("/")[2]], root, content)
        return
    yield place
    chosen = place.get("discriminator", {})
    tag = _step(content, chosen["propertyName"]) if chosen else None
    reference = chosen.get("mapping", {}).get(tag) if isinstance(tag, str) else None
    for branch in [{"$ref": reference}] if reference else [*place.get("anyOf", ()), *place.get("oneOf", ())]:
        yield from _alternatives(branch, root, content)


def _below(place: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        candidates = [place.get("items")]
    else:
        candidates = [place.get("properties", {}).get(part), place.get("additionalProperties")]
    yield from (below for below in candidates if isinstance(below, Mapping))
