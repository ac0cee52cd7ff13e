"""This machine as the doctor sees it: what is there, what is held, and nothing changed by looking."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from socket import gethostname

import msgspec
import pytest

from replenisher.config import Config, load
from replenisher.exchange.ledger import Opened
from replenisher.live.birth import begin
from replenisher.live.clock import SessionClock
from replenisher.live.sole import sole_daemon
from replenisher.live.stated import Outcome, Stated, keep
from replenisher.model.command import Command, Halt, HaltCause, Pause
from replenisher.model.event import Event, PauseAsked, Woke
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.store import leases
from replenisher.store.database import Database
from replenisher.store.leases import Claim
from replenisher.venues.doctor import Finding, Light
from replenisher.wiring.books import database_upgrade
from replenisher.wiring.child import ledger_of
from replenisher.wiring.machine import about_machine
from replenisher.wiring.memory import open_journal, resume
from replenisher.wiring.setup import setup_of
from tests.stories.desk import PAPER, contents


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """The shipped configuration, with a data directory that is not there yet."""
    monkeypatch.setenv("REPLENISHER_DATA_DIR", str(tmp_path / "data"))
    yield load(PAPER)


def look(config: Config) -> dict[str, Finding]:
    before = contents(config.data_dir)
    findings = {finding.check: finding for finding in about_machine(config)}
    assert contents(config.data_dir) == before, "a look changes nothing"
    return findings


def test_what_is_not_there_yet_is_fine(config: Config) -> None:
    findings = look(config)

    assert list(findings) == ["data directory", "disk", "journal", "database", "lease deribit"]
    assert {finding.light for finding in findings.values()} <= {Light.GREEN, Light.AMBER}  # the disk is what it is
    assert findings["database"].found == "replenisher.db in the data directory, `run` makes it"
    assert findings["lease deribit"].found == "nobody has traded on this account yet"


def test_a_database_that_is_up_to_date_is_said_to_be(config: Config) -> None:
    database_upgrade(config)

    assert look(config)["database"].found == "replenisher.db in the data directory, up to date"


def test_a_day_that_is_not_explained_is_told_until_it_is(config: Config) -> None:
    config.data_dir.mkdir()
    before, after = (Stated(date(2026, 11, day), Outcome.EXPLAINED, "all that moved is explained") for day in (24, 26))
    left = Stated(date(2026, 11, 25), Outcome.NOT_EXPLAINED, "not explained: BTC on deribit: -0.5 between 10:00 and")
    found: list[Finding] = []
    for days in ([before], [before, left, after]):
        keep(config.data_dir, days)
        found.append(look(config)["statement"])

    assert (found[0].light, found[0].found) == (Light.GREEN, "2026-11-24: all that moved is explained")
    assert (found[1].light, found[1].found) == (Light.AMBER, f"2026-11-25 is {left.told}")
    assert "replenisher statement" in found[1].advice


def lease_of(config: Config, data_directory: str, *, is_given_back: bool = False) -> Finding:
    """What is said of a lease that somebody with this data directory has just taken."""
    database_upgrade(config)
    opened = Opened(exchange_id="e", at=0, seed=1, market="synthetic", life=1)
    Path(ledger_of(config)).write_bytes(msgspec.json.encode(opened))
    accounts, life_ns = {"deribit": "main@e"}, 90 * SECOND_NS
    claim = Claim(
        accounts=accounts, journal_id="j", life_ns=life_ns, data_directory=data_directory, host=gethostname(), pid=4711
    )
    with closing(Database(config.database_url)) as database:
        database.write(lambda connection: leases.take(connection, claim, 17, database.now(connection)))
        if is_given_back:
            database.write(lambda connection: leases.give_back(connection, claim, 17))
    return look(config)["lease deribit"]


def test_a_lease_of_this_very_data_directory_is_in_nobodys_way(config: Config) -> None:
    finding = lease_of(config, str(config.data_dir))

    who = f"process 4711 on {gethostname()}, with the data directory {config.data_dir}, since 20"
    assert (finding.light, finding.advice) == (Light.GREEN, "")
    assert finding.found.startswith(who)
    assert re.search(r", epoch 17, nobody else's for 1[12]\d s$", finding.found)


def test_the_lease_of_another_daemon_is_red_until_it_is_given_back(config: Config) -> None:
    finding = lease_of(config, "/somewhere/else")

    assert finding.light is Light.RED
    assert "with the data directory /somewhere/else, since 20" in finding.found
    assert finding.advice == "stop it before `run`; if it is dead, wait until its lease has run out"


def test_a_lease_that_was_given_back_is_free(config: Config) -> None:
    finding = lease_of(config, "/somewhere/else", is_given_back=True)

    assert (finding.light, finding.found) == (Light.GREEN, "free; the last one had epoch 17")


def test_a_data_directory_that_cannot_be_made_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_file").write_text("not a folder")
    monkeypatch.setenv("REPLENISHER_DATA_DIR", str(tmp_path / "a_file" / "data"))

    finding = look(load(PAPER))["data directory"]

    assert (finding.light, finding.found) == (Light.RED, f"{tmp_path}/a_file/data cannot be made or written")


def test_a_directory_that_somebody_holds_without_an_answer_is_red(config: Config) -> None:
    config.data_dir.mkdir()

    with sole_daemon(config.data_dir):
        finding = look(config)["data directory"]

    assert (finding.light, finding.found) == (
        Light.RED,
        f"another process holds {config.data_dir} and does not answer",
    )
    assert look(config)["data directory"].light is Light.GREEN


def left_with(config: Config, fact: Event, *commands: Command) -> None:
    """A life has heard this, done that for it, and ended."""
    journal = open_journal(config)
    begin(journal, setup_of(config), fact.at)
    journal.append(Step(number=journal.step + 1, at=fact.at, events=(fact,), commands=commands))
    journal.close()


def test_a_pause_that_outlives_a_life_is_told(config: Config) -> None:
    left_with(config, PauseAsked(at=SessionClock().now(), reason="the operator"))

    finding = look(config)["pauses"]

    assert finding.light is Light.AMBER
    assert finding.found == "everything is paused until an operator resumes: the operator"
    resume(config, "")
    assert "pauses" not in look(config)


def test_a_halt_that_the_database_does_not_know_is_told_as_well(config: Config) -> None:
    left_with(config, Woke(at=SessionClock().now()), Halt(cause=HaltCause.LOSS, reason="250.00 lost today"))

    finding = look(config)["halts"]

    assert (finding.light, finding.found) == (Light.RED, "250.00 lost today")


def test_a_pause_that_ends_by_itself_is_told_until_then(config: Config) -> None:
    at, ended = SessionClock().now(), Pause(reason="too many refusals", until=1, strategy="core")
    left_with(config, Woke(at=at), ended)
    assert "pauses" not in look(config)

    until = 4_102_444_800 * SECOND_NS
    left_with(config, Woke(at=at), Pause(reason="a cooloff", until=until, strategy="core"))

    assert look(config)["pauses"].found == "core is paused until 2100-01-01 00:00:00 UTC: a cooloff"
