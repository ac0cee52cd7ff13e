"""Explaining: the story of an order, from the rows of a ledger and from nothing else."""

from functools import partial
from typing import Any

import msgspec

from replenisher.report.why.telling import read_story
from replenisher.wiring.ledgers import ledger_named, readable


def why(ledger: str, order_id: str) -> dict[str, Any]:
    """Why an order is there, in the ledger of a configuration, or one that is named itself."""
    _, url = ledger_named(ledger)
    with readable(url) as database:
        story = database.read(partial(read_story, name=order_id))
    found: dict[str, Any] = msgspec.to_builtins(story)
    return found
