"""How much cash we have in a currency: asked of the wallet that pays for what we trade in it, or of several.

On some exchanges contracts are paid from a wallet of their own, and ccxt tells of spot's unless it is told which. Where
both spot and contracts are traded in one currency, what our fills move lies in either, so that their sum is our cash.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from replenisher.model.command import AskBalance
from replenisher.model.event import BalanceReported
from replenisher.model.instrument import Instrument, Kind
from replenisher.venues.ccxt.exchanges import Traits
from replenisher.venues.ccxt.holdings import cash_of
from replenisher.venues.ccxt.instruments import spelled
from replenisher.venues.ccxt.link import Link, Listed, Wallet, Wallets


def wallet_of(instrument: Instrument, traits: Traits) -> Wallet:
    """Which wallet pays for an instrument."""
    if not traits.wallet:
        return Wallet({}, traits.cash_rows)
    if instrument.kind is Kind.SPOT:
        return Wallet({}, None)
    return Wallet(spelled(traits.wallet, instrument), traits.cash_rows)


def wallets_of(currency: str, instruments: Sequence[Instrument], traits: Traits) -> tuple[Wallet, ...]:
    """The wallets in which our cash in a currency can be; of one in which nothing is traded, where fees are paid."""
    found: list[Wallet] = []
    for instrument in [each for each in instruments if currency in _moved(each)] or instruments[:1]:
        if (wallet := wallet_of(instrument, traits)) not in found:
            found.append(wallet)
    return tuple(found)


class Balances:
    """Asks, and tells once every wallet has answered."""

    def __init__(self, link: Link, listed: Mapping[str, Listed]) -> None:
        self._link = link
        self._listed = listed

    def ask(self, question: AskBalance, at: int) -> None:
        """Ask the exchange."""
        instruments = [listed.instrument for listed in self._listed.values()]
        wallets = wallets_of(question.currency, instruments, self._link.exchange.traits)
        self._ask(Wallets(question, wallets, self._link.clock.venue_time(at)), at)

    def answered(self, asked: Wallets, value: Any, at: int) -> None:
        """What is in one wallet."""
        first, *others = asked.of
        cash, waits = cash_of(value, asked.what.currency, first.rows)
        cash, waits = asked.cash + cash, asked.waits + waits
        if others:
            self._ask(Wallets(asked.what, tuple(others), asked.as_of, cash, waits), at)
            return
        self._link.tell(
            BalanceReported(
                at=at,
                venue=self._link.venue,
                currency=asked.what.currency,
                balance=cash,
                unsettled=waits,
                venue_time=asked.as_of,
            )
        )

    def _ask(self, asked: Wallets, at: int) -> None:
        self._link.ask_wallet(asked, asked.of[0], at)


def _moved(instrument: Instrument) -> tuple[str, ...]:
    """The currencies of which a fill makes more or less."""
    settle = instrument.settlement_currency
    return (settle, instrument.base_currency) if instrument.kind is Kind.SPOT else (settle,)
