"""The recorder turns a journal into rows, whatever happens to it or to the database on the way."""

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from bench.small_exchange import BTC_PERPETUAL
from replenisher.errors import ConfigurationError
from replenisher.model.command import AmendOrder, CancelOrder, Denied, Halt, HaltCause, Intent, MoveSlot, Pause
from replenisher.model.event import (
    BalanceReported,
    CashKind,
    CashMoved,
    Ended,
    NotSent,
    OrderRejected,
    OrderWorking,
    OutcomeUnknown,
    PositionReported,
    RejectReason,
    RequestRejected,
    ResumeAsked,
    TradesReported,
)
from replenisher.model.instrument import TickStep
from replenisher.model.mandate import Chain, How, Link, Mandate, Owed
from replenisher.model.order import Request, Side, Status
from replenisher.model.step import Cut, Mark, Step
from replenisher.simulate.disk import SimulatedDisk
from replenisher.store import schema, tables
from replenisher.store.database import Database
from replenisher.store.growing import JournalFull
from replenisher.store.journal import Fsync, Journal, Policy
from replenisher.store.recorder import Recorder
from replenisher.store.safe_end import safe_end
from replenisher.store.segments import JournalCorrupt, read_header, read_steps, segments
from tests.disk import HeldDisk
from tests.store.given import (
    ACCOUNT,
    JOURNAL_ID,
    KEY,
    SECOND,
    T0,
    a_day,
    an_order_that_fills,
    book_changed,
    decision,
    defined,
    filled,
    order,
    place,
    started,
    step,
    write_journal,
)
from tests.stories.wire import Wire
from tests.waiting import until


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url, busy_timeout_ms=20)) as database:
        yield database


def rows(database: Database, table: object) -> list[dict[str, object]]:
    found = database.read(lambda c: c.execute(select(table).order_by(*table.primary_key)).mappings().all())
    return [dict(row) for row in found]


def everything(database: Database) -> dict[str, list[dict[str, object]]]:
    return {name: rows(database, table) for name, table in tables.metadata.tables.items()}


def test_a_journal_becomes_rows(journal: Path, database: Database) -> None:
    write_journal(journal, a_day(orders=2))

    assert Recorder(journal, database).record_all() == 5

    [life] = rows(database, tables.lives)
    assert (life["journal_id"], life["epoch"], life["accounts"]) == (JOURNAL_ID, 1, {"deribit": ACCOUNT})
    first, _ = rows(database, tables.orders)
    assert (first["account"], first["instrument"], first["status"]) == (ACCOUNT, "BTC-PERPETUAL", "filled")
    assert (first["price_ticks"], first["price"]) == (100_000, Decimal("50000.0"))
    assert (first["quantity_lots"], first["amount"], first["filled"]) == (10, Decimal(100), Decimal(100))
    assert (first["config_version"], first["epoch"], first["updated_step"]) == ("c1", 1, 3)
    assert [(row["kind"], row["intent"], row["price"]) for row in rows(database, tables.requests)] == [
        ("place", "quote", Decimal("50000.0"))
    ] * 2
    fill, _ = rows(database, tables.fills)
    assert (fill["trade_id"], fill["strategy"], fill["fee"]) == ("1", "core", Decimal("-0.0000002"))
    assert rows(database, tables.decisions)[0]["terms"] == {"mid": 50_000.25, "skew": "-inf"}
    assert rows(database, tables.cursor)[0]["step"] == 5


