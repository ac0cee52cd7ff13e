"""What was there when the time of a report began: positions as our fills made them, and cash as the venue told it."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from replenisher.report.attribution import Attribution
from replenisher.report.booked import Booked
from replenisher.store.queries import AccountKey
from replenisher.store.told import cash_before


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of an account; what is held of an instrument gains and loses from its mid on."""

    venue: str
    account: str
    asset: str  # an instrument, or a currency
    held: Decimal  # of an instrument the wire amount, negative is short
    entry_price: float | None = None  # on average; None of cash, and if it is not known
    mid: Decimal | None = None  # of the others, the last one before; None of cash
    told_at: int | None = None  # when the venue last told of the cash before; None of a position


def openings(
    connection: Connection, key: AccountKey, since: int, attribution: Attribution, booked: Booked
) -> Iterator[Opening]:
    """All of one account that both were told of before that time."""
    prices = attribution.prices
    for instrument, position in booked.held():
        entry = position.entry_price(instrument)
        yield Opening(
            venue=key.venue,
            account=key.account,
            asset=instrument.name,
            held=position.size,
            entry_price=None if entry is None else float(entry),
            mid=prices.get(instrument.name),
        )
    for told in cash_before(connection, key, since):
        yield Opening(venue=key.venue, account=key.account, asset=told.asset, held=told.held, told_at=told.at)
