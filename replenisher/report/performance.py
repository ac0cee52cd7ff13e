"""How well it was done: what orders came to, how much was turned over, and how smooth the P&L was."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from replenisher.model.units import DAY_NS
from replenisher.report.curve import Course, HalfLife, Sharpe
from replenisher.report.pnl import Group
from replenisher.store import history
from replenisher.store.history import Activity
from replenisher.store.queries import AccountKey


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """One group, in the settlement currency of its instrument; fees in other assets are not in its P&L."""

    group: Group
    currency: str
    orders: int
    fills: int
    fill_ratio: float | None  # of the orders, those that were filled in part at least; None without orders
    requests: int  # places, amends and cancels
    order_to_trade: float | None  # requests a fill; None without fills
    turnover_quote: Decimal  # what was bought and sold, in the quote currency
    turnover_quote_a_day: float | None  # None if it was all at one moment
    drawdown: Decimal  # the deepest fall of P&L from a peak
    sharpe: Sharpe
    inventory_half_life: HalfLife


def performances(
    connection: Connection, key: AccountKey, courses: Mapping[Group, Course], currencies: Mapping[str, str]
) -> Iterator[Performance]:
    """Of each group that ever had an order or a P&L; `currencies` is the settlement currency by instrument."""
    done = {
        Group(key.venue, key.account, each.instrument, each.strategy, each.config_version): each
        for each in history.activity(connection, key)
    }
    for group in sorted({*done, *(group for group, course in courses.items() if course.equity.has_moved)}, key=str):
        orders = done.get(group, Activity("", "", ""))
        yield performance(group, currencies[group.instrument], orders, courses.get(group) or Course())


def performance(group: Group, currency: str, done: Activity, course: Course) -> Performance:
    """All figures of one group."""
    equity = course.equity
    return Performance(
        group=group,
        currency=currency,
        orders=done.orders,
        fills=course.fills,
        fill_ratio=done.filled / done.orders if done.orders else None,
        requests=done.requests,
        order_to_trade=done.requests / course.fills if course.fills else None,
        turnover_quote=course.turnover_quote,
        turnover_quote_a_day=float(course.turnover_quote) * DAY_NS / equity.span_ns if equity.span_ns else None,
        drawdown=equity.drawdown,
        sharpe=equity.sharpe(),
        inventory_half_life=course.holding.half_life(),
    )