def test_every_kind_of_money_and_wish_has_its_row(journal: Path, database: Database) -> None:
    asked = {"order_id": "a", "instrument": KEY, "price": 1, "quantity": 2, "intent": Intent.REFILL}
    wishes = [
        AmendOrder(venue_order_id="v", valid_until=T0, deadline=T0, **asked),
        CancelOrder(order_id="a", venue_order_id="v", instrument=KEY, deadline=T0),
        MoveSlot(order_id="a", level=3),
        Denied(instrument=KEY, strategy="core", side=Side.SELL, level=1, price=3, quantity=4, reason="collar"),
        Pause(reason="daily loss", until=0),
        Halt(cause=HaltCause.LOSS, reason="daily loss"),
    ]
    money = [
        CashMoved(
            at=T0,
            venue="deribit",
            kind=CashKind.FUNDING,
            currency="BTC",
            amount=Decimal("1E-8"),
            venue_time=1,
            venue_id="f1",
        ),
        BalanceReported(at=T0, venue="deribit", currency="BTC", balance=Decimal("9.99999999")),
        PositionReported(at=T0, instrument=KEY, amount=Decimal("-2.2e3")),
        ResumeAsked(at=T0, reason="the loss is understood"),
    ]
    moved = [order("a", Status.WORKING, level=3)]
    write_journal(journal, [step(1, [started(), defined()]), step(2, money, wishes, moved), step(3, money[:1])])

    Recorder(journal, database).record_all()

    requests = rows(database, tables.requests)
    assert [row["kind"] for row in requests] == ["amend", "cancel", "move", "denied", "pause", "halt"]
    assert [row["index"] for row in requests] == [0, 1, 2, 3, 4, 5]
    assert requests[0]["amount"] == Decimal(20) and requests[0]["intent"] == "refill"
    assert requests[2]["instrument"] == "BTC-PERPETUAL" and requests[2]["level"] == 3
    assert [row["amount"] for row in rows(database, tables.cash_moves)] == [Decimal("0.00000001")]
    assert [row["balance"] for row in rows(database, tables.balances)] == [Decimal("9.99999999")]
    assert [row["amount"] for row in rows(database, tables.positions)] == [Decimal(-2200)]
    halts = [(row["kind"], row["cause"], row["reason"]) for row in rows(database, tables.halts)]
    assert sorted(halts) == [("halted", "loss", "daily loss"), ("resumed", "", "the loss is understood")]


def test_numbers_reach_sql_as_the_venue_wrote_them(journal: Path, database: Database) -> None:
    odd = filled("", "x", price=Decimal("61234.567890123456"), amount=Decimal("2.2e3"), fee=Decimal("0.1"))
    write_journal(journal, [step(1, [started(), defined(), odd])])

    Recorder(journal, database).record_all()

    [fill] = rows(database, tables.fills)
    assert (fill["price"], fill["amount"], fill["fee"]) == (odd.price, odd.amount, odd.fee)
    assert fill["strategy"] == "external", "its order is none of ours"


def test_what_a_life_asks_of_a_strategy_and_what_is_cut_from_its_quotes_has_rows(
    journal: Path, database: Database
) -> None:
    chain = Chain(
        links=(Link("skew", How.LOWER, ("lean", "half_spread")), Link("touch", How.AT, ("bid",), Side.BUY)),
        spreads_bps={Side.BUY: (8.0, 12.0), Side.SELL: (8.5,)},
        price_floor=100.5,
    )
    mandate = Mandate(
        instrument=KEY, idea="Idea", fair_value="mid", chain=chain, policy={"amend": "auto"}, limits={}, guards=None
    )
    owed = Owed(max_spread_bps=50.0, min_depth_quote=Decimal(20_000), min_uptime_pct=95.0)
    own = msgspec.structs.replace(mandate, chain=None, guards={"closest_bps": 1.5}, obligations=owed)
    began = msgspec.structs.replace(started(), mandates={"core": mandate, "own": own})
    cut = msgspec.structs.replace(decision(), cuts=(Cut(Side.BUY, 0, "min_profit_bps", 99_990, 10),))
    write_journal(journal, [step(1, [began, defined()]), step(2, [], [place("a")], [], [cut, decision()])])

    Recorder(journal, database).record_all()

    core, second = rows(database, tables.mandates)
    assert (core["strategy"], core["venue"], core["instrument"]) == ("core", "deribit", "BTC-PERPETUAL")
    assert msgspec.convert(core["chain"], Chain) == chain
    assert (core["policy"], core["guards"]) == ({"amend": "auto"}, None)
    assert (second["strategy"], second["chain"], second["guards"]) == ("own", None, {"closest_bps": 1.5})
    assert (core["obligations"], msgspec.convert(second["obligations"], Owed)) == (None, owed)
    assert [row["cuts"] for row in rows(database, tables.decisions)] == [[["buy", 0, "min_profit_bps", 99_990, 10]], []]


