"""A new configuration, by questions at a terminal or by flags alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replenisher.cli.drafting import next_steps, require_tradable, write_new, write_over
from replenisher.cli.program import app
from replenisher.errors import UsageError

if TYPE_CHECKING:
    from replenisher.config.draft import Answers, Question


def _flag(help_: str, metavar: str) -> Any:
    return typer.Option(help=help_, metavar=metavar, show_default=False)


@app.command(
    "new-config",
    epilog="Example: replenisher new-config desk.yaml --instrument BTC-PERPETUAL --size 1000 --size-unit quote "
    "--max-order-quote 5000 --max-position-quote 100000 --max-daily-loss-quote 500 --balances BTC=10",
)
def new_config(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where it is written.")] = Path("replenisher.yaml"),
    mode: Annotated[str | None, _flag("paper, testnet or live; else paper.", "MODE")] = None,
    venue: Annotated[str | None, _flag("Else deribit; others by ccxt's name.", "VENUE")] = None,
    adapter: Annotated[str | None, _flag("deribit or ccxt; else what the venue has.", "NAME")] = None,
    instrument: Annotated[str | None, _flag("As the venue calls it, or ccxt.", "NAME")] = None,
    size: Annotated[str | None, _flag("Of a level, in --size-unit.", "AMOUNT")] = None,
    size_unit: Annotated[str | None, _flag("base, quote or contract.", "UNIT")] = None,
    levels: Annotated[str | None, _flag("A side; else 5.", "N")] = None,
    spread_bps: Annotated[str | None, _flag("Of the first level; else 8.", "BPS")] = None,
    spacing_bps: Annotated[str | None, _flag("Between levels; else 4.", "BPS")] = None,
    max_order_quote: Annotated[str | None, _flag("Largest order.", "AMOUNT")] = None,
    max_position_quote: Annotated[str | None, _flag("Largest position.", "AMOUNT")] = None,
    max_daily_loss_quote: Annotated[str | None, _flag("Largest loss of a day.", "AMOUNT")] = None,
    balances: Annotated[str | None, _flag("Of the simulated account.", "BTC=10,...")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a configuration, by questions or by flags.

    It trades a ladder on one instrument. What is not given is asked for at a terminal. Elsewhere everything but money
    and the instrument has a usual value.
    """
    from replenisher.config import draft as drafts

    given = {
        "mode": mode,
        "venue": venue,
        "adapter": adapter,
        "instrument": instrument,
        "size": size,
        "size_unit": size_unit,
        "levels": levels,
        "spread_bps": spread_bps,
        "spacing_bps": spacing_bps,
        "balances": balances,
        "max_order_quote": max_order_quote,
        "max_position_quote": max_position_quote,
        "max_daily_loss_quote": max_daily_loss_quote,
    }
    if file.is_dir():
        raise UsageError(f"the command line: FILE: {file} is a folder: name a file")
    if file.exists() and not force:
        raise UsageError(f"the command line: FILE: {file} is there already: name another one, or say --force")
    answers = _answered({key: value for key, value in given.items() if value is not None})
    text = drafts.draft(answers)
    require_tradable(file, text)
    if force:
        write_over(file, text)
    else:
        write_new(file, text)
    if answers["adapter"] == "ccxt":
        typer.echo(f"{drafts.standing_told(answers['venue'])}.")
    typer.echo(next_steps(file, answers["mode"]))


def _answered(given: "Answers") -> "Answers":
    """An answer to every question: by flag, at the terminal, or the usual one."""
    from replenisher.config.draft import questions

    asked = questions(given)
    for said in asked:  # what was said is judged before anything else is asked for
        if said.key in given:
            _judged(said, given[said.key])
    missing = [question.flag for question in asked if question.must_be_said and question.key not in given]
    asks = bool(missing) and sys.stdin.isatty()
    if missing and not asks:
        raise UsageError(f"the command line: {', '.join(missing)}: there is no usual value, say it")
    answers: Answers = {}
    while question := next((each for each in questions(answers) if each.key not in answers), None):
        if question.key in given:
            answers[question.key] = _judged(question, given[question.key])
        else:
            answers[question.key] = _asked(question) if asks else str(question.usual)
    if strangers := given.keys() - answers.keys():
        raise UsageError(f"the command line: --{strangers.pop()}: only the simulated account of mode paper has it")
    return answers


def _asked(question: "Question") -> str:
    """The answer of whoever sits at the terminal, who is asked until it is a good one."""
    answer: str = typer.prompt(
        question.asks, default=question.usual, err=True, value_proc=lambda text: _judged(question, text.strip())
    )
    return answer


def _judged(question: "Question", text: str) -> str:
    from replenisher.config.draft import WrongAnswer

    try:
        question.require(text)
    except WrongAnswer as error:
        raise typer.BadParameter(f"{text!r} is not allowed, {error}", param_hint=question.flag) from None
    return text
