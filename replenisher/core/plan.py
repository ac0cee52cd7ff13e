"""The plan: what one strategy wants now, how much of it may be shown, and the wishes that lead there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import msgspec

from replenisher.core.absence import why_absent
from replenisher.core.book import Touch
from replenisher.core.elsewhere import fresh_prices
from replenisher.core.follow import follow
from replenisher.core.innermost import Innermost, passive
from replenisher.core.look import Look
from replenisher.core.orders import Order
from replenisher.core.prices import Prices
from replenisher.core.reconcile import Keep, Wish, reconcile
from replenisher.core.risk import Bound, permit
from replenisher.core.sense import fail, require_sense
from replenisher.core.setup import StrategySetup
from replenisher.core.starting import are_left_alone
from replenisher.core.state import State
from replenisher.core.strategy import NO_QUOTES, Nonsense, Quotes, View
from replenisher.core.watch import Values, why_untold
from replenisher.model.order import BUY
from replenisher.model.step import Cut, Decision, Quote, why_cut

LEFT_ALONE: tuple[Sequence[Wish], bool] = ((), False)  # nothing is to be done, and not because all is well


class More(msgspec.Struct, frozen=True, gc=False):
    """What a strategy goes by besides the book that it quotes."""

    signals: Values  # by its own names
    prices: Prices  # from elsewhere, those that are fresh


NOTHING_MORE = More({}, {})


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What a plan depends on beside what is ours."""

    touch: Touch | None  # of the others
    last_trade: int | None  # where the strategy heeds it
    shown_touch: tuple[int, int] | None
    absence: str  # why nothing may be shown; empty if something may
    more: More
    cash_moves: int  # how often any balance has changed

    def means_the_same_as(self, before: "Seen") -> bool:
        """Whether the same quotes would be judged the same: by the same mark, cash and touch as published."""
        return (
            self.touch is not None
            and before.touch is not None
            and self.touch.bid + self.touch.ask == before.touch.bid + before.touch.ask
            and self.shown_touch == before.shown_touch
            and self.absence == before.absence
            and self.cash_moves == before.cash_moves
            and (self.more is before.more or self.more.prices.keys() == before.more.prices.keys())
        )


class Plan(msgspec.Struct):
    """What one strategy wants in this step, and the wishes that lead there."""

    setup: StrategySetup
    seen: Seen
    wanted: Quotes
    permitted: tuple[Quote, ...]
    withheld: str  # why less than wanted was permitted
    cuts: tuple[Cut, ...]
    bounds: tuple[Bound, ...]
    innermost: Innermost | None  # an order further in may not stand there, whatever becomes of it
    wishes: Sequence[Wish]  # none about an order that stays as it is
    is_complete: bool  # all that is wanted may be shown, and stands
    is_news: bool  # a quote or all may not be shown, and for another reason than that of the plan before

    def decision(self) -> Decision:
        """The same for the record."""
        return Decision(
            strategy=self.setup.id,
            instrument=self.setup.instrument,
            fair_value=self.wanted.fair_value,
            terms=self.wanted.terms,
            wanted=self.wanted.quotes,
            permitted=self.permitted,
            withheld=self.withheld,
            cuts=self.cuts,
        )


