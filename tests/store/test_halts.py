"""Halts of an account, as a new life finds them in the database, whoever found or lifted them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from replenisher.model.command import Command, Halt, HaltCause, Pause
from replenisher.model.event import CancelAllAsked, Event, PauseAsked, ResumeAsked
from replenisher.store import halts
from replenisher.store.database import Database
from replenisher.store.halts import Known, Latch, Standing, latches
from replenisher.store.leases import Claim
from replenisher.store.queries import AccountKey
from replenisher.store.recorder import Recorder
from tests.store.given import ACCOUNT, SECOND, T0, started, step, write_journal

OURS, THEIRS = "a" * 16, "b" * 16
CLAIM = Claim(accounts={"deribit": ACCOUNT}, journal_id=OURS, life_ns=SECOND, data_directory="/srv/ours")
LOSS = Halt(cause=HaltCause.LOSS, reason="too much was lost")
LAG = Halt(cause=HaltCause.LOOP_LAG, reason="too late")
RESUMED = ResumeAsked(at=T0, reason="mended")
STANDS = Known((Standing(HaltCause.LOSS, "too much was lost", T0 + 2 * SECOND),), "")
NOTHING = Known((), "")


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


class Desks:
    """Two journals on one account, each with a recorder into one database."""

    def __init__(self, room: Path, database: Database) -> None:
        self._room, self._database = room, database
        self._last = {OURS: (0, 0), THEIRS: (0, 0)}  # epoch and step

    def live(
        self, journal_id: str, epoch: int, *decided: Command | Event, account: str = ACCOUNT, records: bool = True
    ) -> None:
        """One life under a journal: its first step, and one in which that happens."""
        directory = self._room / journal_id
        events = [each for each in decided if isinstance(each, PauseAsked | CancelAllAsked | ResumeAsked)]
        commands = [each for each in decided if isinstance(each, Halt | Pause)]
        number = self._last[journal_id][1] + 1
        steps = [step(number, [started(epoch, account=account)]), step(number + 1, events, commands)]
        steps = [msgspec.structs.replace(each, at=T0 + 2 * SECOND) for each in steps]
        write_journal(directory, steps, epoch=epoch, journal_id=journal_id)
        self._last[journal_id] = epoch, number + 1
        if records:
            Recorder(directory, self._database).record_all()

    def known(self) -> Known:
        """What a new life under our journal is told."""
        epoch, number = self._last[OURS]
        return self._database.read(lambda connection: halts.known(connection, CLAIM, epoch=epoch, step=number))


@pytest.fixture
def desks(tmp_path: Path, database: Database) -> Desks:
    return Desks(tmp_path, database)


def test_where_nobody_ever_traded_nothing_stands(desks: Desks) -> None:
    assert desks.known() == NOTHING


def test_a_halt_that_another_journal_found_stands_until_somebody_lifts_it(desks: Desks) -> None:
    desks.live(THEIRS, 5, LOSS)
    assert desks.known() == STANDS

    desks.live(THEIRS, 6, ResumeAsked(at=T0))
    assert desks.known() == STANDS, "a plain resume lifts no halt"

    desks.live(THEIRS, 7, RESUMED)
    assert desks.known() == NOTHING


def test_of_a_halt_and_its_end_in_one_step_the_halt_is_later(desks: Desks) -> None:
    desks.live(THEIRS, 5, RESUMED, LOSS)

    assert desks.known() == STANDS


def test_what_we_lift_ourselves_stands_no_more(desks: Desks) -> None:
    desks.live(THEIRS, 5, LOSS)
    desks.live(OURS, 6, LOSS)
    desks.live(OURS, 7, RESUMED)

    assert desks.known() == NOTHING


def test_our_own_halt_is_in_our_own_journal_and_is_lifted_by_whoever_came_after_it(desks: Desks) -> None:
    desks.live(OURS, 5, LOSS)
    assert desks.known() == NOTHING

    desks.live(THEIRS, 6, RESUMED)
    assert desks.known() == Known((), "mended")


def test_who_lifted_a_halt_before_we_found_ours_did_not_lift_ours(desks: Desks) -> None:
    desks.live(THEIRS, 5, RESUMED)
    desks.live(OURS, 6, LOSS)

    assert desks.known() == NOTHING


def test_a_halt_that_the_database_does_not_have_is_lifted_by_nobody_else(desks: Desks) -> None:
    desks.live(OURS, 5)
    desks.live(OURS, 6, LOSS, records=False)
    desks.live(THEIRS, 7, RESUMED)

    assert desks.known() == NOTHING


def test_after_ours_was_lifted_elsewhere_a_new_one_there_stands(desks: Desks) -> None:
    desks.live(OURS, 5, LAG)
    desks.live(THEIRS, 6, RESUMED)
    desks.live(THEIRS, 7, LOSS)

    assert desks.known() == Known(STANDS.standing, "mended")


def test_the_halts_of_other_accounts_are_none_of_ours(desks: Desks) -> None:
    desks.live(THEIRS, 5, LOSS, account="another")

    assert desks.known() == NOTHING


def test_all_that_is_recorded_of_halts_and_pauses_is_told_in_the_order_of_lives(
    desks: Desks, database: Database
) -> None:
    at = T0 + 2 * SECOND
    cooling = Pause(reason="a limit", until=at + SECOND)
    desks.live(THEIRS, 6, RESUMED)
    desks.live(OURS, 5, ResumeAsked(at=at), cooling, LOSS)
    desks.live(OURS, 7, Pause(reason="it raised", until=0, strategy="core"), account="another")
    desks.live(OURS, 8, PauseAsked(at=at, reason="lunch"))
    desks.live(OURS, 9, CancelAllAsked(at=at))

    def told(account: str) -> list[Latch]:
        return database.read(lambda connection: latches(connection, AccountKey("deribit", account)))

    ours = [
        Latch(OURS, "resumed", at, ""),
        Latch(OURS, "paused", at, "a limit", until=at + SECOND),
        Latch(OURS, "halted", at, "too much was lost", cause="loss"),
    ]
    assert told(ACCOUNT)[:3] == ours
    assert told(ACCOUNT)[3] == Latch(THEIRS, "resumed", T0, "mended")
    assert told(ACCOUNT)[-2:] == [
        Latch(OURS, "paused", at, "lunch"),
        Latch(OURS, "paused", at, "the operator canceled everything"),
    ]
    assert told("nobody's") == []


def test_the_next_epoch_is_larger_than_that_of_whoever_resumed_without_a_lease(
    desks: Desks, database: Database
) -> None:
    assert database.read(lambda connection: halts.epoch_before(connection, CLAIM, T0)) == 0
    desks.live(THEIRS, 1_000_000, RESUMED)

    assert database.read(lambda connection: halts.epoch_before(connection, CLAIM, T0)) == 1_000_000
