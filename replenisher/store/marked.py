"""What a report reads of our fills, in one pass: the money of each, and where the market stood at it and went after it.

The second is of what our orders gave: fills that took, or that are of nobody's order, quoted nothing. It comes column
by column, as doubles: what is made of it are statistics. There may be millions of fills, so nothing is kept.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import compress
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, select

from replenisher.model.order import EXTERNAL
from replenisher.model.step import HORIZONS_NS
from replenisher.store import tables
from replenisher.store.batches import Columns, batches
from replenisher.store.history import FILL, MAKER, Fill, fills_of
from replenisher.store.period import Period
from replenisher.store.queries import AccountKey

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Times = np.ndarray[Any, np.dtype[np.int64]]

# Instrument, strategy, configuration version, side, level; and what a contract was worth, as the driver has it.
Whose = tuple[str, str, str, str, int | None, Decimal | str | None]


class Marked(NamedTuple):
    """Some fills, column by column. What is not known is nan."""

    whose: list[Whose]
    at: "Times"  # by the venue's clock
    price: "Floats"
    amount: "Floats"  # wire amount
    mid: "Floats"  # of the others, just before it was heard of
    spread: "Floats"  # theirs
    own_spread: "Floats"  # of the strategy, where it showed both sides
    mids: "Floats"  # theirs after each of the horizons, one row a horizon


def marked_fills(connection: Connection, key: AccountKey, period: Period) -> Iterator[tuple[list[Fill], Marked]]:
    """Every fill of one account, many at once, in the order in which the venue says they happened.

    Where the market stood once a period was over is not known in it, as at the end of a ledger.
    """
    c, after = tables.fills.c, tables.markouts.c
    same = [c[name] == after[name] for name in ("venue", "account", "instrument", "trade_id", "side")]
    mids: list[ColumnElement[float]] = [after[name] for name in tables.MIDS]
    if (until := period.until) is not None:  # horizons count from when we heard of a fill
        mids = [case((c.at + passed < until, mid)) for mid, passed in zip(mids, HORIZONS_NS, strict=True)]
    query = (
        select(c.venue_time, *FILL, c.level, c.spread, c.own_spread, *mids)
        .select_from(tables.fills.outerjoin(tables.markouts, and_(*same)))
        .where(c.venue == key.venue, c.account == key.account, *period.has(c.venue_time))
        .order_by(c.venue_time, c.epoch, c.step, c.index)
    )
    for columns in batches(connection, query):
        yield fills_of(columns), _marked(columns)


def _marked(columns: Columns) -> Marked:
    """Those of a batch that our orders gave."""
    import numpy as np

    at, instrument, strategy, version, side, price, amount, _, _, liquidity, mid, contract_value, *more = columns
    level, spread, own_spread, *mids = more
    is_ours = [each == MAKER and who != EXTERNAL for each, who in zip(liquidity, strategy, strict=True)]
    chosen = np.array(is_ours)
    return Marked(
        whose=list(compress(zip(instrument, strategy, version, side, level, contract_value, strict=True), is_ours)),
        at=np.array(at, dtype=np.int64)[chosen],
        price=np.array([float(each) for each in price])[chosen],
        amount=np.array([float(each) for each in amount])[chosen],
        mid=np.array([nan if each is None else float(each) for each in mid])[chosen],
        spread=np.array(spread, dtype=float)[chosen],
        own_spread=np.array(own_spread, dtype=float)[chosen],
        mids=np.array(mids, dtype=float)[:, chosen],
    )
