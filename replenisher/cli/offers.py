"""The verbs about what there is: what a file says, and what one could say."""

from typing import Annotated

import typer

from replenisher.cli.program import AsJson, File, configuration, display, lists, show, show_json
from replenisher.errors import UsageError


@configuration.command("show", epilog="Example: replenisher config show configs/paper.yaml")
def config_show(file: File, as_json: AsJson = False) -> None:
    """Print what is in force: file, secrets, environment and defaults. Secrets are masked."""
    from replenisher.config import load

    effective = load(file).effective()
    if as_json:
        show_json(effective)
    else:
        import yaml

        typer.echo(yaml.safe_dump(effective, sort_keys=False, allow_unicode=True), nl=False)


@configuration.command("schema", epilog="Example: replenisher config schema > configs/replenisher.schema.json")
def config_schema() -> None:
    """Print the JSON schema of a configuration file, for editors."""
    from replenisher.config import schema

    show_json(schema())


@lists.command("strategies", epilog="Example: replenisher list strategies pure_mm")
def list_strategies(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them: all that it can be told.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the strategies that a configuration can name.

    Each has a line; of one every key is told, with its unit and default, and then those that every strategy takes. With
    `--json` the keys of its own are told, of one or of all.
    """
    from replenisher.config.parameters import every_strategy, offers

    found = offers()
    if name is not None:
        if name not in found:
            raise UsageError(f"the command line: NAME: {name!r} is none of {', '.join(found)}")
        found = {name: found[name]}
    if as_json:
        from msgspec import to_builtins

        show_json(to_builtins(found))
    else:
        from replenisher.cli.strategies_page import overview, strategy_page

        display(overview(found) if name is None else strategy_page(name, found[name], every_strategy()))


@lists.command("venues", epilog="Example: replenisher list venues --json")
def list_venues(as_json: AsJson = False) -> None:
    """Print the adapters that a configuration can name.

    With them come the only hosts that they talk to, and how far each was tried. Of the exchanges that are reached
    through ccxt, an untested one goes live only with `run --accept-untested`.
    """
    from replenisher.config import HOSTS
    from replenisher.venues.standing import STANDINGS

    show({"deribit": {"standing": STANDINGS["deribit"], **HOSTS["deribit"]}, "ccxt": STANDINGS["ccxt"]}, as_json)
