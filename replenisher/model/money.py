"""Money: which currencies may be added up as one. A limit is one number, so it holds in one kind of money."""

from collections.abc import Iterable

DOLLARS = frozenset({"USD", "USDC", "USDT"})  # a desk counts them as one, and bears how far apart they are
APART = "trade each on an account, and as a venue, of its own"  # what to do about limits that hold on none of it


def kinds_of_money(currencies: Iterable[str]) -> list[str]:
    """The first currency of each kind."""
    kinds: dict[str, str] = {}
    for currency in currencies:
        kinds.setdefault("USD" if currency in DOLLARS else currency, currency)
    return list(kinds.values())


def why_not_one_money(currencies: Iterable[str]) -> str:
    """Why limits in the quote currency do not hold on what these quote; empty if they do."""
    kinds = kinds_of_money(currencies)
    return f"limits hold in one quote currency, and not in {' and '.join(kinds)}" if len(kinds) > 1 else ""
