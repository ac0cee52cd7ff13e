"""The command line: one function a verb, each of them a few lines over `wiring`.

What is heavy is imported inside the verb that needs it, so that a question about the command line costs nothing.
Exit codes: 0 fine, 1 failure, 2 usage, 3 risk halt, 75 unreachable at start, 78 bad configuration, 130 interrupted.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from replenisher.errors import ConfigurationError, ReplenisherError
from replenisher.streams import flush

app = typer.Typer(
    name="replenisher",
    help="Keeps an order book stocked around fair value, on a simulated exchange or a real one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
database = typer.Typer(help="The SQL database of a configuration.", no_args_is_help=True, rich_markup_mode=None)
configuration = typer.Typer(help="What a configuration file says.", no_args_is_help=True, rich_markup_mode=None)
lists = typer.Typer(help="What this installation offers.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(database, name="db")
app.add_typer(configuration, name="config")
app.add_typer(lists, name="list")

File = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Tape = Annotated[Path | None, typer.Option(metavar="FILE", help="The recording that is played as the market.")]
Speed = Annotated[float | None, typer.Option(help="How much faster than life the recording is played.")]


# --- Trading -----------------------------------------------------------------------------------------------------


@app.command(epilog="Example: replenisher run configs/paper.yaml --duration 30")
def run(
    file: File,
    duration: Annotated[float | None, typer.Option(metavar="S", min=0, help="Stop after so many seconds.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Set the old data directory aside first.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Trade real money; the file must say `mode: live` too.")] = False,
    tape: Tape = None,
    speed: Speed = None,
) -> None:
    """Trade until told to stop, and leave no order behind."""
    from replenisher.config import load, market_overrides, require_ready

    config = load(file, market_overrides(tape, speed))
    require_ready(config, live=live)
    if (tape is not None or speed is not None) and not config.starts_exchange:
        raise ConfigurationError("the command line: --tape and --speed need the exchange that mode paper starts")

    from replenisher.wiring import daemon

    raise typer.Exit(daemon.run(config, duration_s=duration, fresh=fresh, screen=sys.stdout.isatty()))


@app.command(epilog="Example: replenisher exchange --port 8787 --seed 7 --ledger exchange.jsonl")
def exchange(
    file: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Its section `exchange`.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On loopback; 0 is any free port, and printed.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the order flow.")] = None,
    ledger: Annotated[Path | None, typer.Option(metavar="FILE", help="Continued if it is there already.")] = None,
    tape: Tape = None,
    speed: Speed = None,
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
) -> None:
    """Run the simulated exchange alone."""
    from replenisher.config import load, market_overrides, require_exchange

    config = load(file, market_overrides(tape, speed)) if file is not None else None
    if config is not None:
        require_exchange(config)
    elif ledger is None:
        raise typer.BadParameter("without CONFIG it is needed", param_hint="--ledger")
    elif tape is not None and not tape.is_file():
        raise ConfigurationError(f"the command line: --tape: {str(tape)!r} is not allowed, there is no such file")
    elif speed is not None and speed <= 0:
        raise typer.BadParameter("it must be greater than 0", param_hint="--speed")
    elif speed is not None and tape is None:
        raise typer.BadParameter("only a recording has a speed, name one with --tape", param_hint="--speed")

    from replenisher.wiring import market

    raise typer.Exit(
        market.run_exchange(config, port=port, seed=seed, ledger=ledger, tape=tape, speed=speed, child=child)
    )


@app.command(epilog="Example: replenisher check configs/paper.yaml")
def check(file: File, tape: Tape = None, as_json: AsJson = False) -> None:
    """Say whether a configuration could be traded on now. Nothing is sent."""
    from replenisher.config import load, market_overrides, require_ready

    config = load(file, market_overrides(tape, None))
    require_ready(config, live=config.mode == "live")

    from replenisher.wiring import books

    _print(books.check(config), as_json)


# --- The operator's door -----------------------------------------------------------------------------------------


@app.command(epilog="Example: replenisher status configs/paper.yaml --json")
def status(file: File, as_json: AsJson = False) -> None:
    """Say what the daemon shows and holds."""
    from replenisher.live.status_page import status_page

    answer = _asked(file, "status")
    if as_json:
        _print(answer, as_json)
    else:
        typer.echo(status_page(answer))


@app.command(epilog="Example: replenisher pause configs/paper.yaml")
def pause(file: File, as_json: AsJson = False) -> None:
    """Show nothing until `resume`; the daemon goes on watching."""
    _ask(file, "pause", as_json)


@app.command(epilog="Example: replenisher resume configs/paper.yaml")
def resume(file: File, as_json: AsJson = False) -> None:
    """End a pause."""
    _ask(file, "resume", as_json)


@app.command("cancel-all", epilog="Example: replenisher cancel-all configs/paper.yaml")
def cancel_all(file: File, as_json: AsJson = False) -> None:
    """Pause, and cancel every order."""
    _ask(file, "cancel-all", as_json)


@app.command(epilog="Example: replenisher stop configs/paper.yaml")
def stop(
    file: File,
    timeout: Annotated[float, typer.Option(metavar="S", min=1, help="How long to wait for the end.")] = 120,
    as_json: AsJson = False,
) -> None:
    """Stop verified-flat, and wait for it.

    The exit code is that of the daemon: 0 if the venue shows none of our orders, 1 if some may be left.
    """
    last_word = _ask(file, "stop", as_json, timeout_s=timeout)
    raise typer.Exit(int(last_word.get("exit_code", 1)))


# --- The books ---------------------------------------------------------------------------------------------------


@app.command(epilog="Example: replenisher audit configs/paper.yaml --json")
def audit(
    file: File,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Two empty books agree.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare our SQL ledger with the exchange's books.

    Every difference is named, and the exit code is 1 if there is one or if both books are empty.
    """
    from replenisher.config import load
    from replenisher.wiring import books

    findings, exit_code = books.audit(load(file), allow_empty=allow_empty)
    _print(findings, as_json)
    raise typer.Exit(exit_code)


