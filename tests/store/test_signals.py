"""What signals have seen comes back from the rows as it was recorded: the newest of each, and of no other account."""

from contextlib import closing
from decimal import Decimal
from pathlib import Path

from replenisher.model.command import SignalsDumped
from replenisher.model.event import SignalDump, SignalsRemembered
from replenisher.store.database import Database
from replenisher.store.recorder import Recorder
from replenisher.store.signals import remembered
from tests.store.given import ACCOUNT, KEY, SECOND, T0, defined, started, step, write_journal

TICK, LOT = Decimal("0.5"), Decimal(10)


def dump(**dumps: list[float]) -> SignalsDumped:
    return SignalsDumped(instrument=KEY, tick=TICK, lot=LOT, dumps=dumps)


def test_the_newest_of_each_signal_comes_back_and_nobody_elses(tmp_path: Path, ledger_url: str) -> None:
    first, second = [1.5, -2.0], [3.0, 2.0**60]
    steps = [
        step(1, [started(), defined()]),
        step(2, commands=[dump(fast=first, slow=first)]),
        step(3, commands=[dump(fast=second)]),
    ]
    write_journal(tmp_path / "journal", steps)

    with closing(Database(ledger_url)) as database:
        Recorder(tmp_path / "journal", database).record_all()
        found = database.read(lambda connection: remembered(connection, {"deribit": ACCOUNT}, T0))
        others = database.read(lambda connection: remembered(connection, {"deribit": "main@another"}, T0))

    def kept(specification: str, number: int, numbers: list[float]) -> SignalDump:
        saved_at = T0 + number * SECOND
        return SignalDump(specification=specification, tick=TICK, lot=LOT, saved_at=saved_at, numbers=tuple(numbers))

    assert found == [SignalsRemembered(at=T0, instrument=KEY, dumps=(kept("fast", 3, second), kept("slow", 2, first)))]
    assert others == []
