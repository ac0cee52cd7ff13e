"""What a report reads of where the market stood at our fills, and went after them.

Only what our orders gave: fills that took, or that are of nobody's order, quoted nothing. They come in batches of
columns, as doubles: what is made of them are statistics. There may be millions, so nothing is kept.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Double, and_, cast, select

from replenisher.model.order import Liquidity
from replenisher.store import tables
from replenisher.store.of_orders import EXTERNAL
from replenisher.store.queries import AccountKey

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Times = np.ndarray[Any, np.dtype[np.int64]]

ROWS_AT_ONCE = 10_000
Whose = tuple[str, str, int | None, str, str]  # configuration version, strategy, level, side, instrument


class Marked(NamedTuple):
    """Some fills, column by column. What is not known is nan."""

    whose: list[Whose]
    at: "Times"  # by the venue's clock
    price: "Floats"
    amount: "Floats"  # wire amount
    mid: "Floats"  # of the others, just before it was heard of
    spread: "Floats"  # theirs
    mids: "Floats"  # theirs after each of the horizons, one row a horizon


def marked_fills(connection: Connection, key: AccountKey) -> Iterator[Marked]:
    """The fills of one account that gave liquidity, in no particular order."""
    import numpy as np

    c, after = tables.fills.c, tables.markouts.c
    same = [c[name] == after[name] for name in ("venue", "account", "instrument", "trade_id", "side")]
    names = (c.config_version, c.strategy, c.level, c.side, c.instrument, c.venue_time)
    numbers = (cast(c.price, Double), cast(c.amount, Double), cast(c.mid, Double), c.spread)
    query = (
        select(*names, *numbers, *(after[name] for name in tables.MIDS))
        .select_from(tables.fills.outerjoin(tables.markouts, and_(*same)))
        .where(c.venue == key.venue, c.account == key.account)
        .where(c.liquidity == Liquidity.MAKER.value, c.strategy != EXTERNAL)
    )
    found = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    for rows in found.partitions():
        columns = list(zip(*rows, strict=True))
        price, amount, mid, spread, *mids = (np.array(column, dtype=float) for column in columns[6:])
        whose = list(zip(*columns[:5], strict=True))
        yield Marked(whose, np.array(columns[5], dtype=np.int64), price, amount, mid, spread, np.array(mids))
