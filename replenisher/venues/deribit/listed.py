"""What a scope comes to at Deribit: the instruments of a question, and which of them have one answer together.

All that we trade is asked for at once, and the answer also tells what others do on other instruments of the account.
That is left out; so nothing is asked of all before the terms of all that is ours have been told.
"""

from collections.abc import Sequence

import msgspec

from replenisher.model.instrument import Instrument, Kind


class Group(msgspec.Struct, frozen=True):
    """Instruments whose trades can be asked for together, by their currency."""

    currency: str
    names: tuple[str, ...]

    def each(self) -> list["Group"]:
        """The same one by one."""
        return [Group(self.currency, (name,)) for name in self.names]


class Listed:
    """The instruments that are traded at one venue, as far as the venue has told their terms."""

    def __init__(self, venue: str, names: Sequence[str], instruments: dict[str, Instrument]) -> None:
        self._venue, self._names = venue, names
        self._instruments = instruments  # by key; the market side fills it

    def __getitem__(self, key: str) -> Instrument:
        return self._instruments[key]

    def is_all(self, scope: str) -> bool:
        """Whether a scope is all that we trade there."""
        return scope == self._venue

    def is_known(self, scope: str) -> bool:
        """Whether the terms of all that a scope comes to have been told."""
        return len(self._instruments) == len(self._names) if self.is_all(scope) else scope in self._instruments

    def by_name(self, scope: str) -> dict[str, Instrument]:
        """The instruments of a scope, by the names that answers call them by."""
        instruments = self._instruments.values() if self.is_all(scope) else [self._instruments[scope]]
        return {each.name: each for each in instruments}

    def groups(self, scope: str) -> list[Group]:
        """How its trades are asked for: together where they settle in one currency. Spot has two, and goes by name."""
        of_currency: dict[str, list[str]] = {}
        groups: list[Group] = []
        for each in self.by_name(scope).values():
            if each.kind is Kind.SPOT:
                groups.append(Group(each.settlement_currency, (each.name,)))
            else:
                of_currency.setdefault(each.settlement_currency, []).append(each.name)
        return [*(Group(currency, tuple(names)) for currency, names in of_currency.items()), *groups]
