"""The operator's door: the verbs that a running daemon answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replenisher.cli.program import AsJson, File, app, progress, show_json

if TYPE_CHECKING:
    from replenisher.config import Config

METRICS_PORT = 9464  # where exporters of metrics are looked for by custom
PATIENCE_S_MAX = 86_400  # a day: whoever waits longer than that does not wait

Patience = Annotated[
    float,
    typer.Option("--timeout", metavar="S", min=1, max=PATIENCE_S_MAX, help="How long to wait, in seconds."),
]


@app.command(epilog="Example: replenisher status configs/paper.yaml --json")
def status(file: File, as_json: AsJson = False) -> None:
    """Say what the daemon shows and holds."""
    from replenisher.errors import ReplenisherError
    from replenisher.live.control import NoDaemon
    from replenisher.live.status_page import status_page
    from replenisher.report.resampling import resampled

    try:
        answer = resampled(_asked(file, "status"))
    except NoDaemon as error:
        ended = "".join(f"; {told}" for told in _last_lives(file))
        away = f"`replenisher doctor {file}` says what keeps one away, as a halt"
        raise ReplenisherError(f"{error}{ended}; {away}") from None
    answer["file_differs"] = _difference(file, answer["config_version"])
    if as_json:
        show_json(answer)
    else:
        typer.echo(status_page(answer))


def _last_lives(file: Path) -> list[str]:
    """How the last life ended, as far as there is a ledger that says so."""
    from replenisher.config import load
    from replenisher.errors import ReplenisherError
    from replenisher.wiring.books import last_lives

    try:
        return last_lives(load(file))
    except ReplenisherError:
        return []


def _difference(file: Path, running: str) -> str:
    """Why a `run` of this file, as it is now, would not be what runs; empty if it would."""
    from replenisher.config import load
    from replenisher.errors import ConfigurationError

    try:
        on_disk = load(file).fingerprint()
    except ConfigurationError as error:
        return f"it cannot be run any more: {' '.join(str(error).split())}"
    if on_disk == running:
        return ""
    return f"{file}, as it is read here, is {on_disk}, and {running} runs: it was changed, or given other options then"


@app.command(epilog="Example: replenisher metrics configs/paper.yaml --port 9464")
def metrics(
    file: File,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="On loopback; 0 is any free port. It is printed.")
    ] = METRICS_PORT,
) -> None:
    """Serve the numbers of `status` to Prometheus.

    Until Ctrl-C it asks the daemon at each scrape. While none answers it says `replenisher_up 0`, and how many halts
    keep one away.
    """
    from replenisher.config import load
    from replenisher.live import exporter
    from replenisher.wiring.memory import halts

    config = load(file)
    exporter.serve(config.data_dir, lambda: len(halts(config)), port, typer.echo)


@app.command(epilog="Example: replenisher pause configs/paper.yaml")
def pause(file: File, timeout: Patience = 10, as_json: AsJson = False) -> None:
    """Show nothing until `resume`; the daemon goes on watching.

    It waits until nothing rests any more. The exit code is 1 if something may still rest after --timeout.
    """
    _take_down(file, "pause", timeout, as_json)


@app.command(epilog='Example: replenisher resume configs/paper.yaml --reason "the feed is mended"')
def resume(
    file: File,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why it may go on: lifts a halt too, and is recorded.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """End every pause, and say who quotes again.

    The loss of the day counts anew from here. A halt ends only with --reason, which also works while no daemon runs.
    """
    from replenisher.config import load
    from replenisher.errors import ReplenisherError
    from replenisher.live.control import NoDaemon, ask

    try:
        with _door(file) as data_dir:
            asked = ask(data_dir, "resume", reason=reason)
    except NoDaemon as error:
        if not reason:
            raise ReplenisherError(f'{error}; a halt or a pause left there is lifted with --reason "…"') from None
        _resume_alone(load(file), reason, as_json)
        return
    answer = asked | {"not_quoting": _asked(file, "status")["not_quoting"]}
    if as_json:
        show_json(answer)
    else:
        for strategy, absence in answer["not_quoting"].items():
            typer.echo(f"{strategy}: {f'shows nothing yet: {absence}' if absence else 'quoting'}")


def _resume_alone(config: "Config", reason: str, as_json: bool) -> None:
    """Resume what an earlier life has left halted or paused."""
    from replenisher.wiring.memory import resume as lift

    with progress("resume: writing it down"):
        answer = lift(config, reason)
    if as_json:
        show_json(answer)
    else:
        for latch in answer["lifted"]:
            typer.echo(f"lifted: {latch}")
        later = "" if answer["is_recorded"] else "; the database is told then"
        typer.echo(f"no daemon runs now, the next `run` quotes again{later}")


@app.command("cancel-all", epilog="Example: replenisher cancel-all configs/paper.yaml")
def cancel_all(file: File, timeout: Patience = 10, as_json: AsJson = False) -> None:
    """Pause, and so cancel every order of ours.

    It is `pause` by the name that one looks for in an emergency. Nothing comes back until `resume`, what is held stays
    held, and orders of others stay. It waits until nothing rests any more. The exit code is 1 if something may still
    rest after --timeout.
    """
    _take_down(file, "cancel-all", timeout, as_json)


@app.command(epilog="Example: replenisher stop configs/paper.yaml")
def stop(file: File, timeout: Patience = 120, as_json: AsJson = False) -> None:
    """Stop verified-flat, and wait for it.

    The exit code is that of the daemon: 0 if the venue shows none of our orders and the database has all rows, 1 if
    some may be left, or rows were not written.
    """
    with progress("stopping: waiting for the venue's word that nothing of ours rests"):
        last_word = _asked(file, "stop", timeout)
    if as_json:
        show_json(last_word)
    else:
        rows = "" if last_word.get("is_recorded", True) else "; the next `run` writes the rows that the database lacks"
        typer.echo(f"stopped with exit code {last_word.get('exit_code', 1)}; {_rests(last_word.get('left', []))}{rows}")
    raise typer.Exit(int(last_word.get("exit_code", 1)))


def _take_down(file: Path, verb: str, timeout_s: float, as_json: bool) -> None:
    """Ask for a pause, and wait until the daemon knows of no order that may rest."""
    from replenisher.live.control import take_down

    with progress(f"{verb}: waiting until nothing rests"), _door(file) as data_dir:
        answer = take_down(data_dir, verb, timeout_s=timeout_s)
    if as_json:
        show_json(answer)
    else:
        typer.echo(f"paused until `resume`; {_rests(answer['left'])}")
    raise typer.Exit(1 if answer["left"] else 0)


def _rests(left: list[str]) -> str:
    return f"these may still rest, look at the venue: {', '.join(left)}" if left else "no order of ours rests"


def _asked(file: Path, verb: str, timeout_s: float = 10) -> dict[str, Any]:
    """The answer of the daemon of a configuration."""
    from replenisher.live.control import ask

    with _door(file) as data_dir:
        return ask(data_dir, verb, timeout_s=timeout_s)


@contextmanager
def _door(file: Path) -> Iterator[Path]:
    """Where its daemon listens. It is reached also if the file is broken by now: that is read only if none answers."""
    from replenisher.config import data_directory, load
    from replenisher.live.control import NoDaemon

    try:
        yield data_directory(file)
    except NoDaemon:
        load(file)
        raise
