"""What things were worth between fills: what the engine has marked, of one account."""

from contextlib import closing
from decimal import Decimal

from replenisher.store.database import Database
from replenisher.store.marks import mark_count, marks
from replenisher.store.period import ALWAYS
from replenisher.store.queries import AccountKey
from tests.report.by_hand import KEY, LINEAR, Rows


def test_marks_are_read_in_their_order_over_all_lives_and_of_one_account(ledger_url: str) -> None:
    rows = Rows(LINEAR)
    for life in (1, 2):
        rows.life(f"c{life}")
        for mid in ("100.5", "101"):
            rows.wait(60)
            rows.mid(mid)
    with closing(Database(ledger_url)) as database:
        rows.write(database)
        found = database.read(lambda connection: list(marks(connection, KEY, ALWAYS)))
        others = database.read(
            lambda connection: mark_count(connection, AccountKey(KEY.venue, "somebody else"), ALWAYS)
        )
        count = database.read(lambda connection: mark_count(connection, KEY, ALWAYS))

    assert [mark.price for mark in found] == [Decimal("100.5"), Decimal(101)] * 2
    assert [mark.at for mark in found] == sorted(mark.at for mark in found)
    assert {mark.instrument for mark in found} == {LINEAR.name}
    assert (count, others) == (4, 0)
