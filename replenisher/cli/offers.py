"""The verbs about what there is: what a file says, and what one could say."""

import typer

from replenisher.cli.program import AsJson, File, configuration, display, lists, show


@configuration.command("show", epilog="Example: replenisher config show configs/paper.yaml")
def config_show(file: File, as_json: AsJson = False) -> None:
    """Print what is in force: file, secrets, environment and defaults. Secrets are masked."""
    from replenisher.config import load

    effective = load(file).effective()
    if as_json:
        show(effective, as_json)
    else:
        import yaml

        typer.echo(yaml.safe_dump(effective, sort_keys=False, allow_unicode=True), nl=False)


@configuration.command("schema", epilog="Example: replenisher config schema > configs/replenisher.schema.json")
def config_schema() -> None:
    """Print the JSON schema of a configuration file, for editors."""
    from replenisher.config import schema

    show(schema(), as_json=True)


@lists.command("strategies", epilog="Example: replenisher list strategies --json")
def list_strategies(as_json: AsJson = False) -> None:
    """The strategies that a configuration can name, and what each can be told."""
    from replenisher.config.parameters import offers

    found = offers()
    if as_json:
        from msgspec import to_builtins

        show(to_builtins(found), as_json)
    else:
        from replenisher.cli.strategies_page import strategies_page

        display(strategies_page(found))


@lists.command("venues", epilog="Example: replenisher list venues --json")
def list_venues(as_json: AsJson = False) -> None:
    """The adapters that a configuration can name, the only hosts that they talk to, and how far each was tried.

    Of the exchanges that are reached through ccxt, an untested one goes live only with `run --accept-untested`.
    """
    from replenisher.config import HOSTS
    from replenisher.venues.standing import STANDINGS

    show({"deribit": {"standing": STANDINGS["deribit"], **HOSTS["deribit"]}, "ccxt": STANDINGS["ccxt"]}, as_json)
