"""What rows are told of the orders and requests that they are about: no step says it, and a report should not search.

A fill carries the strategy of its order and the configuration under which that was placed; an answer likewise, and when
and why what it answers was asked. It is looked for among the rows that are written together, and in the database.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, bindparam, func, select, tuple_

from replenisher.model.order import EXTERNAL, Request
from replenisher.store import tables
from replenisher.store.rows import Row

OrderKey = tuple[str, str, str]  # venue, account, order id
RequestKey = tuple[str, str, str, str]  # and what was asked
KEYS_PER_QUERY = 300
SENT = frozenset(Request)
ORDER_KEY = (tables.orders.c.venue, tables.orders.c.account, tables.orders.c.order_id)
THEIR_ORDERS = select(*ORDER_KEY, tables.orders.c.strategy, tables.orders.c.config_version).where(
    tuple_(*ORDER_KEY).in_(bindparam("keys", expanding=True))
)
ASK, ANSWER = 1, 0  # of one step, what was heard comes before what followed from it


def with_order(connection: Connection, *kinds: Sequence[Row]) -> Iterator[list[Row]]:
    """Each of answers and fills with what is known of their orders, all of which are written."""
    known = _orders(connection, sorted({order_of(row) for rows in kinds for row in rows if row["order_id"]}))
    nobody = {"strategy": EXTERNAL}
    return ([row | known.get(order_of(row), nobody) for row in rows] for rows in kinds)


def with_request(connection: Connection, answers: Sequence[Row], requests: Sequence[Row]) -> list[Row]:
    """Answers with when and why they were asked for; the requests are those of the same batch, and not written yet."""
    asked: dict[RequestKey, Row | None] = {}
    found: list[Row] = []
    for row, key, what in _in_order(answers, requests):
        if what == ASK:
            asked[key] = row
        else:
            request = asked[key] if key in asked else _asked_before(connection, key)
            told = request or {"at": None, "intent": None}
            found.append(row | {"asked_at": told["at"], "intent": told["intent"]})
            asked[key] = None  # whatever comes now answers nothing
    return found


def order_of(row: Row) -> OrderKey:
    """Which order a row is about."""
    return row["venue"], row["account"], row["order_id"]


def _answered(row: Row) -> RequestKey:
    return (*order_of(row), row["request"])


def _in_order(answers: Sequence[Row], requests: Sequence[Row]) -> Iterator[tuple[Row, RequestKey, int]]:
    """Both, as they happened."""
    sent = (row for row in requests if row["kind"] in SENT)
    asks = [(row, (*order_of(row), row["kind"]), ASK) for row in sent]
    told = [(row, _answered(row), ANSWER) for row in answers]
    yield from sorted([*asks, *told], key=lambda each: (each[0]["epoch"], each[0]["step"], each[2], each[0]["index"]))


def _asked_before(connection: Connection, key: RequestKey) -> Row | None:
    """When this was last asked, and why, as far as that is written and not answered yet; few come in another batch."""
    c, told = tables.requests.c, tables.answers.c
    venue, account, order_id, kind = key
    answered = select(func.max(told.asked_at)).where(
        told.venue == venue, told.account == account, told.order_id == order_id, told.request == kind
    )
    query = (
        select(c.at, c.intent)
        .where(c.venue == venue, c.account == account, c.order_id == order_id, c.kind == kind)
        .where(c.at > func.coalesce(answered.scalar_subquery(), 0))
        .order_by(c.epoch.desc(), c.step.desc())
    )
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else dict(row)


def _orders(connection: Connection, keys: Sequence[OrderKey]) -> dict[OrderKey, Row]:
    found: dict[OrderKey, Row] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        some = {"keys": keys[start : start + KEYS_PER_QUERY]}
        for venue, account, order_id, strategy, config_version in connection.execute(THEIR_ORDERS, some):
            found[venue, account, order_id] = {"strategy": strategy, "config_version": config_version}
    return found
