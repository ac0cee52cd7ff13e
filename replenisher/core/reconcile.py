"""The difference: the fewest commands that turn the live orders of a ladder into the wanted quotes.

1. An order with an unanswered request holds its slot and is left alone; so is the quote of that slot. Once the answer
   is overdue, it is canceled if it is not what the slot should show, wherever it rests and whether it does.
2. An order close enough to a wanted quote is kept; an order that is not is amended into one, where the venue and the
   policy allow it. Who serves whom is decided for the fewest commands, and then for the most orders in their own slots.
3. An order may thereby change its slot; nothing is sent for that alone.
4. What is still left over is canceled, and what is still missing is placed, if its slot is empty. A canceled order
   keeps a slot until the venue confirms, so that the old order and its successor can never both be filled.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import TypeVar, final

import msgspec

from replenisher.core.look import AUTO, Look, is_part_of
from replenisher.core.orders import Order
from replenisher.model.order import WORKING, Side
from replenisher.model.step import Quote
from replenisher.model.units import BPS


@final
class Keep(msgspec.Struct, frozen=True, gc=False):
    """Leave an order as it is, serving this level."""

    order: Order
    level: int


@final
class Change(msgspec.Struct, frozen=True, gc=False):
    """Amend an order into this quote; `quantity` is the new total, filled lots included."""

    order: Order
    quote: Quote
    quantity: int

    @property
    def level(self) -> int:
        """The level it serves from now on."""
        return self.quote.level


@final
class Withdraw(msgspec.Struct, frozen=True, gc=False):
    """Cancel an order, which holds this level until the venue confirms."""

    order: Order
    level: int


@final
class Show(msgspec.Struct, frozen=True, gc=False):
    """Place a new order."""

    quote: Quote


# Told apart by `type(wish) is Change` for every order that moves: where the answer is no, `isinstance` of a Struct asks
# its metaclass, which costs more than all the rest that is done for it.
Wish = Keep | Change | Withdraw | Show
BY_LEVEL = attrgetter("level")  # orders that were placed first come first among equals
BY_LEVEL_OF_QUOTE = attrgetter("quote.level")
Item = TypeVar("Item")


def reconcile(wanted: Sequence[Quote], orders: Sequence[Order], look: Look) -> list[Wish]:
    """The wishes for one ladder: withdrawals first, then changes and shows from the touch outwards."""
    keeps: list[Wish] = []
    withdrawals: list[Wish] = []
    changes: list[Change | Show] = []
    for side in Side:
        for wish in _reconcile_side(
            sorted([quote for quote in wanted if quote.side is side], key=BY_LEVEL),
            sorted([order for order in orders if order.side is side], key=BY_LEVEL),
            look,
        ):
            if type(wish) is Keep:
                keeps.append(wish)
            elif type(wish) is Withdraw:
                withdrawals.append(wish)
            else:
                changes.append(wish)
    changes.sort(key=BY_LEVEL_OF_QUOTE)
    return [*withdrawals, *keeps, *changes]


def _reconcile_side(wanted: Sequence[Quote], orders: Sequence[Order], look: Look) -> list[Wish]:
    free = [order for order in orders if order.status is WORKING and order.pending is None]
    held: set[int] = set()
    missing = wanted
    wishes: list[Wish] = []
    if len(free) < len(orders):
        busy = [order for order in orders if order.status is not WORKING or order.pending is not None]
        held = {order.level for order in busy}
        missing = [quote for quote in wanted if quote.level not in held]
        quotes = {quote.level: quote for quote in wanted}
        wishes += [
            Withdraw(order, order.level)
            for order in busy
            if order.is_in_doubt and not look.may_serve(order, quotes.get(order.level))
        ]

    taken = set(held)
    matched = _best_matching(free, missing, look)
    for order, quote, is_kept in matched:
        wishes.append(Keep(order, quote.level) if is_kept else Change(order, quote, order.filled_lots + quote.quantity))
    if len(matched) == len(free) == len(missing):
        return wishes  # nobody is left over, and nothing is missing
    loose = list(free)
    for order, quote, _ in matched:
        taken.add(quote.level)
        loose = _without(loose, order)
        missing = _without(missing, quote)

    # Whoever is canceled keeps its own level if nobody else serves it now, else one that was given up.
    homeless = [order for order in loose if order.level in taken]
    settled = [order for order in loose if order.level not in taken]
    taken |= {order.level for order in settled}
    wishes += [Withdraw(order, order.level) for order in settled]
    given_up = iter(sorted({order.level for order in free} - taken))
    for order in homeless:
        level = next(given_up)
        taken.add(level)
        wishes.append(Withdraw(order, level))

    wishes += [Show(quote) for quote in missing if quote.level not in taken]
    return wishes


def _without(items: Sequence[Item], gone: Item) -> list[Item]:
    return [item for item in items if item is not gone]


def _best_matching(orders: Sequence[Order], quotes: Sequence[Quote], look: Look) -> list[tuple[Order, Quote, bool]]:
    """Which order serves which quote, and whether as it is (True) or amended, so that the fewest commands are needed.

    A kept order saves a cancel and a place, an amended one saves one of the two; among equals, orders stay in their
    own slots. Orders that do not are matched one by one, each by its best augmenting path.
    """
    unit = len(orders) + 1  # one command outweighs all own slots together
    order_at: dict[int, int] = {}  # quote index -> order index
    slots = {quote.level: j for j, quote in enumerate(quotes)}
    for i, order in enumerate(orders):
        j = slots.get(order.level)
        if j is not None and look.serves(order, quotes[j]):
            order_at[j] = i
    in_own_slot = dict(order_at)
    stayed = set(order_at.values())
    gains: list[dict[int, int]] = [{} for _ in orders]  # order index -> quote index -> what serving it saves
    if len(stayed) < len(orders):
        # Most pairs are further apart than any tolerance reaches, in ticks.
        reach = 1 + look.policy.tolerance_bps * max([quote.price for quote in quotes], default=0) / BPS
        for i, order in enumerate(orders):
            may_be_any = look.may_be_amended(order)
            may_be_all = may_be_any and look.amends_price and look.policy.amend is AUTO
            saved = gains[i]
            for j, quote in enumerate(quotes):
                if -reach < order.price - quote.price < reach and look.serves(order, quote):
                    saved[j] = 2 * unit + (order.level == quote.level)
                elif may_be_all or (may_be_any and is_part_of(quote, order)):
                    saved[j] = unit + (order.level == quote.level)
        for i in range(len(orders)):
            if i not in stayed:
                _find_quote(i, gains, order_at)
    return [
        (orders[i], quotes[j], in_own_slot.get(j) == i or gains[i][j] >= 2 * unit) for j, i in sorted(order_at.items())
    ]


def _find_quote(newcomer: int, gains: Sequence[dict[int, int]], order_at: dict[int, int]) -> None:
    """Give one more order a quote if that gains anything, moving others on, or the last of them out, on the way."""
    best = dict(gains[newcomer])  # quote -> the most that handing it on gains so far
    taker = dict.fromkeys(best, newcomer)  # quote -> who takes it then
    if not best:
        return
    direct = max(best, key=best.__getitem__)
    if direct not in order_at:
        order_at[direct] = newcomer  # Nobody's move could gain more.
        return
    # Bellman and Ford: no cycle gains anything, because the others are matched as well as they can be.
    is_improving = True
    while is_improving:
        is_improving = False
        for quote, holder in order_at.items():
            if quote in best:
                handed_on = best[quote] - gains[holder][quote]
                for other, gain in gains[holder].items():
                    if other != quote and (other not in best or handed_on + gain > best[other]):
                        best[other], taker[other] = handed_on + gain, holder
                        is_improving = True
    ends = {quote: gain - gains[order_at[quote]][quote] if quote in order_at else gain for quote, gain in best.items()}
    end = max(ends, key=ends.__getitem__)
    if ends[end] <= 0:
        return
    quote_of = {holder: quote for quote, holder in order_at.items()}
    step: int | None = end
    while step is not None:
        order_at[step] = taker[step]
        step = quote_of.get(taker[step])
