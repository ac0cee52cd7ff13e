"""The page `docs/configuration.md`: every key of a configuration file.

It is written from the sections by which a file is read, so it cannot name what is not there.
"""

import inspect
import sys
from collections.abc import Iterable
from itertools import groupby

from replenisher.config import sections
from replenisher.config.parameters import Parameter, every_key

HEAD = """\
# Every key

This page is written by `make docs` from the sections by which a file is read. A test fails when it differs from them.
`replenisher list strategies NAME` says what a strategy takes besides, `replenisher config show` what is in force with
all defaults, and `replenisher config schema` tells an editor.

A value is taken from the first of these that has it: the command line; the environment, as
`REPLENISHER_VENUES__DERIBIT__API_SECRET` or `REPLENISHER_STRATEGIES__0__ORDER_AMOUNT`; a file
`venues__deribit__api_secret` in `$CREDENTIALS_DIRECTORY`, where systemd puts what `LoadCredential=` names, or else in
`/run/secrets`, where Docker does; the YAML file. A number is taken exactly as it is written. `NAME` is a name of your
own, `[]` each item of a list, and the last word of a key its unit.
"""
FILE = "The file itself"
OPENED = {
    "database": sections.Database,
    "journal": sections.Journal,
    "venues": sections.VenueSection,
    "exchange": sections.ExchangeSection,
    "risk": sections.Risk,
    "price_sources": sections.PriceSource,
    "strategies": sections.StrategySection,
}


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for section in _sections() for line in section)])


def _sections() -> Iterable[list[str]]:
    for name, keys in groupby(every_key(), _section):
        about = [f"## `{name}`", "", *_about(name)] if name in OPENED else [f"## {FILE}", ""]
        rows = [f"| `{each.key}` | {_cell(each.takes)} | {_cell(each.otherwise)} |" for each in keys]
        yield [*about, "| key | what it takes | default |", "| --- | --- | --- |", *rows, ""]


def _section(parameter: Parameter) -> str:
    """The section that a key is in; empty for one of the file itself."""
    name = parameter.key.partition(".")[0].removesuffix("[]")
    return name if name in OPENED else ""


def _about(name: str) -> list[str]:
    return [" ".join((inspect.getdoc(OPENED[name]) or "").split()), ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
