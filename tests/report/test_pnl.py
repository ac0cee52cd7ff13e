"""P&L in parts: every part by its own terms, and together what the ledger has booked, to the last digit."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bench.small_exchange import BTC_PERPETUAL
from replenisher.model.instrument import Instrument
from replenisher.report.pnl import Parts
from replenisher.report.report import Report, read_report
from replenisher.store import history
from replenisher.store.database import Database
from tests.report.world import World

LINEAR = msgspec.structs.replace(
    BTC_PERPETUAL, inverse=False, contract_value=Decimal("0.001"), settlement_currency="USDT", quote_currency="USDT"
)


def reported(database: Database) -> Report:
    return database.read(lambda connection: read_report(connection, history.account_keys(connection)))


@pytest.mark.parametrize("instrument", [BTC_PERPETUAL, LINEAR], ids=["inverse", "linear"])
def test_the_parts_are_what_the_ledger_has_booked(tmp_path: Path, ledger_url: str, instrument: Instrument) -> None:
    with closing(World(tmp_path, ledger_url, orders=60, instrument=instrument)) as world:
        report = reported(world.database)

    (total,) = report.pnl.totals
    assert total.currency == instrument.settlement_currency
    assert total.booked == total.total != 0
    assert total.unexplained == 0


@pytest.fixture
def report(tmp_path: Path, ledger_url: str) -> Iterator[Report]:
    with closing(World(tmp_path, ledger_url)) as world:
        yield reported(world.database)


@pytest.mark.parametrize("part", Parts.__struct_fields__)
def test_one_more_of_any_part_and_the_sum_is_wrong(report: Report, part: str) -> None:
    (total,) = report.pnl.totals
    more = msgspec.structs.replace(total.parts, **{part: getattr(total.parts, part) + 1})

    assert msgspec.structs.replace(total, parts=more).unexplained == -1
