"""The program that every verb joins: its groups, the arguments that verbs share, and how an answer is printed."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replenisher.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

MINUTES_MAX = 10_000_000  # nineteen years: more than there is of any tape, and still a time of the clock

app = typer.Typer(
    name="replenisher",
    help="Keeps an order book stocked around fair value, on a simulated exchange or a real one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _group(name: str, about: str, example: str) -> typer.Typer:
    """A word that several verbs have in common."""
    group = typer.Typer(
        help=about, epilog=f"Example: replenisher {name} {example}", no_args_is_help=True, rich_markup_mode=None
    )
    app.add_typer(group, name=name)
    return group


database = _group("db", "The SQL database of a configuration.", "upgrade configs/paper.yaml")
configuration = _group("config", "What a configuration file says.", "show configs/paper.yaml")
lists = _group("list", "What this installation offers.", "strategies")
imports = _group("import", "What others have written, in our words.", "hummingbot conf_pure_mm.yml")
experiments = _group("experiment", "Shipped models in the worlds of their papers.", "avellaneda-stoikov")
tapes = _group("tape", "Recordings of markets.", "info btc.tape")


def playable(speed: float | None) -> float | None:
    """A speed, if a recording can be played at it."""
    if speed is not None:
        from replenisher.config.sections import SPEED_MAX, SPEED_MIN

        if not SPEED_MIN <= speed <= SPEED_MAX:
            raise UsageError(f"the command line: --speed: {speed:g} is not from {SPEED_MIN} to {SPEED_MAX:,.0f}")
    return speed


File = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)]
Ledger = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG|DB", help="The YAML file, or a database: SQLite's file, or a URL.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Tape = Annotated[Path | None, typer.Option(metavar="FILE", help="The recording that is played as the market.")]
Speed = Annotated[
    float | None, typer.Option(callback=playable, help="How much faster than life the recording is played.")
]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(version_of("replenisher"))
        raise typer.Exit


def show(content: Mapping[str, Any], as_json: bool) -> None:
    """A document for machines, or one `path: value` a line."""
    if as_json:
        show_json(content)
    else:
        typer.echo("\n".join(_lines(content)))


def show_json(content: Mapping[str, Any]) -> None:
    """A document for machines."""
    typer.echo(json.dumps(content, indent=2, default=_plain))


def warn(told: str) -> None:
    """Say, beside what was asked for, what it lacks, if anything."""
    if told:
        typer.echo(f"replenisher: {told}", err=True)


def display(page: "RenderableType") -> None:
    """A page for people, as wide as their terminal and as colourful as it allows."""
    from rich.console import Console

    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(page)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


@contextmanager
def progress(doing: str) -> Iterator[Callable[[str], None]]:
    """Say what is being done while it lasts, if somebody sits at a terminal; the answer itself goes to stdout."""
    from rich.console import Console

    with Console(stderr=True).status(doing) as line:
        yield lambda what: line.update(f"{doing}: {what}")


def _lines(value: object, path: str = "") -> list[str]:
    match value:
        case Mapping() if value:
            return [line for key, item in value.items() for line in _lines(item, f"{path}.{key}".lstrip("."))]
        case list() | tuple() if value and any(isinstance(item, Mapping | list) for item in value):
            return [line for place, item in enumerate(value) for line in _lines(item, f"{path}[{place}]")]
        case Mapping() | list() | tuple():
            return [f"{path}: {_plain(', '.join(map(_plain, value)))}"]
        case _:
            return [f"{path}: {_plain(value)}"]


def _plain(value: object) -> str:
    """As it is read, which neither an exponent is nor nothing at all."""
    match value:
        case Decimal():
            return f"{value:f}"
        case None | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
