"""How well it was done: what orders came to, how much was turned over, and how smooth the P&L was."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from replenisher.model.units import DAY_NS, MINUTE_NS
from replenisher.report.curve import SAMPLES_MIN, Course, HalfLife, Sharpe
from replenisher.report.pnl import Group
from replenisher.store.history import Placed, Sent
from replenisher.store.queries import AccountKey

SPAN_NS_MIN = SAMPLES_MIN * MINUTE_NS  # as much as a Sharpe ratio takes: the turnover of a minute is not that of a day


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """One group while its configuration was in force; a fee in the base currency counts at the fill's mid."""

    group: Group
    currency: str  # of settlement
    pnl: Decimal  # of which drawdown and Sharpe ratio are
    without_fees_in: str  # currencies for which there is no price; empty if all fees are in it
    orders: int
    fills: int
    fill_ratio: float | None  # of the orders, those that were filled in part at least; None without orders
    requests: int  # places, amends and cancels
    order_to_trade: float | None  # requests a fill; None without fills
    turnover_quote: Decimal  # what was bought and sold, in the quote currency
    turnover_quote_a_day: float | None  # between the first move of P&L and the last; None if that is too short
    drawdown: Decimal  # the deepest fall of P&L from a peak, seen at fills and at marks
    sharpe: Sharpe
    inventory_half_life: HalfLife


class Activity(msgspec.Struct):
    """What a group sent."""

    orders: int = 0
    filled: int = 0  # of them, in part at least
    requests: int = 0  # places, amends and cancels


def performances(
    key: AccountKey,
    placed: Iterable[Placed],
    sent: Iterable[Sent],
    courses: Mapping[Group, Course],
    currencies: Mapping[str, str],
) -> Iterator[Performance]:
    """Of each group that ever had an order or a P&L; `currencies` is the settlement currency by instrument.

    An order is its configuration version's, a request that of the life that sent it.
    """
    done: defaultdict[Group, Activity] = defaultdict(Activity)

    def of(some: Placed | Sent) -> Activity:
        return done[Group(key.venue, key.account, some.instrument, some.strategy, some.config_version)]

    for orders in placed:
        group_did = of(orders)
        group_did.orders, group_did.filled = orders.orders, orders.filled
    for requests in sent:
        of(requests).requests += requests.count
    for group in sorted({*done, *(group for group, course in courses.items() if course.equity.has_moved)}, key=str):
        yield performance(group, currencies[group.instrument], done[group], courses.get(group) or Course())


def performance(group: Group, currency: str, done: Activity, course: Course) -> Performance:
    """All figures of one group."""
    equity = course.equity
    span_ns = equity.span_ns
    return Performance(
        group=group,
        currency=currency,
        pnl=equity.level,
        without_fees_in=", ".join(sorted(course.without_fees_in)),
        orders=done.orders,
        fills=course.fills,
        fill_ratio=done.filled / done.orders if done.orders else None,
        requests=done.requests,
        order_to_trade=done.requests / course.fills if course.fills else None,
        turnover_quote=course.turnover_quote,
        turnover_quote_a_day=float(course.turnover_quote) * DAY_NS / span_ns if span_ns >= SPAN_NS_MIN else None,
        drawdown=equity.drawdown,
        sharpe=equity.sharpe(),
        inventory_half_life=course.holding.half_life(),
    )
