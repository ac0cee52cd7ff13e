"""The JSON schema of a configuration file, with the arguments of the strategies that come with this package."""

from typing import Any

from replenisher.config import opinions
from replenisher.config.sections import Sections, StrategySection

REFERENCE = "#/$defs/{model}"


def schema() -> dict[str, Any]:
    """What an editor needs to complete and check a configuration file."""
    result = Sections.model_json_schema(ref_template=REFERENCE)
    definitions = result["$defs"]
    section = definitions[StrategySection.__name__]
    section["allOf"] = [
        {
            "if": {"properties": {"strategy": {"const": name}}},
            "then": _arguments(name, definitions),
        }
        for name, entry in opinions.installed().items()
        if entry.dist is not None and entry.dist.name == "replenisher"
    ]
    return result


def _arguments(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The keys that a strategy's class adds to its section; what they refer to goes to `definitions`."""
    own = opinions.adapter(opinions.load_installed(name)).json_schema(ref_template=REFERENCE)
    definitions.update(own.pop("$defs", {}))
    return {key: own[key] for key in ("properties", "required") if key in own}
