"""Each check that reads both books in the end is shown those of a real run, and then ones that were doctored."""

import base64
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from replenisher.config import load
from replenisher.core.replay import fold
from replenisher.core.state import State
from replenisher.model.command import Halt, HaltCause
from replenisher.model.event import PauseAsked, TradesReported, Woke
from replenisher.model.order import Status
from replenisher.model.step import Step
from replenisher.simulate.checks import ALL
from replenisher.simulate.checks.fills import FilledOnce
from replenisher.simulate.checks.latch import HaltIsALatch
from replenisher.simulate.checks.money import MoneyIsConserved
from replenisher.simulate.checks.orders import OrdersOnlyGoOn
from replenisher.simulate.checks.orphans import NoOrphans
from replenisher.simulate.checks.positions import PositionIsTheirs
from replenisher.simulate.checks.remembering import ONE_IN, JournalIsEnough
from replenisher.simulate.checks.secrecy import SecretsAreKept
from replenisher.simulate.court import Books, Check, FillRow, Objection, OrderRow
from replenisher.simulate.rows import database_in
from replenisher.simulate.run import START
from replenisher.simulate.world import World
from replenisher.store.database import Database
from replenisher.store.segments import Header
from replenisher.wiring.simulation import CANARY, SHIPPED, scene_of
from tests.simulate import test_checks_of_orders, test_checks_of_time, test_presence
from tests.simulate.story import KEY, Story, record
from tests.store.given import filled


@dataclass
class Lived:
    """A run that has ended flat: its checks, and its two books."""

    checks: Sequence[Check]
    books: Books

    def objection(self, kind: type[Check], books: Books) -> Objection:
        """What a check says of these books."""
        (check,) = (check for check in self.checks if type(check) is kind)
        return check.closed(books)

    @contextmanager
    def doctored(self, directory: Path, sql: str) -> Iterator[Books]:
        """A copy of the books in which somebody has changed the rows."""
        shutil.copytree(self.books.journal, directory / "journal")
        file = directory / "rows.db"
        source = self.books.database.url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(source)) as rows, closing(sqlite3.connect(file)) as copy:
            rows.backup(copy)
            copy.executescript(sql)
        with closing(Database(f"sqlite:///{file}")) as database:
            yield Books(database, self.books.ledger, directory / "journal", self.books.secrets)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    directory = tmp_path_factory.mktemp("lived")
    seen: list[Books] = []

    class Kept(Check):
        name = "kept"

        def closed(self, books: Books) -> None:
            seen.append(books)

    with database_in(directory) as database:
        scene = scene_of(load(SHIPPED))
        world = World(scene, seed=1, at=START, directory=directory / "journal", database=database, checks=[*ALL, Kept])
        world.run(90)
        world.calm()
        world.run(35)
        assert world.stop() == "exit 0"
        world.close()
        assert world.court.violations == []
        yield Lived(world.checks, seen[0])


@pytest.mark.parametrize(
    ("check", "sql", "complaint"),
    [
        (PositionIsTheirs, "UPDATE fills SET amount = amount + 10 WHERE rowid = 1", "rows sum up to"),
        (FilledOnce, "DELETE FROM fills WHERE rowid = 1", "a trade was never booked"),
        (FilledOnce, "UPDATE fills SET trade_id = 'made up' WHERE rowid = 1", "a trade was never booked"),
        (NoOrphans, "DELETE FROM endings", "ended, and no row says how"),
        (NoOrphans, "UPDATE endings SET exit_code = 3", "ended with exit 0, and its row says 3"),
        (MoneyIsConserved, "UPDATE fills SET fee = '0.1' WHERE rowid = 1", "our rows add up to"),
        (MoneyIsConserved, "UPDATE fills SET fee_currency = 'USDC' WHERE rowid = 1", "our rows add up to"),
        (JournalIsEnough, "DELETE FROM decisions WHERE rowid = 1", "a row of decisions was not recorded"),
        (
            JournalIsEnough,
            "UPDATE orders SET status = 'working' WHERE rowid = 1",
            "a row of orders is not in the journal",
        ),
    ],
)
def test_rows_that_somebody_has_changed_are_found(
    check: type[Check], sql: str, complaint: str, lived: Lived, tmp_path: Path
) -> None:
    assert lived.objection(check, lived.books) is None

    with lived.doctored(tmp_path, sql) as books:
        objection = lived.objection(check, books)

    assert complaint in (objection or "")


@pytest.mark.parametrize("index", ["0", "1000 - rowid"])
def test_s2_fills_of_one_answer_stand_in_the_order_in_which_they_happened(
    index: str, lived: Lived, tmp_path: Path
) -> None:
    story = Story(FilledOnce)
    for _ in range(3):
        story.trades(story.label(), amount=10)
    told = [filled(trade.label, trade.trade_id) for trade in story.evidence.trades.values()]
    story.steps(TradesReported(at=story.at, scope=KEY, fills=tuple(told), has_more=False))
    rows = f"DELETE FROM fills WHERE rowid > 3; UPDATE fills SET side = 'buy', epoch = {story.daemon.epoch}, step = 1;"
    for rowid, fill in enumerate(told, 1):
        rows += f"UPDATE fills SET trade_id = 'of {fill.trade_id}' WHERE rowid = {rowid};"
    rows += "UPDATE fills SET trade_id = substr(trade_id, 4);"

    with lived.doctored(tmp_path / "right", f'{rows} UPDATE fills SET "index" = rowid') as books:
        assert story.check.closed(books) is None
    with lived.doctored(tmp_path / "wrong", f'{rows} UPDATE fills SET "index" = {index}') as books:
        objection = story.check.closed(books)

    assert objection == f"a fill does not stand behind the one before it: BTC-PERPETUAL {told[1].trade_id} buy"


