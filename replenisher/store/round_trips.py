"""What a report reads of how long our requests took: each place and amend with its answer, in bounded memory."""

from collections.abc import Iterator, Sequence
from heapq import merge
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, literal, select

from replenisher.store import tables
from replenisher.store.queries import AccountKey
from replenisher.store.recorder import EXTERNAL

ROWS_AT_ONCE = 10_000
ANSWER, ASK = 0, 1  # in one step an answer comes before what follows from it
WORKING = "working"
_where = itemgetter(0, 1, 2, 3, 4)


class RoundTrip(NamedTuple):
    """A place or an amend, and what became of it."""

    config_version: str  # in force when it was asked
    strategy: str
    request: str
    intent: str
    asked_at: int  # session time of the newest fact that led to it
    answered_at: int | None  # likewise of the answer; None if none was ever heard
    outcome: str  # empty without an answer


def round_trips(connection: Connection, key: AccountKey) -> Iterator[RoundTrip]:
    """Those of one account, as they are answered; what was never answered comes when it is overtaken, or last."""
    lives = connection.execute(select(tables.lives))
    versions = {(life.journal_id, life.epoch): life.config_version for life in lives}
    waiting: dict[tuple[str, str], RoundTrip] = {}  # by order and kind
    for journal_id, epoch, _, what, _, at, order_id, request, told, strategy in merge(
        _answers(connection, key), _asked(connection, key), key=_where
    ):
        before = waiting.pop((order_id, request), None)
        if what == ANSWER:
            if before is not None:
                yield before._replace(answered_at=at, outcome=told)
            continue
        if before is not None:
            yield before
        version = versions.get((journal_id, epoch), "")
        waiting[order_id, request] = RoundTrip(version, strategy or EXTERNAL, request, told, at, None, "")
    yield from waiting.values()


def _asked(connection: Connection, key: AccountKey) -> Iterator[Sequence[Any]]:
    c, orders = tables.requests.c, tables.orders
    same = [c[name] == orders.c[name] for name in ("venue", "account", "order_id")]
    query = (
        select(c.journal_id, c.epoch, c.step, literal(ASK), c["index"], c.at, c.order_id, c.kind, c.intent)
        .add_columns(orders.c.strategy)
        .select_from(tables.requests.outerjoin(orders, and_(*same)))
        .where(c.venue == key.venue, c.account == key.account, c.kind.in_(("place", "amend")))
        .order_by(c.journal_id, c.epoch, c.step, c["index"])
    )
    return iter(connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}))


def _answers(connection: Connection, key: AccountKey) -> Iterator[Sequence[Any]]:
    c = tables.answers.c
    query = (
        select(c.journal_id, c.epoch, c.step, literal(ANSWER), c["index"], c.at, c.order_id, c.request, c.outcome)
        .add_columns(literal(""))
        .where(c.venue == key.venue, c.account == key.account, c.request.in_(("place", "amend")))
        .order_by(c.journal_id, c.epoch, c.step, c["index"])
    )
    return iter(connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}))
