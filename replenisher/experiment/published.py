"""The paper's own tables, to be printed beside ours.

Nothing is worked out from them. They are kept with the tests, which compare them with what is, so that no number of
ours can come from there. An installation carries a copy; where there is none, the paper's lines are left out.
"""

from pathlib import Path
from typing import Any, NamedTuple

import replenisher
from replenisher.experiment.exact import Moments, Quoter

FILE = "avellaneda_stoikov_2008.yaml"


class Printed(NamedTuple):
    """What the paper prints of one quoter."""

    moments: Moments
    spread: float


class Published(NamedTuple):
    """What the paper prints, and for how many paths."""

    source: str
    paths: int
    rows: dict[tuple[float, Quoter], Printed]  # by gamma


def published() -> Published | None:
    """The paper's tables, if this installation has them."""
    import yaml

    package = Path(replenisher.__file__).parent
    for folder in (package / "published", package.parent / "tests" / "published"):
        if (file := folder / FILE).is_file():
            document: dict[str, Any] = yaml.safe_load(file.read_text())
            rows = {
                (row["gamma"], Quoter(row["quoter"])): Printed(
                    Moments(*(row[name] for name in Moments._fields)), row["spread"]
                )
                for row in document["rows"]
            }
            return Published(document["source"], document["paths"], rows)
    return None