@pytest.mark.parametrize(
    ("row", "is_lie"), [("0, '[]'", True), ("1, '[]'", True), ("1, '[\"%s\"]'", True), ("0, '[\"%s\"]'", False)]
)
def test_s8_what_rested_when_a_life_ended_is_named_in_its_row(
    row: str, is_lie: bool, lived: Lived, tmp_path: Path
) -> None:
    story = Story(NoOrphans)
    label = story.label()
    story.takes(label)
    story.court.ended(story.daemon, "exit 1")
    ended = f"'journal', {story.daemon.epoch}, {story.at}, 1, 'why', {row.replace('%s', label)}"

    with lived.doctored(tmp_path, f"INSERT INTO endings VALUES ({ended})") as books:
        objection = story.check.closed(books)

    named = f"the life of epoch {story.daemon.epoch} has left {label}, and its row does not say so"
    assert objection == (named if is_lie else None)


@pytest.mark.parametrize("form", [str, lambda secret: secret.encode().hex(), lambda secret: quote(secret, safe="")])
def test_s18_a_secret_in_any_form_is_found(form: Callable[[str], str], lived: Lived, tmp_path: Path) -> None:
    with lived.doctored(tmp_path, "") as books:
        assert lived.objection(SecretsAreKept, books) is None
        (tmp_path / "log").write_text(f"sent key={form(CANARY)}")

        assert lived.objection(SecretsAreKept, books) == "a secret is in log"


@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_s18_a_secret_in_base64_is_found_wherever_it_begins(before: str, lived: Lived, tmp_path: Path) -> None:
    with lived.doctored(tmp_path, "") as books:
        (tmp_path / "log").write_bytes(base64.b64encode(f"{before}{CANARY}:".encode()))

        assert lived.objection(SecretsAreKept, books) == "a secret is in log"


# --- Rows as they are committed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "wrong", "complaint"),
    [
        (PositionIsTheirs, {"amount": "20"}, "moves the position by 20, and the trade by 10"),
        (FilledOnce, {"trade_id": "made up"}, "a fill was booked that is no trade"),
        (MoneyIsConserved, {"fee": "0.1"}, "and the exchange"),
        (MoneyIsConserved, {"liquidity": "maker"}, "and the exchange"),
    ],
)
def test_a_row_stands_for_a_trade_digit_for_digit(check: type[Check], wrong: dict[str, str], complaint: str) -> None:
    story = Story(check)
    story.trades(story.label(), amount=10)
    (trade,) = story.evidence.trades.values()
    row = FillRow(
        trade.instrument,
        trade.trade_id,
        trade.side,
        trade.label,
        f"{trade.price:f}",
        f"{trade.amount:f}",
        f"{trade.fee:f}",
        trade.fee_currency,
        "taker",
        trade.at,
    )
    story.court.booked(row)
    assert story.found == []

    story.court.booked(msgspec.structs.replace(row, **wrong))

    assert complaint in story.found[0]


def test_s3_in_the_end_an_order_counts_what_was_traded_of_it(lived: Lived) -> None:
    story = Story(OrdersOnlyGoOn)
    story.trades(story.label(), amount=1000)
    story.court.ordered(OrderRow(story.label(), Decimal(1000), Decimal(400), Status.WORKING, 1, 1))
    assert story.found == []

    story.court.closed(lived.books)

    assert story.found == [f"order {story.label()} counts 400 as filled, and the exchange has traded 1000 of it"]


def test_s17_each_halt_has_its_row(lived: Lived) -> None:
    story = Story(HaltIsALatch)
    story.court.closed(lived.books)
    assert story.found == []

    halt = Halt(cause=HaltCause.LOOP_LAG, reason="too slow")
    story.court.wrote(story.daemon, record(Step(number=1, at=1, events=(), commands=(halt,))))
    story.court.closed(lived.books)

    assert "halts without a row" in story.found[0]


# --- The journal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_complete", [True, False])
def test_s19_what_is_remembered_can_be_read_back(is_complete: bool) -> None:
    """A pause is an event that outlives the process; here it is journaled, or is not."""
    story = Story(JournalIsEnough)
    state = State.load(story.setup, None)
    snapshot = Header(format=1, journal_id="0" * 16, epoch=1, segment=1, step=0, at=0, snapshot=state.dump())
    story.court.wrote(story.daemon, record(snapshot))

    for number in range(1, 4 * ONE_IN):
        event = PauseAsked(at=number, reason=f"the operator: {number}")
        fold(state, [Step(number=number, at=number, events=(event,), commands=())])
        story.daemon.remembers = (number, state.dump())
        journaled = event if is_complete or number < ONE_IN else Woke(at=number)
        story.court.wrote(story.daemon, record(Step(number=number, at=number, events=(journaled,), commands=())))

    if is_complete:
        assert story.found == []
    else:
        assert "the journal does not tell what is remembered after step" in story.found[0]
        assert "pauses" in story.found[0]


# --- All of them ----------------------------------------------------------------------------------------------------


def test_every_check_is_shown_a_story() -> None:
    pages = (test_checks_of_orders, test_checks_of_time, test_presence, sys.modules[__name__])

    shown = {each for page in pages for each in vars(page).values() if isinstance(each, type) and each in ALL}

    assert [check.name for check in ALL if check not in shown] == []