def test_how_a_life_ended_is_a_row_of_it(journal: Path, database: Database) -> None:
    ended = Ended(at=T0 + 9, exit_code=1, reason="SIGTERM", is_verified=False, may_rest=("a", "b"))
    write_journal(journal, [step(1, [started()])])
    write_journal(journal, [step(2, [started(epoch=2)]), step(3, [ended])], epoch=2)

    Recorder(journal, database).record_all()

    assert rows(database, tables.endings) == [
        {
            "journal_id": JOURNAL_ID,
            "epoch": 2,
            "ended_at": T0 + 9,
            "exit_code": 1,
            "reason": "SIGTERM",
            "is_verified": False,
            "may_rest": ["a", "b"],
        }
    ]


def test_a_fill_told_three_times_is_one_row(journal: Path, database: Database) -> None:
    told = filled("a", "1")
    page = TradesReported(at=T0, scope=KEY, fills=(told, filled("a", "2")), has_more=False)
    write_journal(
        journal,
        [
            step(1, [started(), defined()], [place("a")], [order("a", Status.PENDING)]),
            step(2, [told, told]),
            step(3, [page]),
        ],
    )

    Recorder(journal, database).record_all()

    assert [(row["trade_id"], row["strategy"]) for row in rows(database, tables.fills)] == [
        ("1", "core"),
        ("2", "core"),
    ]


def test_each_fill_of_an_answer_has_its_own_place_in_the_step(journal: Path, database: Database) -> None:
    """The venue tells them as they happened, which nothing else of them need say: all are of one moment."""
    page = TradesReported(
        at=T0, scope=KEY, fills=(filled("a", "9"), filled("a", "10"), filled("b", "8")), has_more=False
    )
    cash = BalanceReported(at=T0, venue="deribit", currency="BTC", balance=Decimal(1))
    write_journal(journal, [step(1, [started(), defined()]), step(2, [filled("a", "7"), page, cash, filled("a", "1")])])

    Recorder(journal, database).record_all()

    assert {row["trade_id"]: row["index"] for row in rows(database, tables.fills)} == {
        "7": 0,
        "9": 1,
        "10": 2,
        "8": 3,
        "1": 5,
    }
    assert [row["index"] for row in rows(database, tables.balances)] == [4]


def test_the_last_word_on_an_order_wins_and_its_life_stays_the_first(journal: Path, database: Database) -> None:
    write_journal(journal, [step(1, [started(), defined()], [place("a")], [order("a", Status.PENDING)])])
    Recorder(journal, database).record_all()
    write_journal(journal, [step(2, [started(epoch=2)], orders=[order("a", Status.UNKNOWN)])], epoch=2)

    Recorder(journal, database).record_all()
    _set_back(database)
    Recorder(journal, database).record_all()

    [row] = rows(database, tables.orders)
    assert (row["status"], row["epoch"], row["updated_epoch"]) == ("unknown", 1, 2)


@pytest.mark.parametrize(("fsync", "is_row"), [(Fsync.ALWAYS, True), (Fsync.INTERVAL, False), (Fsync.NEVER, True)])
def test_what_a_loss_of_power_could_take_is_no_row_yet_unless_nobody_wants_to_wait(
    journal: Path, database: Database, fsync: Fsync, is_row: bool
) -> None:
    """Else the order of the row rests for ever: no later life has ever heard of it."""
    with closing(Journal.open(journal, new_id=JOURNAL_ID, policy=Policy(fsync=fsync))) as writer:
        writer.begin(1, b"the state", T0)
        for each in [
            step(1, [started(), defined()]),
            step(2, [book_changed()], [place("a")], [order("a", Status.PENDING)]),
        ]:
            writer.append(each)
            writer.tick(T0)
        Recorder(journal, database).record_all()

        assert [row["order_id"] for row in rows(database, tables.orders)] == ["a"] * is_row

    Recorder(journal, database).record_all()

    assert [row["order_id"] for row in rows(database, tables.orders)] == ["a"]


