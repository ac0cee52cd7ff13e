"""What signals had seen when an earlier life of an account recorded them last, whichever journal it wrote."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, select

from replenisher.model.event import SignalDump, SignalsRemembered
from replenisher.model.instrument import instrument_key
from replenisher.store import tables


def remembered(connection: Connection, accounts: Mapping[str, str], at: int) -> list[SignalsRemembered]:
    """Of each instrument the newest dump of every specification, as a fact for the life that begins."""
    found: dict[str, list[SignalDump]] = defaultdict(list)
    signals = tables.signals.c
    for venue, account in accounts.items():
        query = select(tables.signals).where(signals.venue == venue, signals.account == account)
        for row in connection.execute(query.order_by(signals.instrument, signals.specification)):
            dump = SignalDump(
                specification=row.specification, tick=row.tick, lot=row.lot, saved_at=row.at, numbers=tuple(row.numbers)
            )
            found[instrument_key(venue, row.instrument)].append(dump)
    return [SignalsRemembered(at=at, instrument=key, dumps=tuple(dumps)) for key, dumps in found.items()]
