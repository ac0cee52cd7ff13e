"""What things were worth between fills: of very many decisions one in several, and all at the end of a life."""

from contextlib import closing

from sqlalchemy import Connection

from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.marks import Mark, every_how_many, marks_between
from tests.report.by_hand import KEY, LINEAR, Rows

A_LIFE = 400  # decisions, one a minute, so that none of them stands for another


def two_lives() -> Rows:
    """In which something is decided at each other step alone."""
    rows = Rows(LINEAR)
    for life in (1, 2):
        rows.life(f"c{life}")
        rows.number += rows.number % 2
        for decision in range(A_LIFE):
            rows.wait(60)
            rows.mid(f"{1000 * life + decision}")
            rows.number += 1
    return rows


def read(database: Database, every: int, steps_at_end: int) -> list[Mark]:
    def work(connection: Connection) -> list[Mark]:
        return list(marks_between(connection, KEY, history.lives_of(connection, KEY), every, steps_at_end))

    return database.read(work)


def test_one_decision_in_several_is_looked_at_and_each_of_a_life_that_ends(ledger_url: str) -> None:
    with closing(Database(ledger_url)) as database:
        two_lives().write(database)
        everything, some = read(database, 1, 0), read(database, 10, 40)

    assert [int(mark.price) for mark in everything] == [*range(1000, 1400), *range(2000, 2400)]
    assert [mark for mark in everything if mark in some] == some
    for life in (1000, 2000):
        of_life = [int(mark.price) - life for mark in some if life <= mark.price < life + A_LIFE]
        assert of_life[-20:] == list(range(380, 400))  # that is 40 steps
        quarters = [sum(start <= each < start + 95 for each in of_life) for start in range(0, 380, 95)]
        assert all(7 <= looked_at <= 12 for looked_at in quarters), quarters


def test_of_how_many_one_is_looked_at_depends_on_the_fills() -> None:
    assert [every_how_many(fills) for fills in (0, 50_000, 99_999, 100_000, 1_000_000)] == [1, 1, 1, 2, 20]
