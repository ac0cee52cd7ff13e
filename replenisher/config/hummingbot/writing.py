"""The configuration as a file: what has no or not quite an equivalent stands above it, so that nobody must remember."""

from decimal import Decimal
from typing import Any

import yaml

from replenisher.config.hummingbot.reading import Given
from replenisher.config.hummingbot.translation import Translation

WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Plain data; a number with a point is written with the digits that it has."""


def _number(dumper: yaml.SafeDumper, value: Decimal) -> yaml.ScalarNode:
    text = f"{value.normalize():f}"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


_Dumper.add_representer(Decimal, _number)


def written(given: Given, translation: Translation) -> str:
    """The text of the file."""
    version = given.word("template_version")
    template = f"{given.strategy}{f', template {version}' if version else ''}"
    lines = [f"# From Hummingbot's {given.path.name} ({template}) by `replenisher import hummingbot`."]
    if translation.asked:
        lines += ["# Said otherwise here, and asked for:"]
        lines += [f"#   {asked.key}: {asked.value} - {asked.ours}" for asked in translation.asked]
    if translation.differs:
        lines += ["# Not quite the same here:"]
        lines += [f"#   {each.key}: {each.value} - {each.how}" for each in translation.differs]
    if translation.lost:
        lines += ["# Without equivalent here:"]
        lines += [f"#   {lost.key}: {lost.value} - {lost.instead}" for lost in translation.lost]
    return "\n".join(lines) + "\n" + _yaml(translation.config)


def _yaml(config: dict[str, Any]) -> str:
    """Sections one below the other, and in one line what fits there."""
    strategies = config["strategies"]
    above = {key: value for key, value in config.items() if key != "strategies"}
    rows = yaml.dump_all([above], Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=WIDTH)
    items = yaml.dump_all([strategies], Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=WIDTH)
    return f"{rows}strategies:\n{items}"