class Planner:
    """Asks the strategies. It remembers the plans that left nothing to do, so that it need not ask without need."""

    __slots__ = ("_checked", "_withheld", "at_rest")

    def __init__(self) -> None:
        self.at_rest: dict[str, Plan] = {}  # strategy -> its last plan, if that left nothing to do
        self._checked: dict[str, Quotes] = {}  # strategy -> its last answer of sense; it may give it again
        self._withheld: dict[str, str] = {}  # strategy -> why its last plan permitted less than was wanted

    def after_news(self, state: State, instrument: str, at: int) -> list[Plan]:
        """The plans of all who quote an instrument on which something of ours has changed."""
        return [self._plan(state, setup, at) for setup in state.setup.watching(instrument)]

    def after_move(self, state: State, instrument: str, at: int) -> list[Plan]:
        """The plans of the strategies for which it matters that a market has moved and nothing of ours.

        It does not matter to a strategy that had all it wanted, as long as it sees what it saw then, or wants what it
        wanted then at the same mark. What time alone changes has its deadline.
        """
        plans: list[Plan] = []
        for setup in state.setup.watching(instrument):
            before = self.at_rest.get(setup.id)
            if before is None:
                plans.append(self._plan(state, setup, at))
                continue
            seen = _seen(state, setup, at, before.seen.touch)
            if seen == before.seen:
                continue
            wanted = self._wanted(state, setup, seen, at)
            is_same = wanted is before.wanted or (
                wanted.quotes == before.wanted.quotes
                and wanted.reason == before.wanted.reason
                and (setup.guards is None or wanted.fair_value == before.wanted.fair_value)
            )
            if is_same and seen.means_the_same_as(before.seen):
                before.seen = seen
            else:
                plans.append(self._plan(state, setup, at, seen, wanted))
        return plans

    def _plan(
        self, state: State, setup: StrategySetup, at: int, seen: Seen | None = None, wanted: Quotes | None = None
    ) -> Plan:
        if seen is None or wanted is None:
            seen = _seen(state, setup, at)
            wanted = self._wanted(state, setup, seen, at)
        permitted, withheld = wanted.quotes, seen.absence or wanted.reason
        bounds: tuple[Bound, ...] = ()
        cuts: tuple[Cut, ...] = ()
        innermost: Innermost | None = None
        try:
            if seen.touch is not None and setup.instrument in state.instruments:
                bounds = state.bounds(setup, seen.touch)
                if permitted:
                    permitted, cuts, innermost = _cautious(state, setup, seen.touch, wanted, bounds, at)
                if permitted:
                    permitted, limited = permit(permitted, state.exposures(setup, bounds, with_ladder=False))
                    if limited:
                        cuts += limited
                if cuts:
                    withheld = f"{why_cut(cuts)}, {withheld}" if withheld else why_cut(cuts)
            if seen.absence and are_left_alone(state, setup, at):
                wishes, is_all = LEFT_ALONE
            else:
                wishes, is_all = _difference(state, seen, setup, bounds, innermost, permitted, at)
        except Nonsense as nonsense:
            fail(state, setup, nonsense)
            return self._plan(state, setup, at, seen, NO_QUOTES)
        is_complete = is_all and not wishes and len(permitted) == len(wanted.quotes)
        is_other = withheld != self._withheld.get(setup.id, "")
        self._withheld[setup.id] = state.withheld[setup.id] = withheld
        is_news = is_other and (not permitted or any(not cut.quantity for cut in cuts))
        plan = Plan(setup, seen, wanted, permitted, withheld, cuts, bounds, innermost, wishes, is_complete, is_news)
        if is_complete:
            self.at_rest[setup.id] = plan
        else:
            self.at_rest.pop(setup.id, None)
        return plan

    def _wanted(self, state: State, setup: StrategySetup, seen: Seen, at: int) -> Quotes:
        instrument = state.instruments.get(setup.instrument)
        if instrument is None or seen.touch is None or seen.absence:
            return NO_QUOTES
        entry = state.account.entry(setup.instrument, setup.id)
        view = View(
            at=at,
            instrument=instrument,
            touch=seen.touch,
            last_trade=seen.last_trade,
            inventory=state.account.inventory(setup.instrument, setup.id),
            entry_price=entry.price,
            available=state.available(instrument),
            last_fill_price=entry.last_price,
            signals=cast("Mapping[str, float]", seen.more.signals),
            prices=seen.more.prices,
        )
        try:
            answer = setup.strategy.quote(view)
            if setup.priced_by is not None:
                answer = setup.priced_by.completed(view, answer)
            if answer is not (before := self._checked.get(setup.id)):
                require_sense(answer, before)
                self._checked[setup.id] = answer
            return answer
        except Exception as error:  # noqa: BLE001 - whatever a strategy fails of is its own affair, and not the others'
            fail(state, setup, error)
        return NO_QUOTES


