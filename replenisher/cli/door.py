"""The operator's door: the verbs that a running daemon answers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from replenisher.cli.program import AsJson, File, app, show


@app.command(epilog="Example: replenisher status configs/paper.yaml --json")
def status(file: File, as_json: AsJson = False) -> None:
    """Say what the daemon shows and holds."""
    from replenisher.live.status_page import status_page

    answer = _asked(file, "status")
    if as_json:
        show(answer, as_json)
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


def _ask(file: Path, verb: str, as_json: bool, timeout_s: float = 10) -> dict[str, Any]:
    """Ask the daemon of a configuration, and print its answer."""
    answer = _asked(file, verb, timeout_s)
    show(answer, as_json)
    return answer


def _asked(file: Path, verb: str, timeout_s: float = 10) -> dict[str, Any]:
    from replenisher.config import load
    from replenisher.live.control import ask

    return ask(load(file).data_dir, verb, timeout_s=timeout_s)