def test_rows_follow_what_is_safe_through_segments_and_lives(journal: Path, database: Database) -> None:
    disk = HeldDisk()
    with closing(Journal.open(journal, new_id=JOURNAL_ID, policy=Policy(), disk=disk)) as writer:
        writer.begin(1, b"the state", T0)
        writer.append(step(1, [started(), defined()]))
        writer.rotate(b"the state", T0)
        writer.append(step(2, [book_changed()], [place("a")], [order("a", Status.PENDING)]))
        disk.hold()
        writer.tick(T0 + SECOND)
        Recorder(journal, database).record_all()
        assert (len(rows(database, tables.lives)), rows(database, tables.orders)) == (1, [])

        disk.let_go()
        until(lambda: writer.tick(T0 + 2 * SECOND) or safe_end(journal).offset == segments(journal)[-1].size)
        Recorder(journal, database).record_all()

        assert [row["order_id"] for row in rows(database, tables.orders)] == ["a"]

    write_journal(journal, [step(3, [started(epoch=2)], orders=[order("a", Status.CANCELED)])], epoch=2)
    Recorder(journal, database).record_all()

    assert [row["status"] for row in rows(database, tables.orders)] == ["canceled"]


def test_a_record_that_is_longer_than_a_bite_takes_nothing_with_it_that_is_not_safe(
    journal: Path, database: Database
) -> None:
    with closing(Journal.open(journal, new_id=JOURNAL_ID, policy=Policy())) as writer:
        writer.begin(1, b"the state", T0)
        writer.append(step(1, [started(), defined()]))
        writer.recover(T0)  # and so it is safe
        writer.append(step(2, [book_changed()], [place("a")], [order("a", Status.PENDING)]))

        Recorder(journal, database, batch_bytes=64).record_all()

        assert (len(rows(database, tables.lives)), rows(database, tables.orders)) == (1, [])


def test_where_there_is_no_room_to_say_what_is_safe_nothing_is_and_no_life_begins(
    journal: Path, database: Database
) -> None:
    disk = SimulatedDisk(Random(1))
    journal.mkdir()
    disk.close(disk.open(journal / "safe", os.O_WRONLY | os.O_CREAT))
    with closing(Journal.open(journal, new_id=JOURNAL_ID, policy=Policy(), disk=disk)) as writer:
        disk.hit = lambda: None

        def fill(moment: str) -> None:
            disk.is_full |= moment == "after sync"  # and so once the segment is there

        disk.reach = fill
        with pytest.raises(JournalFull):
            writer.begin(1, b"the state", T0)

        assert safe_end(journal) == (0, 0)
        assert Recorder(journal, database).record_all() == 0
        disk.reach, disk.is_full = lambda _: None, False


def test_telling_it_all_again_changes_nothing(journal: Path, database: Database) -> None:
    write_journal(journal, a_day(), rotate_every=3)
    Recorder(journal, database).record_all()
    once = everything(database)

    _set_back(database)
    Recorder(journal, database, batch_bytes=1).record_all()

    assert everything(database) == once


