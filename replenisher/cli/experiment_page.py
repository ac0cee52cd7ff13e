"""The table of an experiment for people: for each quoter what is exact, what chance gave, and what the paper prints."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from replenisher.experiment.exact import Moments
from replenisher.experiment.published import Published
from replenisher.experiment.table import Row
from replenisher.experiment.world import FillModel

MEANING = {
    FillModel.LINEAR: "a quote is filled in a step with the chance lambda * dt, as in the paper",
    FillModel.POISSON: "a quote is filled in a step with the chance 1 - exp(-lambda * dt)",
}
COLUMNS = ("gamma", "quoter", "", "spread", "profit", "sd", "inventory", "sd", "fills")
WORDS = 3  # columns that hold no numbers
Z = "z: by how many standard errors, of so many paths, a number is off the exact one."
NO_PAPER = "The paper's tables are not part of this installation."


def experiment_page(rows: Sequence[Row], paths: int, paper: Published | None) -> RenderableType:
    """The whole page."""
    source = NO_PAPER if paper is None else f"paper: {paper.source}, {paper.paths:,} paths a row."
    return Group(*_tables(rows, paths), Text(f"{Z}\n{source}", style="dim"))


def _tables(rows: Sequence[Row], paths: int) -> Iterator[RenderableType]:
    for model, of_model in groupby(rows, lambda row: row.fill_model):
        yield Text.assemble((model.value, "bold"), f": {MEANING[model]}")
        table = Table(box=None, padding=(0, 1, 0, 0))
        for place, title in enumerate(COLUMNS):
            table.add_column(title, justify="left" if place < WORDS else "right", no_wrap=True)
        for row in of_model:
            for line in _lines(row, paths):
                table.add_row(*line)
        yield table
        yield Text("")


def _lines(row: Row, paths: int) -> Iterator[tuple[str, ...]]:
    exact, sampled, printed = row.exact, row.sampled, row.printed
    yield (f"{row.gamma:g}", row.quoter, "exact", f"{exact.spread:.3f}", *_digits(exact.moments), f"{exact.fills:.2f}")
    yield ("", "", f"{paths:,} paths", f"{sampled.spread:.3f}", *_digits(sampled.moments), f"{sampled.fills:.2f}")
    yield ("", "", "  z", "", *_signed(row.sampled_z), "")
    if printed is not None and row.printed_z is not None:
        yield ("", "", "paper", f"{printed.spread:g}", *(f"{number:g}" for number in printed.moments), "")
        yield ("", "", "  z", "", *_signed(row.printed_z), "")


def _digits(moments: Moments) -> Iterator[str]:
    return (f"{number:z.3f}" for number in moments)


def _signed(z: Moments) -> Iterator[str]:
    return (f"{number:+.1f}" for number in z)