def _seen(state: State, setup: StrategySetup, at: int, before: Touch | None = None) -> Seen:
    """What there is to be seen; a touch that is the same as one before to this strategy is that one."""
    book = state.books[setup.instrument]
    touch = state.touches.get(setup.instrument)
    if touch is None and setup.alone is not None:
        touch = state.stand_ins.get(setup.instrument)
    if touch is not None and before is not None and not setup.heeds_sizes and touch.is_where(before):
        touch = before
    more = NOTHING_MORE
    if setup.is_told_more:
        more = More(state.signals(setup), fresh_prices(state, setup, at))
        why_none = "" if setup.priced_by is None else setup.priced_by.why_none(more.prices)
        state.untold[setup.id] = why_untold(more.signals) or why_none
    absence = why_absent(state, setup, at)
    if not absence and touch is None:
        absence = "one side of the book is empty"
    last_trade = book.last_trade if setup.heeds_trades else None
    return Seen(touch, last_trade, book.shown_touch, absence, more, state.account.cash_moves)


def _cautious(
    state: State, setup: StrategySetup, touch: Touch, wanted: Quotes, bounds: Sequence[Bound], at: int
) -> tuple[tuple[Quote, ...], tuple[Cut, ...], Innermost | None]:
    """What of the wanted cannot take and passes the strategy's guards, and how far in an order may stand for these."""
    instrument, fair = state.instruments[setup.instrument], wanted.fair_value
    quotes, cuts = passive(wanted.quotes, instrument, touch, bounds)
    if (guarded := state.guarded.get(setup.id)) is None or fair is None:
        return quotes, cuts, None
    orders, book = state.orders.of(setup.ladder), state.books[setup.instrument]
    innermost = guarded.innermost(fair, instrument)
    quotes, guarded_cuts = guarded.let_through(quotes, fair, innermost, instrument, orders, book, at)
    return quotes, cuts + guarded_cuts, innermost


def _difference(
    state: State,
    seen: Seen,
    setup: StrategySetup,
    bounds: Sequence[Bound],
    innermost: Innermost | None,
    permitted: Sequence[Quote],
    at: int,
) -> tuple[Sequence[Wish], bool]:
    """What is to be done for what is permitted, and whether all of it has an order or may be given one now."""
    orders, policy = state.orders.of(setup.ladder), setup.policy
    exposures = state.exposures(setup, bounds, with_ladder=True) if policy.amount_tolerance else []
    if any(each.bound.is_over(each.load) for each in exposures):
        policy = replace(policy, amount_tolerance=0.0)  # an order that is larger than its quote may be why
    look = Look(policy, state.setup.venue(setup.venue).amends_price, at, innermost)
    is_open = partial(_is_open, state, setup, seen.shown_touch, at)
    following = follow(permitted, orders, look, is_open)
    if following is not None:
        return following
    showable = _showable(permitted, orders, is_open)
    wishes = reconcile(showable, orders, look)
    return [wish for wish in wishes if not _is_idle(wish)], len(showable) == len(permitted)


def _is_open(state: State, setup: StrategySetup, touch: tuple[int, int] | None, at: int, quote: Quote) -> bool:
    """Whether an order may be placed for a quote that has none."""
    if state.orders.back and state.orders.is_back_in(setup.ladder, quote.side, quote.level):
        return False
    return state.slots.known(setup.slot(quote)).is_open(touch, at)


def _showable(quotes: Sequence[Quote], orders: Sequence[Order], is_open: Callable[[Quote], bool]) -> list[Quote]:
    """The quotes whose slots have an order already or may be given one now."""
    taken = {order.level if order.side is BUY else ~order.level for order in orders}
    return [
        quote for quote in quotes if (quote.level if quote.side is BUY else ~quote.level) in taken or is_open(quote)
    ]


def _is_idle(wish: Wish) -> bool:
    """Whether a wish leaves everything as it is."""
    return type(wish) is Keep and wish.level == wish.order.level
