"""Our trades are read to their end, however often a page is asked for meanwhile."""

from replenisher.model.command import AskTrades
from replenisher.venues.deribit.listed import Group
from replenisher.venues.deribit.own_trades import OwnTrades
from replenisher.venues.deribit.private import TradesPage
from replenisher.venues.deribit.words import Page

SCOPE = "deribit/BTC-PERPETUAL"


def test_two_questions_that_are_under_way_at_once_do_not_keep_each_other_going() -> None:
    trades, nothing = OwnTrades(), TradesPage(trades=(), has_more=False)

    def ask(deadline: int) -> Page:
        question = AskTrades(scope=SCOPE, since=0, deadline=deadline)
        return trades.ask(question, [Group("BTC", ("BTC-PERPETUAL",))], until_ms=1, at=0)[-1]

    first, second = ask(1), ask(2)

    assert not trades.answered(first, nothing), "it is the answer, although it was asked again since"
    assert not trades.answered(second, nothing), "and so there is nothing left to ask"