@given(st.integers(1, 4_000), st.integers(1, 6), st.integers(0, 20), st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_kill_between_or_within_any_two_batches_is_healed(
    database: Database, bite: int, rotate_every: int, killed_after: int, within: bool
) -> None:
    steps = a_day()
    _empty(database)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_journal(directory / "journal", steps, rotate_every=rotate_every)
        first = Recorder(directory / "journal", database, batch_bytes=bite)
        for _ in range(killed_after):
            first.record_batch()
        if within:
            with suppress(KilledError):
                Recorder(directory / "journal", DyingDatabase(database), batch_bytes=bite).record_all()

        Recorder(directory / "journal", database).record_all()

        assert len(rows(database, tables.fills)) == 5
        assert {row["status"] for row in rows(database, tables.orders)} == {"filled"}
        assert len(rows(database, tables.decisions)) == 5
        assert rows(database, tables.cursor)[0]["step"] == steps[-1].number


def test_a_connection_that_breaks_right_after_a_commit_writes_every_row_once(journal: Path, postgres_url: str) -> None:
    steps = a_day()
    write_journal(journal, steps, rotate_every=2)  # a segment is a batch
    schema.upgrade(postgres_url)
    with Wire(postgres_url).laid() as wire, closing(Database(wire.url)) as database:
        recorder = Recorder(journal, database)
        first = recorder.record_batch()
        assert first is not None
        wire.breaks_at = b"COMMIT\0"  # the server says that it has committed, and nobody hears it
        with pytest.raises(SQLAlchemyError):
            recorder.record_batch()
        assert wire.broken == 1
        with closing(Database(postgres_url)) as direct:
            committed = rows(direct, tables.cursor)[0]["step"]
        assert committed > first.cursor.step

        recorder.record_all()

        assert len(rows(database, tables.fills)) == 5
        assert len(rows(database, tables.decisions)) == 5
        assert rows(database, tables.cursor)[0]["step"] == steps[-1].number


class KilledError(BaseException):
    """The process ends here."""


class DyingDatabase(Database):
    """A database whose client dies after its rows are written and before they are committed."""

    def __init__(self, alive: Database) -> None:
        self.read = alive.read
        self._alive = alive

    def write(self, work: Callable[[Connection], object]) -> object:
        def work_and_die(connection: Connection) -> None:
            work(connection)
            raise KilledError

        return self._alive.write(work_and_die)


def test_it_follows_a_journal_that_is_being_written_and_drains(journal: Path, database: Database) -> None:
    wake = threading.Event()
    writer = Journal.open(journal, new_id=JOURNAL_ID, policy=Policy(fsync=Fsync.ALWAYS))
    recorder = Recorder(journal, database, wake=wake)
    recorder.start()
    writer.begin(1, b"", T0)
    for each in a_day(orders=20):
        writer.append(each)
        writer.tick(each.at)
        wake.set()
        if each.number % 7 == 0:
            writer.rotate(b"state", each.at)
    until(lambda: recorder.status.step == 41 and recorder.status.behind_bytes == 0)
    for each in an_order_that_fills(42, "tst000001999999", "late"):
        writer.append(each)
    writer.close()

    assert recorder.drain(timeout_s=10)

    assert len(rows(database, tables.fills)) == 21


def test_a_locked_database_delays_rows_and_loses_none(journal: Path, database: Database) -> None:
    write_journal(journal, a_day())
    recorder = Recorder(journal, database, retry_s_max=0.05)

    def meanwhile(_: Connection) -> None:
        recorder.start()
        until(lambda: "lock" in recorder.status.error)
        assert recorder.status.behind_bytes > 0

    with closing(Database(database.url)) as greedy:
        greedy.write(meanwhile)
    until(lambda: not recorder.status.error)

    assert recorder.drain(timeout_s=10)
    assert len(rows(database, tables.fills)) == 5


def test_while_rows_wait_it_tells_how_many_bytes_do_and_not_how_long_the_journal_is(
    journal: Path, database: Database
) -> None:
    writer = Journal.open(journal, new_id=JOURNAL_ID, policy=Policy(fsync=Fsync.ALWAYS))
    writer.begin(1, b"", T0)
    for each in a_day():
        writer.append(each)
        writer.tick(each.at)
    recorder = Recorder(journal, database, retry_s_max=0.05)
    recorder.record_all()
    (segment,) = segments(journal)
    recorded = segment.size

    def meanwhile(_: Connection) -> None:
        for each in an_order_that_fills(a_day()[-1].number + 1, "tst000001999999", "late"):
            writer.append(each)
            writer.tick(each.at)
        recorder.start()
        until(lambda: "lock" in recorder.status.error)
        assert recorder.status.behind_bytes == segment.size - recorded

    with closing(Database(database.url)) as greedy:
        greedy.write(meanwhile)
    assert recorder.drain(timeout_s=10)
    writer.close()


def test_whatever_fails_in_it_is_told_and_tried_again(journal: Path, database: Database) -> None:
    no_time = (1 << 64) - 1  # which the wire and the journal can carry
    order, end = an_order_that_fills(2, "tst000001000000", "1")
    end = msgspec.structs.replace(end, events=(filled("tst000001000000", "1", venue_time=no_time),))
    write_journal(journal, [*a_day(0), order, end])
    recorder = Recorder(journal, database, retry_s_max=0.05)

    recorder.start()

    until(lambda: bool(recorder.status.error), "it is told")
    assert not recorder.drain(timeout_s=0.3)


def test_draining_gives_up_in_time_when_the_database_stays_away(journal: Path, database: Database) -> None:
    write_journal(journal, a_day())
    recorder = Recorder(journal, database)

    def meanwhile(_: Connection) -> None:
        recorder.start()
        until(lambda: "lock" in recorder.status.error)
        assert not recorder.drain(timeout_s=0.3)
        assert "lock" in recorder.status.error

    with closing(Database(database.url)) as greedy:
        greedy.write(meanwhile)


def test_a_damaged_segment_stops_it_with_a_sentence(journal: Path, database: Database) -> None:
    write_journal(journal, a_day(), rotate_every=4)
    oldest = segments(journal)[0].path
    data = bytearray(oldest.read_bytes())
    data[-1] ^= 0xFF
    oldest.write_bytes(data)

    with pytest.raises(JournalCorrupt, match="a record is damaged"):
        Recorder(journal, database).record_all()


def test_damage_is_told_and_not_waited_for_also_where_the_journal_still_grows(
    journal: Path, database: Database
) -> None:
    write_journal(journal, a_day())
    (segment,) = segments(journal)
    header = read_header(segment)
    assert header is not None
    second = read_steps(segment, header[1], is_last=True)[0][1]
    data = bytearray(segment.path.read_bytes())
    data[second + 12] ^= 0xFF
    segment.path.write_bytes(data)
    recorder = Recorder(journal, database)

    with pytest.raises(JournalCorrupt, match=rf"offset {second}: a record is damaged"):
        recorder.record_all()

    assert recorder.status.step == a_day()[0].number


def test_a_half_written_record_is_waited_for(journal: Path, database: Database) -> None:
    write_journal(journal, a_day())
    path = segments(journal)[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    recorder = Recorder(journal, database)
    assert recorder.record_all() == len(a_day()) - 1

    path.write_bytes(whole)

    assert recorder.record_all() == 1


def test_of_a_segment_whose_name_power_loss_took_back_the_next_one_of_that_number_is_read_from_its_start(
    journal: Path, database: Database
) -> None:
    write_journal(journal, a_day())
    next_life = [step(20, [started(epoch=3)]), *an_order_that_fills(21, "the next", "20")]
    with closing(Journal.open(journal, new_id=JOURNAL_ID, policy=Policy())) as lost:
        lost.begin(2, bytes(2_000), T0)
        Recorder(journal, database).record_all()
    segments(journal)[-1].path.unlink()

    write_journal(journal, next_life, epoch=3)

    assert Recorder(journal, database).record_all() == len(next_life)


@pytest.mark.parametrize("nth", [2, 3], ids=["what it holds", "its name"])
def test_whoever_looks_while_a_segment_fails_to_start_loses_no_step(
    journal: Path, database: Database, nth: int
) -> None:
    recorder, disk, steps = Recorder(journal, database), SimulatedDisk(Random(1)), a_day()
    recorded: list[int] = []

    def reach(moment: str) -> None:
        if moment == "before sync":
            recorded.append(recorder.record_all())
            disk.syncs_fail = len(recorded) == nth

    with closing(Journal.open(journal, new_id=JOURNAL_ID, policy=Policy(fsync=Fsync.NEVER), disk=disk)) as writer:
        writer.begin(1, b"", T0)
        for each in steps[:2]:
            writer.append(each)
        disk.reach = reach
        with pytest.raises(JournalFull):
            writer.rotate(b"after two", T0)
        writer.recover(T0)
        for each in steps[2:]:
            writer.append(each)
        writer.rotate(b"after all", T0)

    assert sum(recorded) + recorder.record_all() == len(steps)


def test_an_order_keeps_the_tick_it_was_made_under(journal: Path, database: Database) -> None:
    coarser = msgspec.structs.replace(BTC_PERPETUAL, tick_steps=(TickStep(Decimal(0), Decimal(5)),), version=2)
    write_journal(journal, [step(1, [started(), defined()]), step(2, [defined(instrument=coarser)])])
    Recorder(journal, database).record_all()
    orders = [order("old", Status.WORKING, price=3), order("new", Status.WORKING, price=3, instrument_version=2)]
    write_journal(journal, [step(3, [started(epoch=2)], orders=orders, decisions=[decision()])], epoch=2)

    Recorder(journal, database).record_all()

    assert {row["order_id"]: row["price"] for row in rows(database, tables.orders)} == {
        "old": Decimal("1.5"),
        "new": Decimal(15),
    }


# --- More than one recorder on one database -------------------------------------------------------------------------


def record_at_once(*recorders: Recorder) -> None:
    with ThreadPoolExecutor(len(recorders)) as pool:
        for ended in [pool.submit(recorder.record_all) for recorder in recorders]:
            ended.result()


def test_two_desks_share_a_database(tmp_path: Path, ledger_url: str) -> None:
    with closing(Database(ledger_url)) as one, closing(Database(ledger_url)) as other:
        write_journal(tmp_path / "one", a_day(20, account="one"), journal_id="1" * 16)
        write_journal(tmp_path / "other", a_day(20, account="other"), journal_id="2" * 16)

        record_at_once(
            *(Recorder(tmp_path / name, at, batch_bytes=1) for name, at in {"one": one, "other": other}.items())
        )

        for table in (tables.orders, tables.fills):
            assert Counter(row["account"] for row in rows(one, table)) == {"one": 20, "other": 20}
        assert [row["step"] for row in rows(one, tables.cursor)] == [41, 41]


def test_two_recorders_of_one_journal_write_each_row_once(journal: Path, ledger_url: str) -> None:
    write_journal(journal, a_day(20))
    with closing(Database(ledger_url)) as one, closing(Database(ledger_url)) as other:
        record_at_once(Recorder(journal, one, batch_bytes=1), Recorder(journal, other, batch_bytes=1))

        assert len(rows(one, tables.fills)) == len(rows(one, tables.decisions)) == 20
        assert {row["status"] for row in rows(one, tables.orders)} == {"filled"}


def test_of_two_desks_that_start_at_once_on_different_exchanges_one_is_refused(
    journal: Path, database: Database, tmp_path: Path
) -> None:
    write_journal(journal, a_day())
    Recorder(journal, database).record_all()
    before = everything(database)
    write_journal(tmp_path / "other", a_day(account="main@ffffffffffffffff"), journal_id="f" * 16)

    with pytest.raises(ConfigurationError, match="holds the trades of exchange 00112233aabbccdd"):
        Recorder(tmp_path / "other", database).record_all()

    assert everything(database) == before


def _empty(database: Database) -> None:
    database.write(lambda c: [c.execute(table.delete()) for table in tables.metadata.tables.values()])


def _set_back(database: Database) -> None:
    database.write(lambda c: c.execute(tables.cursor.delete()))


def test_a_fill_says_where_the_market_stood_and_under_which_configuration_its_order_was_placed(
    journal: Path, database: Database
) -> None:
    first = a_day(orders=1)[:2]
    write_journal(journal, first)
    Recorder(journal, database).record_all()
    order_id, at_fill = "tst000001000000", Mark(instrument=KEY, trade_id="1", side=Side.BUY, bid=100_000, ask=100_001)
    at_fill = msgspec.structs.replace(at_fill, own_bid=99_990, own_ask=100_021)
    later = msgspec.structs.replace(at_fill, mids=(200_001, None, *[200_010] * 6))
    second = [
        step(3, [msgspec.structs.replace(started(2), config_version="c2")]),
        marked(step(4, [filled(order_id, "1")], orders=[order(order_id, Status.FILLED, level=3)]), at_fill),
        step(5, [filled("", "2", side=Side.SELL), filled(order_id, "1")]),
        marked(step(6, [book_changed()]), later),
    ]
    write_journal(journal, second, epoch=2)
    Recorder(journal, database).record_all()

    ours, others = rows(database, tables.fills)
    assert (ours["config_version"], ours["strategy"], ours["level"]) == ("c1", "core", 3)
    assert (ours["mid"], ours["spread"], ours["own_spread"]) == (Decimal("50000.25"), 0.5, 15.5)
    assert (others["config_version"], others["strategy"], others["level"]) == ("c2", "external", None)
    assert (others["mid"], others["spread"], others["own_spread"]) == (None, None, None)
    [after] = rows(database, tables.markouts)
    assert (after["trade_id"], after["side"], after["at"]) == ("1", "buy", T0 + 6 * SECOND)
    assert [after[name] for name in tables.MIDS] == [50_000.25, None, *[50_002.5] * 6]


def test_a_fill_says_what_a_contract_was_worth_though_the_venue_gives_it_another_size_later(
    journal: Path, database: Database
) -> None:
    tenfold = msgspec.structs.replace(BTC_PERPETUAL, contract_value=Decimal(10))
    write_journal(journal, a_day(orders=1))
    write_journal(journal, [step(9, [started(2), defined(instrument=tenfold)]), step(10, [filled("", "2")])], epoch=2)
    Recorder(journal, database).record_all()

    assert [row["contract_value"] for row in rows(database, tables.fills)] == [1, 10]
    assert [row["contract_value"] for row in rows(database, tables.instruments)] == [10]


def test_what_a_venue_answers_has_its_row_and_what_it_tells_of_its_own_accord_has_none(
    journal: Path, database: Database
) -> None:
    where = {"at": T0 + 5, "order_id": "a", "venue_order_id": "v", "venue_time": 1, "price": 1, "quantity": 1}
    refused = RequestRejected(
        at=T0 + 6, order_id="a", request=Request.AMEND, reason=RejectReason.POST_ONLY, message="too near"
    )
    told = [
        OrderWorking(**where, answers=Request.PLACE),
        OrderWorking(**where),
        refused,
        NotSent(at=T0 + 7, order_id="a", request=Request.AMEND),
        OutcomeUnknown(at=T0 + 8, order_id="a", request=Request.CANCEL, message="?"),
        OrderRejected(at=T0 + 9, order_id="nobody's", reason=RejectReason.FUNDS, message=""),
    ]
    write_journal(journal, [step(1, [started(), defined()]), step(2, told, [place("a")], [order("a", Status.WORKING)])])

    Recorder(journal, database).record_all()

    found = rows(database, tables.answers)
    assert [(row["at"] - T0, row["request"], row["outcome"], row["message"]) for row in found] == [
        (5, "place", "working", ""),
        (6, "amend", "post_only", "too near"),
        (7, "amend", "not_sent", ""),
        (8, "cancel", "unknown", "?"),
    ]
    assert {(row["venue"], row["account"], row["order_id"]) for row in found} == {("deribit", ACCOUNT, "a")}


def test_the_older_fills_of_a_ledger_go_to_the_configuration_of_their_orders(journal: Path, database_url: str) -> None:
    write_journal(journal, a_day(orders=1))
    schema.upgrade(database_url)
    with closing(Database(database_url)) as database:
        Recorder(journal, database).record_all()
        before = rows(database, tables.fills)

        schema.downgrade(database_url, "-1", drop_rows=True)
        schema.upgrade(database_url)

        assert rows(database, tables.fills) == before
        assert (before[0]["config_version"], before[0]["level"]) == ("c1", 0)


def marked(which: Step, mark: Mark) -> Step:
    return msgspec.structs.replace(which, marks=(mark,))
