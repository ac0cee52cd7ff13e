"""The verbs that bring over what others have written."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replenisher.cli.program import AsJson, imports, show_json
from replenisher.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from replenisher.config.hummingbot.reading import Given

MODES = ("paper", "testnet", "live")


@imports.command(
    "hummingbot",
    epilog="Example: replenisher import hummingbot conf_pure_mm.yml --out desk.yaml --set risk.max_order_quote=2000 "
    "--set risk.max_position_quote=10000 --set risk.max_daily_loss_quote=100 "
    "--set 'exchange.balances={BTC: 1, USDT: 50000}'",
)
def import_hummingbot(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Hummingbot's YAML file.", show_default=False)],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where ours is written; else it is printed.")] = None,
    said: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="What the file does not say, in our words; as often as needed."
        ),
    ] = None,
    mode: Annotated[str, typer.Option(metavar="MODE", help=f"{', '.join(MODES)}: a rehearsal comes first.")] = "paper",
    percents: Annotated[
        str | None,
        typer.Option(
            metavar="HOW", help="percent if 1 is 1 %, fraction if 0.01 is; where the template leaves it open."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a file of Hummingbot's into a configuration.

    The file is of pure or Avellaneda market making. What it does not say, as with limits in money, has to be said with
    --set, or is asked for at a terminal: units are never guessed. What has no equivalent, or not quite, is told, with
    what to do instead. docs/from-hummingbot.md has every key.
    """
    from replenisher.cli.drafting import next_steps, require_tradable, write_new
    from replenisher.config.hummingbot.reading import Given, Percents
    from replenisher.config.hummingbot.translation import translate
    from replenisher.config.hummingbot.writing import written

    if mode not in MODES:
        raise UsageError(f"the command line: --mode: {mode!r} is not allowed, it must be {', '.join(MODES)}")
    if percents is not None and percents not in tuple(Percents):
        raise UsageError(f"the command line: --percents: {percents!r} is not allowed, it must be percent or fraction")
    if out is not None and out.exists():
        raise ConfigurationError(f"{out} is there already: name another one")
    given = Given(file, None if percents is None else Percents(percents))
    values = _values(said or [])
    if sys.stdin.isatty():
        _ask(given, mode, values)
    translation = translate(given, mode, values)
    text = written(given, translation)
    require_tradable(out or file.with_suffix(".yaml"), text)
    if out is not None:
        write_new(out, text)
    if as_json:
        from msgspec import to_builtins

        told = {
            "asked": to_builtins(translation.asked),
            "not_the_same": to_builtins(translation.differs),
            "without_equivalent": to_builtins(translation.lost),
        }
        show_json({"written": None if out is None else str(out), "config": _plain(translation.config), **told})
    elif out is None:
        typer.echo(text, nl=False)
    else:
        for other in translation.differs:
            typer.echo(f"not the same: {other.key}: {other.value} - {other.how}")
        for each in translation.lost:
            typer.echo(f"without equivalent: {each.key}: {each.value} - {each.instead}")
        typer.echo(next_steps(out, mode))


def _ask(given: "Given", mode: str, values: dict[str, Any]) -> None:
    """Ask at the terminal for what must be said besides; stdout is for the configuration."""
    from replenisher.config.hummingbot.translation import unsaid
    from replenisher.config.reading import read_value

    while missing := unsaid(given, mode, values):  # an answer may lead to another question
        key, why = next(iter(missing.items()))
        text = typer.prompt(f"{key} ({why})", err=True)
        try:
            values[key] = read_value(text, key)
        except ConfigurationError as error:
            typer.echo(str(error), err=True)


def _values(said: list[str]) -> dict[str, Any]:
    """What `--set` says, each as YAML."""
    from replenisher.config.reading import read_value

    values: dict[str, Any] = {}
    for each in said:
        key, equals, text = each.partition("=")
        if not (key and equals and text.strip()):
            raise UsageError(f"the command line: --set {each}: it must be like KEY=VALUE")
        try:
            values[key] = read_value(text, f"the command line: --set {key}")
        except ConfigurationError as error:
            raise UsageError(str(error)) from None
    return values


def _plain(value: Any) -> Any:
    """Numbers as JSON has them."""
    from decimal import Decimal

    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case Decimal():
            return int(value) if value == int(value) else float(value)
        case _:
            return value
