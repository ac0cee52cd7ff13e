"""Two daemons that would trade on one account: one does, and the other says who that is."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import select

from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.store.leases import GRACE
from tests.stories.desk import DATABASE, Desk, Ended, Process, Record, orders_asked_for, resting
from tests.stories.test_halts import STRICT
from tests.stories.wire import Wire
from tests.waiting import until

LEASE = "REPLENISHER_DATABASE__LEASE_S"
LEASE_S = 10
LONG_LEASE_S = 90  # in which another daemon comes to look on a busy machine, too
TAKEOVER_S = LEASE_S + LEASE_S / GRACE + 60  # and a busy machine
REFUSED = 75


@contextmanager
def two_desks(room: Path, database_url: str) -> Iterator[tuple[Desk, Desk]]:
    """Two data directories with one account on one exchange, and one database."""
    one, other = (Desk(room / name, **{DATABASE: database_url, LEASE: str(LEASE_S)}) for name in ("one", "other"))
    with one.exchange() as (_, url):
        one.connect(url)
        other.connect(url)
        yield one, other


@contextmanager
def trading(desk: Desk, ledger: Desk) -> Iterator[Process]:
    """A daemon that has orders on the exchange."""
    with desk.running("run", desk.config) as daemon:
        daemon.until("it trades", lambda: daemon.told("started") and any(asked(ledger, epoch_of(daemon))))
        yield daemon


def epoch_of(daemon: Process) -> int:
    return int(daemon.told("started")[0]["epoch"])


def asked(desk: Desk, epoch: int) -> list[Record]:
    """What was asked of the exchange about the orders of one life."""
    requests = (record for record in desk.ledger() if record["type"] == "request")
    return [record for record in requests if record["label"][3:9] and int(record["label"][3:9], 36) == epoch]


def assert_names(refused: Ended, desk: Desk, daemon: Process) -> None:
    """It ended because of that daemon, and says so in one sentence."""
    assert refused.code == REFUSED, refused
    assert f"process {daemon.pid} on " in refused.stderr
    assert f"with the data directory {desk.data}, since 20" in refused.stderr
    assert "Traceback" not in refused.stderr


def has_run_out(url: str) -> bool:
    """Whether the database takes nobody for alive."""
    with closing(Database(url)) as database:
        return database.read(lambda c: c.execute(select(tables.leases.c.until)).scalar_one() < database.now(c))


def assert_is_started_again(desk: Desk) -> None:
    """Neither is a lease in the way that was given back, nor one's own."""
    ended = desk.run("--duration", "1")
    assert (ended.code, ended.stderr) == (0, "")


def test_one_that_is_stopped_past_its_lease_says_nothing_when_it_wakes_and_the_other_trades(
    tmp_path: Path, postgres_url: str
) -> None:
    with two_desks(tmp_path, postgres_url) as (one, other):
        with trading(one, one) as first:
            assert_names(other.run(), one, first)
            first.send(signal.SIGSTOP)
            until(lambda: other.run("--duration", "0").code != REFUSED, "the lease runs out", TAKEOVER_S)

            with trading(other, one) as second:
                assert epoch_of(second) > epoch_of(first)
                before = asked(one, epoch_of(first))
                first.send(signal.SIGCONT)
                woken = first.wait()

                assert_names(woken, other, second)
                assert asked(one, epoch_of(first)) == before
                until(lambda: resting(one.ledger()), "the other one trades on")
                stopped = second.stop()
                assert (stopped.code, stopped.stderr) == (0, "")

        assert_is_started_again(one)  # and reads what was filled while it was stopped
        one.assert_books_agree()


def test_on_one_machine_a_stopped_one_is_not_taken_for_dead_and_a_killed_one_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with two_desks(tmp_path, url) as (one, other):
        with trading(one, one) as daemon:
            held = len(daemon.told("lease_held"))
            daemon.send(signal.SIGSTOP)
            until(lambda: has_run_out(url), "the lease runs out", TAKEOVER_S)
            assert_names(other.run(), one, daemon)
            before = len(asked(one, epoch_of(daemon)))

            daemon.send(signal.SIGCONT)
            daemon.until("it is silent until it has read the lease", lambda: len(daemon.told("lease_held")) > held)
            assert "has run out: it was not renewed in time" in daemon.told("lease_lost")[-1]["reason"]
            daemon.until("it trades again", lambda: len(asked(one, epoch_of(daemon))) > before)
            assert daemon.stop().code == 0

        one.variables[LEASE] = str(LONG_LEASE_S)
        with trading(one, one) as daemon:
            daemon.stop(signal.SIGKILL)
            assert_names(refused := other.run(), one, daemon)
            assert "or wait: its lease ends 20" in refused.stderr
        assert_is_started_again(one)
        assert_is_started_again(other)
        one.assert_books_agree()


def test_a_halt_is_one_of_the_account_whichever_data_directory_trades_on_it(tmp_path: Path) -> None:
    with two_desks(tmp_path, f"sqlite:///{tmp_path / 'shared.db'}") as (one, other):
        halted = one.run(**STRICT)
        assert halted.code == 3
        asked_for = orders_asked_for(one)

        there = other.run()

        (fact,) = (fact for fact in there.told if fact["event"] == "halted")
        assert (there.code, fact["cause"]) == (3, "loss")
        assert fact["reason"].startswith("max_daily_loss_quote: ")
        assert fact["reason"].endswith(" UTC with another data directory)")
        assert orders_asked_for(one) == asked_for, "it asks for nothing"

        resumed = other.command("resume", other.config, "--reason", "a typing error")
        assert (resumed.code, resumed.stderr) == (0, "")
        assert_is_started_again(other)
        here = one.run("--duration", "1")
        assert (here.code, here.stderr) == (0, "")
        (lifted,) = (fact for fact in here.told if fact["event"] == "resumed")
        assert (lifted["halt"], lifted["reason"]) == ("of an earlier life", "a typing error")
        assert_is_started_again(one)
        one.assert_books_agree()


def test_a_database_that_is_away_for_longer_than_the_lease_takes_everything_off_the_book(
    tmp_path: Path, postgres_url: str
) -> None:
    with Wire(postgres_url).laid() as wire:
        desk = Desk(tmp_path, **{DATABASE: wire.url, LEASE: str(LEASE_S)})
        with desk.running("run", desk.config) as daemon:
            daemon.until("it trades", lambda: resting(desk.ledger()))
            wire.cut()
            daemon.until("it says why", lambda: daemon.told("lease_lost"), TAKEOVER_S)
            daemon.until("nothing rests", lambda: not resting(desk.ledger()))
            status = desk.answer("status")
            (reason,) = status["not_quoting"].values()
            assert reason.startswith("the lease of the account has run out: ")
            assert status["lease"] == {
                "epoch": epoch_of(daemon),
                "is_held": False,
                "left_s": 0,
                "why": reason,
            }

            wire.mend()
            daemon.until("it trades again", lambda: resting(desk.ledger()), TAKEOVER_S)
            ended = daemon.stop()
        assert (ended.code, ended.stderr) == (0, "")
        desk.assert_books_agree()