@database.command("upgrade", epilog="Example: replenisher db upgrade configs/paper.yaml")
def database_upgrade(file: File) -> None:
    """Bring the tables to the version that this program knows."""
    from replenisher.config import load
    from replenisher.wiring import books

    config = load(file)
    books.database_upgrade(config)
    typer.echo(f"{books.database_check(config)['database']}: the tables are as this program knows them")


@database.command("check", epilog="Example: replenisher db check configs/paper.yaml --json")
def database_check(file: File, as_json: AsJson = False) -> None:
    """Say whether the tables have the version that this program knows."""
    from replenisher.config import load
    from replenisher.wiring import books

    _print(books.database_check(load(file)), as_json)


# --- What there is -----------------------------------------------------------------------------------------------


@configuration.command("show", epilog="Example: replenisher config show configs/paper.yaml")
def config_show(file: File, as_json: AsJson = False) -> None:
    """Print what is in force: file, secrets, environment and defaults. Secrets are masked."""
    from replenisher.config import load

    effective = load(file).effective()
    if as_json:
        _print(effective, as_json)
    else:
        import yaml

        typer.echo(yaml.safe_dump(effective, sort_keys=False, allow_unicode=True), nl=False)


@configuration.command("schema", epilog="Example: replenisher config schema > configs/replenisher.schema.json")
def config_schema() -> None:
    """Print the JSON schema of a configuration file, for editors."""
    from replenisher.config import schema

    _print(schema(), as_json=True)


@lists.command("strategies", epilog="Example: replenisher list strategies --json")
def list_strategies(as_json: AsJson = False) -> None:
    """The strategies that a configuration can name."""
    from replenisher.config import installed

    _print({name: entry.value for name, entry in installed().items()}, as_json)


@lists.command("venues", epilog="Example: replenisher list venues --json")
def list_venues(as_json: AsJson = False) -> None:
    """The adapters that a configuration can name, and the only hosts that they talk to."""
    from replenisher.config import HOSTS

    _print(HOSTS, as_json)


# --- The door to all of it ---------------------------------------------------------------------------------------


def main() -> None:
    """The command `replenisher`: a mistake ends as one line on stderr and the exit code of its kind."""
    try:
        app(prog_name="replenisher")
    except ReplenisherError as error:
        typer.echo(f"replenisher: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        flush(sys.stdout, sys.stderr)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(version_of("replenisher"))
        raise typer.Exit


def _ask(file: Path, verb: str, as_json: bool, timeout_s: float = 10) -> dict[str, Any]:
    """Ask the daemon of a configuration, and print its answer."""
    answer = _asked(file, verb, timeout_s)
    _print(answer, as_json)
    return answer


def _asked(file: Path, verb: str, timeout_s: float = 10) -> dict[str, Any]:
    from replenisher.config import load
    from replenisher.live.control import ask

    return ask(load(file).data_dir, verb, timeout_s=timeout_s)


def _print(content: Mapping[str, Any], as_json: bool) -> None:
    """A document for machines, or one `path: value` a line."""
    typer.echo(json.dumps(content, indent=2, default=str) if as_json else "\n".join(_lines(content)))


def _lines(value: object, path: str = "") -> list[str]:
    match value:
        case Mapping() if value:
            return [line for key, item in value.items() for line in _lines(item, f"{path}.{key}".lstrip("."))]
        case list() | tuple() if value and any(isinstance(item, Mapping | list) for item in value):
            return [line for place, item in enumerate(value) for line in _lines(item, f"{path}[{place}]")]
        case Mapping() | list() | tuple():
            return [f"{path}: {', '.join(str(item) for item in value) or 'none'}"]
        case _:
            return [f"{path}: {value}"]
