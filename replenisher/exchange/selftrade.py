"""Self-trade prevention: what happens when an order would trade with one of its own account.

The account chooses: the newcomer is refused (`reject_taker`), or what rests gives way (`cancel_maker`). Either holds
between all accounts of one owner where the newcomer's account says that it extends to its subaccounts.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class SelfTradeMode(StrEnum):
    """Which of the two orders gives way."""

    REJECT_TAKER = "reject_taker"
    CANCEL_MAKER = "cancel_maker"


class SelfTrading(msgspec.Struct, frozen=True):
    """An account's choice."""

    mode: SelfTradeMode = SelfTradeMode.CANCEL_MAKER
    extends_to_subaccounts: bool = False


class SelfTradePolicy:
    """The choices of all accounts, and who owns which of them."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        self._owners = owners
        self._choices: dict[str, SelfTrading] = {}

    def choose(self, account: str, choice: SelfTrading) -> None:
        """From now on."""
        self._choices[account] = choice

    def choice(self, account: str) -> SelfTrading:
        """What the account chose."""
        return self._choices.get(account, SelfTrading())

    def are_one(self, taker: str, maker: str) -> bool:
        """Whether an order of `taker` must not trade with one of `maker`."""
        if taker == maker:
            return True
        return self.choice(taker).extends_to_subaccounts and self._owner(taker) == self._owner(maker)

    def _owner(self, account: str) -> str:
        return self._owners.get(account, account)
