"""The verbs that trade the shipped models in the worlds of the papers that they come from."""

from typing import Annotated

import typer

from replenisher.cli.program import AsJson, display, experiments, progress, show_json


@experiments.command("avellaneda-stoikov", epilog="Example: replenisher experiment avellaneda-stoikov --paths 10000")
def avellaneda_stoikov(
    paths: Annotated[int, typer.Option(min=100, max=1_000_000, help="Paths of the mid in each row.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is left to chance.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Print its tables: exact, by chance, and as published.

    Each row is a quoter in the world of Avellaneda & Stoikov (2008): the strategy avellaneda_stoikov; pure_mm, as wide
    as that is on average and symmetric; and glft, which the paper has not got. What is exact comes from dynamic
    programming, with formulas of its own; by chance, the strategies themselves are asked for their quotes. The fill
    model linear is the paper's, poisson is what takers do who come one by one.
    """
    from replenisher.experiment.published import published
    from replenisher.experiment.table import rows

    paper = published()
    with progress("experiment") as say:
        found = []
        for row in rows(paths, seed, paper):
            found.append(row)
            say(f"{len(found)} rows")
    if as_json:
        source = None if paper is None else {"source": paper.source, "paths": paper.paths}
        show_json({"seed": seed, "paths": paths, "paper": source, "rows": [row.document() for row in found]})
    else:
        from replenisher.cli.experiment_page import experiment_page

        display(experiment_page(found, paths, paper))
