"""Bad input loses nothing: one clear sentence, the right exit code, and every file is as it was before."""

import gzip
import json
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from replenisher.live.sole import sole_daemon
from replenisher.model.units import SECOND_NS
from replenisher.store.segments import segments
from tests.postgres import connected
from tests.store.tapes import START, market
from tests.store.tapes import written as on_tape
from tests.stories.desk import DATABASE, GLFT, PAPER, REPLAY, Desk, Ended, Process, contents, orders_asked_for
from tests.stories.price_source import source

Mistake = Callable[[Desk], list[str | Path]]
CONFIGURATION, UNREACHABLE, FAILURE, USAGE = 78, 75, 1, 2
TAKEN = "the port on which another program listens"


@pytest.fixture(scope="module")
def yesterday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory on which somebody has traded."""
    desk = Desk(tmp_path_factory.mktemp("yesterday"))
    ended = desk.run("--duration", "1")
    assert (ended.code, ended.stderr) == (0, "")
    return desk.data


@pytest.fixture(scope="module")
def yesterday_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Likewise, on an exchange that somebody else has started."""
    desk = Desk(tmp_path_factory.mktemp("elsewhere"))
    ledger = tmp_path_factory.mktemp("books") / "books.jsonl"
    with Desk(ledger.parent).running("exchange", "--ledger", ledger) as exchange:
        exchange.until("it listens", exchange.lines)
        url = json.loads(exchange.lines()[0])["url"]
        ended = desk.run("--duration", "1", REPLENISHER_VENUES__DERIBIT__URL=url)
    assert (ended.code, ended.stderr) == (0, "")
    return desk.data


# --- Mistakes: each prepares a desk, and says how the program is started -----------------------------------------


def written(old: str, new: str, base: Path = PAPER) -> Mistake:
    """Something wrong is written in the configuration."""

    def prepare(desk: Desk) -> list[str | Path]:
        text = base.read_text()
        assert text.count(old) >= 1, f"{old!r} is not in {base.name}"
        desk.config = desk.room / "desk.yaml"
        desk.config.write_text(text.replace(old, new, 1))
        return ["run", desk.config]

    return prepare


def live_on_kraken(desk: Desk) -> list[str | Path]:
    """Real money is about to go to an exchange that nobody has tried."""
    key = "    api_key: me\n    api_secret: hunter2\n"
    written("    adapter: deribit\n", f"    adapter: ccxt\n    exchange: kraken\n{key}")(desk)
    written("mode: paper", "mode: live", desk.config)(desk)
    return ["run", desk.config, "--live"]


def database(url: str) -> Mistake:
    """The database is somewhere else; `{room}` is a folder."""

    def prepare(desk: Desk) -> list[str | Path]:
        (desk.room / "a_file").write_text("not a folder")
        return written("sqlite:///replenisher.db", url.format(room=desk.room))(desk)

    return prepare


def tape(lines: list[str], *, cut_bytes: int = 0) -> Mistake:
    """A tape with these lines after a good beginning, and its last bytes missing."""

    def prepare(desk: Desk) -> list[str | Path]:
        file = desk.room / "tape.jsonl.gz"
        packed = gzip.compress("".join(f"{line}\n" for line in [*TAPE, *lines]).encode())
        file.write_bytes(packed[: len(packed) - cut_bytes])
        return ["run", REPLAY, "--tape", file]

    return prepare


def our_tape(*arguments: str, content: Callable[[bytes], bytes] = bytes, name: str = "old.tape") -> Mistake:
    """One of our tapes is there, and something was done to it; the program is started with `FILE` in its place."""

    def prepare(desk: Desk) -> list[str | Path]:
        file = desk.room / name
        on_tape(file, market(12))
        file.write_bytes(content(file.read_bytes()))
        return [file if each == "FILE" else desk.room / each[1:] if each[0] == "@" else each for each in arguments]

    return prepare


def replayed(mistake: Mistake, *more: str) -> Mistake:
    """The same, but the desk replays it, and would like to have the files."""

    def prepare(desk: Desk) -> list[str | Path]:
        _, *rest = mistake(desk)
        return ["replay", *rest, *more, "--data-directory", desk.data]

    return prepare


def asking_over_http(desk: Desk) -> list[str | Path]:
    """It quotes by what somebody answers over HTTP."""
    written("fair_value: {source: mid}", "fair_value: {source: http, http: desk}")(desk)
    source = '{desk: {url: "http://127.0.0.1:1/", field: price, poll_ms: 200}}'
    return written("version: 1", f"version: 1\nprice_sources: {source}", desk.config)(desk)


def as_it_is(*words: str | Path) -> Mistake:
    """Nothing was done but to start it so."""
    return lambda desk: ["run", *words]


def flipped(place: int) -> Callable[[bytes], bytes]:
    """A byte is another one."""
    return lambda data: data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def record_of_nobody(desk: Desk) -> list[str | Path]:
    """The venue is dead."""
    desk.connect("ws://127.0.0.1:1/ws/api/v2")
    return ["record", PAPER, "--out", desk.room / "new.tape", "--duration", "1"]


def recorded_raw(desk: Desk) -> list[str | Path]:
    """What only a login may hear is asked for without one."""
    _, config = written("mode: paper", "mode: testnet")(desk)
    return ["record", config, "--raw", "--out", desk.room / "new.tape"]


def out_of_order(*arguments: str) -> Mistake:
    """What was recorded later stands before what was recorded earlier."""

    def prepare(desk: Desk) -> list[str | Path]:
        file = desk.room / "disorder.tape"
        on_tape(file, [*market(12), *market(2, start=START + 3 * SECOND_NS)])
        return [file if each == "FILE" else each for each in arguments]

    return prepare


def calibrated(*, trades: int) -> Mistake:
    """A recording with so many trades is calibrated on."""

    def prepare(desk: Desk) -> list[str | Path]:
        trade = {"e": "trade", "E": 1, "T": 1, "s": "BTCUSDT", "p": "101.0", "q": "1.000", "X": "MARKET", "m": False}
        printed = [json.dumps({"stream": "btcusdt@trade", "data": trade | {"t": number}}) for number in range(trades)]
        tape([f"{1002 + number} {line}" for number, line in enumerate(printed)])(desk)
        return ["calibrate", desk.room / "tape.jsonl.gz"]

    return prepare


def fair_value(text: str, answer: bytes = b"") -> Mistake:
    """A fair value that goes by this; where a source of prices over HTTP is named, it gives this answer."""

    def prepare(desk: Desk) -> list[str | Path]:
        command = written("fair_value: {source: mid}", f"fair_value: {text}")(desk)
        server = desk.held.enter_context(source())
        server.answer = answer
        url = f"http://127.0.0.1:{server.server_port}/"
        with desk.config.open("a") as file:
            file.write(f'\nprice_sources: {{spot: {{url: "{url}", field: btc.0, poll_ms: 500}}}}\n')
        return command

    return prepare


def statement(sql: str, *, verb: str = "run", also: Callable[[Desk], object] = lambda desk: None) -> Mistake:
    """Somebody has changed the database of yesterday, if there is one."""

    def prepare(desk: Desk) -> list[str | Path]:
        if not desk.database.exists():
            desk.data.mkdir(exist_ok=True)
        with closing(sqlite3.connect(desk.database)) as connection, connection:
            connection.executescript(sql)
        also(desk)
        return [verb, PAPER]

    return prepare


def no_database(desk: Desk) -> list[str | Path]:
    desk.data.mkdir(exist_ok=True)
    desk.database.write_bytes(b"Dear diary, today I have traded a lot.\n" * 100)
    return ["run", PAPER]


def never_ran(*verb: str) -> Mistake:
    """A verb that looks back, where nothing ever was; a word that follows the configuration is the last one."""
    if verb[0] == "why":
        return lambda desk: [verb[0], PAPER, verb[1]]
    return lambda desk: [*verb, PAPER]


def played(path: str) -> Mistake:
    return lambda desk: ["exchange", "--ledger", desk.ledger_file, "--tape", path]


def an_order_that_is_not_there(desk: Desk) -> list[str | Path]:
    return ["why", PAPER, "rplnothing"]


def a_name_of_many_orders(desk: Desk) -> list[str | Path]:
    """Every order of ours begins so."""
    return ["why", desk.database, "rpl"]


def another_exchange(desk: Desk) -> list[str | Path]:
    """The exchange's books were lost, so that the one that would be started is another."""
    desk.ledger_file.unlink()
    return ["run", PAPER]


def books_of_another_exchange(desk: Desk) -> list[str | Path]:
    records = desk.ledger()
    first = json.dumps(records[0] | {"exchange_id": "0123456789abcdef"}).replace(" ", "")
    rest = desk.ledger_file.read_text().partition("\n")[2]
    desk.ledger_file.write_text(f"{first}\n{rest}")
    return ["run", PAPER]


def damaged_books(desk: Desk) -> list[str | Path]:
    lines = desk.ledger_file.read_text().splitlines(keepends=True)
    desk.ledger_file.write_text("".join([*lines[:2], "{not json}\n", *lines[2:]]))
    return ["run", PAPER]


def damaged_journal(desk: Desk) -> list[str | Path]:
    """A byte in the middle of what the last life has written is another one."""
    newest = segments(desk.data / "journal")[-1].path
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 0xFF
    newest.write_bytes(data)
    return ["run", PAPER]


def a_file_for_a_data_directory(desk: Desk) -> list[str | Path]:
    desk.data = desk.room / "a_file" / "data"
    desk.data.parent.write_text("not a folder")
    desk.variables["REPLENISHER_DATA_DIR"] = str(desk.data)
    return ["run", PAPER]


def a_port_in_use(desk: Desk) -> list[str | Path]:
    return ["exchange", "--port", TAKEN, "--ledger", desk.ledger_file]


def a_directory_in_use(desk: Desk) -> list[str | Path]:
    """Held as a daemon holds it, while the test lasts."""
    desk.data.mkdir(exist_ok=True)
    desk.held.enter_context(sole_daemon(desk.data))
    return ["run", PAPER]


TAPE = [
    '1000 {"lastUpdateId":10,"bids":[["100.0","1.000"]],"asks":[["101.0","1.000"]]}',
    '1001 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":10,"u":11,"pu":9,'
    '"b":[["99.0","2.000"]],"a":[]}}',
]

OWED = "obligations: {max_spread_bps: 5, min_depth_quote: 500, min_uptime_pct: 90}"
MEASURED_K = "k: {window_s: 300, min: 0.005, max: 0.5}"
COMPOSITE = "source: composite, outlier_bps: 20, min_legs: 1"
SPOT = "{source: http, http: spot, max_age_ms: 1000}"
NEW, OLD = "a new desk", "the desk of yesterday"
EITHER = (NEW, OLD)

# What is wrong, on which desks it can be, how the program must end, and what it must say.
TABLE: list[tuple[str, tuple[str, ...], Mistake, int, str]] = [
    (
        "an unknown key",
        EITHER,
        written("order_amount: 1000", "order_amout: 1000"),
        CONFIGURATION,
        "strategies[0].order_amout is not a known key",
    ),
    (
        "a key twice",
        EITHER,
        written("order_levels: 5", "order_levels: 5\n    order_levels: 6"),
        CONFIGURATION,
        "order_levels is given twice",
    ),
    (
        "a wrong unit",
        EITHER,
        written("bid_spread_bps: 8", "bid_spread_pct: 8"),
        CONFIGURATION,
        "did you mean bid_spread_bps, in basis points?",
    ),
    (
        "a negative size",
        EITHER,
        written("order_amount: 1000", "order_amount: -1000"),
        CONFIGURATION,
        "order_amount: -1000 is not allowed, it must be greater than 0",
    ),
    (
        "a missing secret",
        EITHER,
        written("mode: paper", "mode: testnet"),
        CONFIGURATION,
        "venues.deribit.api_key is missing",
    ),
    (
        "an unknown instrument",
        EITHER,
        written("instrument: BTC-PERPETUAL", "instrument: BTC-PERPETUUM"),
        CONFIGURATION,
        "strategies[0].instrument: 'BTC-PERPETUUM' is not allowed, the simulated exchange offers BTC-PERPETUAL",
    ),
    (
        "an exchange that ccxt does not know",
        EITHER,
        written("adapter: deribit", "adapter: ccxt\n    exchange: krakken"),
        CONFIGURATION,
        "'krakken' is not allowed, ccxt has no streams for such an exchange, did you mean kraken?",
    ),
    (
        "an exchange of ccxt's that cannot be traded on",
        (NEW,),
        written("adapter: deribit", "adapter: ccxt\n    exchange: coincheck"),
        CONFIGURATION,
        "venues.deribit.exchange: 'coincheck' is not allowed, ccxt passes the name of an order and post-only on",
    ),
    (
        "real money on an exchange that nobody has tried",
        EITHER,
        live_on_kraken,
        CONFIGURATION,
        "venues.deribit.exchange: 'kraken' is not allowed, nobody has tried it through this program yet: to go live",
    ),
    (
        "an unknown strategy",
        EITHER,
        written("strategy: pure_mm", "strategy: pure_luck"),
        CONFIGURATION,
        "strategies[0].strategy: 'pure_luck' is not allowed",
    ),
    (
        "an amount under the minimum",
        EITHER,
        written("order_amount: 1000", "order_amount: 5"),
        CONFIGURATION,
        "strategies[0]: the sizes of bids 0, 1, 2, 3, 4 and asks 0, 1, 2, 3, 4 would be below the venue's minimum",
    ),
    (
        "obligations that the ladder does not meet even where it stands untouched",
        EITHER,
        written("size_unit: quote", f"size_unit: quote\n    {OWED}"),
        CONFIGURATION,
        "strategies[0].obligations cannot be met, not even at rest: the spread is too wide: 16.00 bps, and 5 are owed",
    ),
    (
        "a paper configuration with a real venue's address",
        EITHER,
        written("adapter: deribit", "adapter: deribit\n    url: wss://www.deribit.com/ws/api/v2"),
        CONFIGURATION,
        "venues.deribit.url: 'wss://www.deribit.com/ws/api/v2' is not allowed, in mode paper the host must be loopback",
    ),
    (
        "a data directory that another daemon uses",
        EITHER,
        a_directory_in_use,
        UNREACHABLE,
        "another daemon runs on this data directory, stop it or set REPLENISHER_DATA_DIR",
    ),
    (
        "an aversion to risk of nothing",
        EITHER,
        written("gamma: 0.05", "gamma: 0", GLFT),
        CONFIGURATION,
        "strategies[0].gamma: 0 is not allowed, it must be greater than 0",
    ),
    (
        "takers who come more often the further out one stands",
        EITHER,
        written(MEASURED_K, "k: {value: -0.05}", GLFT),
        CONFIGURATION,
        "strategies[0].k.value: -0.05 is not allowed, it must be greater than 0",
    ),
    (
        "a calibration on nearly nothing",
        EITHER,
        calibrated(trades=3),
        CONFIGURATION,
        "market orders are too few to tell how often they come",
    ),
    (
        "a leg that the exchange does not list",
        EITHER,
        fair_value(f"{{{COMPOSITE}, legs: [{{http: spot}}, {{venue: deribit, instrument: BTC_USDC}}]}}"),
        CONFIGURATION,
        "strategies[0].fair_value.legs[1].instrument: 'BTC_USDC' is not allowed, the simulated exchange offers BTC-",
    ),
    (
        "a composite whose only leg is always stale",
        EITHER,
        fair_value(f"{{{COMPOSITE}, legs: [{{http: spot, max_age_ms: 500}}]}}"),
        CONFIGURATION,
        "strategies[0].fair_value.legs[0].max_age_ms: 500 is not allowed, it must be greater than price_sources.spot.",
    ),
    *(
        (
            f"a source of prices that answers {answer.decode()}",
            (NEW,),
            fair_value(SPOT, answer),
            CONFIGURATION,
            f"price_sources.spot: {reason}",
        )
        for answer, reason in (
            (b"<html>", "its answer is no JSON"),
            (b'{"eth": [3000]}', "its answer has no btc.0"),
            (b'{"btc": ["NaN"]}', "its btc.0 is no price: 'NaN'"),
        )
    ),
    ("no tape", EITHER, lambda _: ["run", REPLAY], CONFIGURATION, "is missing, name a recording with --tape FILE"),
    (
        "a tape that is not there",
        EITHER,
        lambda _: ["run", REPLAY, "--tape", "none.gz"],
        CONFIGURATION,
        "none.gz' is not allowed, there is no such file",
    ),
    ("a tape cut off", EITHER, tape([], cut_bytes=9), CONFIGURATION, "the file is cut off or corrupt from here on"),
    (
        "a tape of ours with a flipped byte",
        (NEW,),
        our_tape("run", str(REPLAY), "--tape", "FILE", content=flipped(100)),
        CONFIGURATION,
        "old.tape, byte 8: the block that begins here is not what was written",
    ),
    (
        "a tape of ours out of order",
        (NEW,),
        out_of_order("run", str(REPLAY), "--tape", "FILE"),
        CONFIGURATION,
        "in the block that begins there: the tape is out of order, its time goes back by 9.000 s here",
    ),
    (
        "a tape of ours that begins in a way of tomorrow's",
        (NEW,),
        our_tape("tape", "info", "FILE", content=lambda data: data[:7] + b"2" + data[8:]),
        CONFIGURATION,
        "old.tape: it has version '2' of the format, '1' alone is known",
    ),
    (
        "a tape that does not tell of what is traded",
        (NEW,),
        our_tape("calibrate", "FILE", "--instrument", "ETH-PERPETUAL"),
        CONFIGURATION,
        "old.tape: it tells of BTC-PERPETUAL, not of ETH-PERPETUAL",
    ),
    (
        "a file of no form that is known",
        (NEW,),
        our_tape("tape", "convert", "FILE", "@new.tape", content=lambda _: b"GIF89a and so on"),
        CONFIGURATION,
        "old.tape: it is neither a tape, nor lines of Binance's streams",
    ),
    (
        "a recording that is not there",
        (NEW,),
        our_tape("tape", "info", "@none.tape"),
        CONFIGURATION,
        "none.tape: cannot be read (No such file or directory)",
    ),
    (
        "a new tape where there is a file",
        (NEW,),
        our_tape("tape", "convert", "FILE", "@old.tape"),
        CONFIGURATION,
        "old.tape: there is a file of that name already",
    ),
    (
        "a new tape in a folder that is not there",
        (NEW,),
        our_tape("tape", "convert", "FILE", "@nowhere/new.tape"),
        CONFIGURATION,
        "nowhere/new.tape: cannot be written (No such file or directory)",
    ),
    (
        "a part of a tape from no time",
        (NEW,),
        our_tape("tape", "convert", "FILE", "@new.tape", "--since", "noon"),
        USAGE,
        "--since: 'noon' is no time like 2026-01-31T13:45:00Z",
    ),
    (
        "a recorder that is to go on with a file that is no tape",
        (NEW,),
        our_tape("record", str(PAPER), "--out", "FILE", content=lambda _: b"precious"),
        CONFIGURATION,
        "old.tape: it does not begin as a tape does",
    ),
    (
        "a corrupt tape",
        EITHER,
        tape(['1002 {"stream":"btcusdt@trade","data":{"e":"tra']),
        CONFIGURATION,
        "line 3: not a market data message",
    ),
    ("a tape of nothing", EITHER, tape(["soon {}"]), CONFIGURATION, "line 3: it does not begin with a time"),
    (
        "a database in a folder that is not there",
        EITHER,
        database("sqlite:///{room}/nowhere/books.db"),
        CONFIGURATION,
        "cannot be made: there is no folder",
    ),
    (
        "a database below a file",
        EITHER,
        database("sqlite:///{room}/a_file/books.db"),
        CONFIGURATION,
        "cannot be made: there is no folder",
    ),
    (
        "a database where nobody may write",
        EITHER,
        database("sqlite:////proc/books.db"),
        CONFIGURATION,
        "the database /proc/books.db cannot be written",
    ),
    (
        "a database server that does not answer",
        EITHER,
        database("postgresql://desk:hunter2@127.0.0.1:1/books"),
        UNREACHABLE,
        "the database postgresql://desk:***@127.0.0.1:1/books cannot be reached: Connection refused",
    ),
    *(
        (
            f"{driver} as a driver",
            EITHER,
            database(f"postgresql+{driver}://desk:hunter2@127.0.0.1:1/books"),
            CONFIGURATION,
            "its driver must be pg8000: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        )
        for driver in ("asyncpg", "psycopg", "psycopg2")
    ),
    (
        "a newer schema",
        EITHER,
        statement(
            "create table if not exists alembic_version (version_num varchar(32) not null);"
            "delete from alembic_version; insert into alembic_version values ('9999');"
        ),
        CONFIGURATION,
        "the database has schema 9999, which is newer than this replenisher knows",
    ),
    (
        "an audit of an older schema",
        (OLD,),
        statement("update alembic_version set version_num = '0001';", verb="audit"),
        CONFIGURATION,
        "the database has schema 0001, which is older than this replenisher's: say `replenisher db upgrade CONFIG`",
    ),
    (
        "an older copy of the journal",
        (OLD,),
        statement("update cursor set epoch = epoch + 1;"),
        CONFIGURATION,
        "data/journal: the database has later rows of this journal, so this is an older copy of it: bring the newest",
    ),
    (
        "a halt lifted in an older copy of the journal",
        (OLD,),
        lambda desk: ["resume", statement("update cursor set epoch = epoch + 1;")(desk)[1], "--reason", "seen"],
        CONFIGURATION,
        "data/journal: the database has later rows of this journal, so this is an older copy of it: bring the newest",
    ),
    (
        "an audit where money is real",
        EITHER,
        lambda desk: ["audit", written("mode: paper", "mode: live")(desk)[1]],
        CONFIGURATION,
        "in mode live there are no books of an exchange to read: `replenisher statement` holds the ledger against",
    ),
    (
        "real money without a memory",
        EITHER,
        lambda desk: ["run", str(desk.config), "--live", "--fresh"],
        USAGE,
        "the command line: --fresh forgets halts and the day's loss, which nobody may who trades with --live",
    ),
    (
        "an order that is not there",
        (OLD,),
        an_order_that_is_not_there,
        FAILURE,
        "there is no order 'rplnothing' in the ledger, and none whose id begins so",
    ),
    ("a name of many orders", (OLD,), a_name_of_many_orders, FAILURE, "more than one order begins with rpl: rpl"),
    ("a file that is no database", EITHER, no_database, CONFIGURATION, "is not a database of replenisher"),
    *(
        (f"no database yet, for {verb[0]}", (NEW,), never_ran(*verb), CONFIGURATION, ": the first `run` makes it")
        for verb in (["report"], ["statement"], ["why", "rpl"], ["obligations"], ["db", "check"])
    ),
    (
        "a file for a folder of a database",
        (NEW,),
        lambda desk: ["db", "upgrade", a_file_for_a_data_directory(desk)[1]],
        CONFIGURATION,
        "cannot be made: Not a directory",
    ),
    (
        "a ledger where nobody may write",
        (NEW,),
        lambda desk: ["exchange", "--ledger", "/proc/exchange.ledger"],
        CONFIGURATION,
        "the exchange's ledger /proc/exchange.ledger cannot be opened",
    ),
    (
        "a replay where nobody may write",
        (NEW,),
        lambda desk: ["replay", PAPER, "--minutes", "0.01", "--data-directory", "/proc/replay"],
        CONFIGURATION,
        "/proc/replay: cannot be written",
    ),
    *(
        (f"{name} for a tape", (NEW,), played(path), CONFIGURATION, f"{path!r} is not allowed, it is no file")
        for name, path in (("a folder", "/dev"), ("nothing", "/dev/null"))
    ),
    ("a port in use", EITHER, a_port_in_use, FAILURE, " is in use: Address already in use"),
    (
        "another exchange than that of the database",
        (OLD,),
        another_exchange,
        CONFIGURATION,
        "this database holds the trades of exchange",
    ),
    (
        "the books of another exchange",
        (OLD,),
        books_of_another_exchange,
        CONFIGURATION,
        "and the exchange of this data directory is 0123456789abcdef",
    ),
    ("damaged books of the exchange", (OLD,), damaged_books, CONFIGURATION, "ledger is damaged at line 3"),
    ("a damaged journal", (OLD,), damaged_journal, CONFIGURATION, ": a record is damaged, and whole ones follow it; "),
    (
        "a data directory that cannot be made",
        (NEW,),
        a_file_for_a_data_directory,
        CONFIGURATION,
        "the data directory cannot be made: Not a directory",
    ),
]


TABLE += [
    (
        "a replay of a tape that is cut off",
        (NEW,),
        replayed(tape([], cut_bytes=20)),
        CONFIGURATION,
        "the file is cut off or corrupt from here on",
    ),
    *(
        (
            f"`{verb}` of an inverse tape as a linear perpetual",
            (NEW,),
            our_tape(verb, str(REPLAY), "--tape", "FILE"),
            CONFIGURATION,
            "of BTC-PERPETUAL, which is inverse, and the exchange is to list BTC_USDT-PERPETUAL, which is linear",
        )
        for verb in ("replay", "run")
    ),
    (
        "a recorder whose time is over before anybody answers",
        (NEW,),
        record_of_nobody,
        UNREACHABLE,
        "no book from deribit after ",
    ),
    *(
        (
            f"a part of a tape with {' '.join(limits)}",
            (NEW,),
            our_tape("tape", "convert", "FILE", "@new.tape", *limits),
            code,
            sentence,
        )
        for limits, code, sentence in (
            (
                ("--since", "2030-01-01"),
                CONFIGURATION,
                "old.tape: there is nothing on it from 2030-01-01; `replenisher tape info ",
            ),
            (("--until", "2020-01-01"), CONFIGURATION, "old.tape: there is nothing on it until 2020-01-01; "),
            (
                ("--since", "2026-05-28", "--until", "2026-05-27"),
                USAGE,
                "--since: 2026-05-28 is not before --until 2026-05-27",
            ),
            (("--since", "9000-01-01"), USAGE, "--since: '9000-01-01' is no time from 1970 to 2262"),
        )
    ),
    *(
        (
            f"`{arguments[0]}` on a tape of ours that is torn",
            (NEW,),
            our_tape(*arguments, content=lambda data: data[:-7]),
            CONFIGURATION,
            ": it is torn, its last ",
        )
        for arguments in (
            ("replay", str(REPLAY), "--tape", "FILE"),
            ("run", str(REPLAY), "--tape", "FILE"),
            ("exchange", "--tape", "FILE", "--ledger", "@books.jsonl"),
            ("calibrate", "FILE"),
        )
    ),
    (
        "a replay of a tape of ours that is out of order",
        (NEW,),
        replayed(out_of_order("run", REPLAY, "--tape", "FILE")),
        CONFIGURATION,
        "out of order",
    ),
    (
        "a replay of a tape without trades",
        (NEW,),
        replayed(tape([])),
        CONFIGURATION,
        "there are no trades of BTC_USDT-PERPETUAL on it, so it fills nobody",
    ),
    (
        "a replay where something is already",
        (OLD,),
        replayed(as_it_is(PAPER)),
        CONFIGURATION,
        "a replay begins with an empty data directory, and something is there",
    ),
    (
        "a replay of a venue that is no exchange of ours",
        (NEW,),
        replayed(written("mode: paper", "mode: testnet")),
        CONFIGURATION,
        "mode: 'testnet' cannot be replayed, only paper with an exchange can",
    ),
    (
        "a replay through ccxt",
        (NEW,),
        replayed(written("adapter: deribit", "adapter: ccxt\n    exchange: deribit")),
        CONFIGURATION,
        "venues.deribit.adapter: 'ccxt' cannot be replayed, only deribit can",
    ),
    (
        "a replay in which everybody is shut out",
        (NEW,),
        replayed(
            written(
                "market: {source: synthetic}",
                "market: {source: synthetic}\n"
                "  instruments: {BTC-PERPETUAL: {interruptions: [{state: shut, after_s: 1, for_s: 2}]}}",
            )
        ),
        CONFIGURATION,
        "interruptions that are 'shut' on all of them end every connection, which no replay plays",
    ),
    (
        "a replay that goes by a price over HTTP",
        (NEW,),
        replayed(asking_over_http),
        CONFIGURATION,
        "price_sources.desk: a replay asks nobody over HTTP: hold it with --price desk=PRICE, or replay what a daemon",
    ),
    (
        "a replay with a price that nobody goes by",
        (NEW,),
        replayed(as_it_is(PAPER), "--price", "dsk=1"),
        USAGE,
        "--price: 'dsk' is none of",
    ),
    (
        "a replay with a price that is none",
        (NEW,),
        replayed(as_it_is(PAPER), "--price", "desk=-1"),
        USAGE,
        "--price: 'desk=-1' is no name and its price, like desk=60000",
    ),
    (
        "a recorder that is to log in and has no key",
        (NEW,),
        recorded_raw,
        CONFIGURATION,
        "venues.deribit.api_key is missing, --raw needs it: set REPLENISHER_VENUES__DERIBIT__API_KEY",
    ),
    (
        "a journal that is not there",
        EITHER,
        lambda desk: ["replay", PAPER, "--journal", desk.room / "nowhere"],
        CONFIGURATION,
        "there is no journal",
    ),
]


@pytest.mark.parametrize(
    ("which", "mistake", "code", "sentence"),
    [
        pytest.param(which, mistake, code, sentence, id=f"{name}, on {which}")
        for name, desks, mistake, code, sentence in TABLE
        for which in desks
    ],
)
def test_bad_input(tmp_path: Path, yesterday: Path, which: str, mistake: Mistake, code: int, sentence: str) -> None:
    desk = Desk(tmp_path / "room")
    if which == OLD:
        shutil.copytree(yesterday, desk.data)

    with socket.create_server(("127.0.0.1", 0)) as other_program, desk.held:
        command = mistake(desk)
        before = contents(desk.data)
        port = str(other_program.getsockname()[1])
        ended = desk.command(*(port if argument == TAKEN else argument for argument in command))

    assert_refused(ended, code, sentence)
    assert contents(desk.data) == before


def assert_refused(ended: Ended, code: int, sentence: str) -> None:
    """One sentence on stderr, without a secret, and the exit code of its kind."""
    assert (ended.code, ended.stdout) == (code, "")
    assert ended.stderr.startswith("replenisher: ")
    assert ended.stderr.count("\n") == 1
    assert sentence in ended.stderr
    assert "hunter2" not in ended.stderr


# --- A database on a server --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["run", "check", "db upgrade", "db downgrade", "db check"])
def test_a_newer_schema_on_a_server(tmp_path: Path, postgres_url: str, verb: str) -> None:
    desk = Desk(tmp_path / "room", **{DATABASE: postgres_url})
    with connected(postgres_url) as connection:
        cursor = connection.cursor()
        cursor.execute("create table alembic_version (version_num varchar(32) not null)")
        cursor.execute("insert into alembic_version values ('9999')")

        ended = desk.command(*verb.split(), PAPER)

        assert_refused(ended, CONFIGURATION, "the database has schema 9999, which is newer than this replenisher knows")
        assert not contents(desk.data)
        cursor.execute("select table_name from information_schema.tables where table_schema = 'public'")
        assert [name for (name,) in cursor.fetchall()] == ["alembic_version"]


def test_the_ledger_of_another_exchange_on_a_server(tmp_path: Path, ledger_of_yesterday: str) -> None:
    desk = Desk(tmp_path / "room", **{DATABASE: ledger_of_yesterday})

    ended = desk.run()

    assert_refused(ended, CONFIGURATION, "this database holds the trades of exchange")
    assert not contents(desk.data)


@pytest.fixture
def ledger_of_yesterday(tmp_path: Path, postgres_url: str) -> str:
    desk = Desk(tmp_path / "yesterday", **{DATABASE: postgres_url})
    ended = desk.run("--duration", "1")
    assert (ended.code, ended.stderr) == (0, "")
    return postgres_url


# --- A venue that is not as the configuration says ---------------------------------------------------------------
# Only the venue can tell, so a life has begun by then: it may be noted that it has, and nothing else may change.


class Kept(NamedTuple):
    """What a data directory holds that a life which never traded must leave as it is."""

    files: dict[str, bytes]
    rows: dict[str, list[Any]]


def kept(desk: Desk) -> Kept:
    """Every file but the database byte for byte, and of the database every row but those about the lives themselves."""
    files = contents(desk.data) or {}
    with closing(sqlite3.connect(desk.database)) as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        rows = {name: connection.execute(f'select * from "{name}"').fetchall() for name in tables}
        # Why nothing was shown is on record of a life that never traded, and of which instruments its day's P&L is.
        rows["decisions"] = connection.execute("select * from decisions where permitted != '[]'").fetchall()
        rows["requests"] = connection.execute("select * from requests where kind != 'day'").fetchall()
    files.pop("journal/safe", None)  # how much of all that is on the disk itself
    del files[desk.database.name]
    for of_lives in ("lives", "endings", "mandates", "leases", "cursor"):
        del rows[of_lives]
    return Kept(files, rows)


def assert_only_a_life_was_noted(desk: Desk, before: Kept) -> None:
    """Nothing of before has changed; what is new is the journal of the life that never traded, and an empty lock."""
    after = kept(desk)
    assert before.rows["orders"] and before.rows["decisions"]
    assert after.rows == before.rows
    assert {name: after.files.get(name) for name in before.files} == before.files
    new = {name for name in after.files.keys() - before.files.keys() if after.files[name] or not name.endswith(".lock")}
    assert {Path(name).parent.name for name in new} == {"journal"}


class Waiting(NamedTuple):
    """A daemon that waits for its venue, and what its data directory held before."""

    desk: Desk
    daemon: Process
    before: Kept


@pytest.fixture(scope="module", autouse=True)
def waiting(tmp_path_factory: pytest.TempPathFactory, yesterday_elsewhere: Path) -> Iterator[Waiting]:
    """A daemon whose venue does not answer. It takes its time to give up: it begins before everything else here."""
    desk = Desk(tmp_path_factory.mktemp("waiting"))
    shutil.copytree(yesterday_elsewhere, desk.data)
    before = kept(desk)
    nobody = "ws://127.0.0.1:1/ws/api/v2"
    with desk.running("run", desk.config, REPLENISHER_VENUES__DERIBIT__URL=nobody) as daemon:
        yield Waiting(desk, daemon, before)


@pytest.mark.parametrize("adapter", ["deribit", "ccxt\n    exchange: deribit"])
def test_an_instrument_that_the_venue_does_not_list_is_a_mistake_and_nothing_is_ordered(
    tmp_path: Path, yesterday_elsewhere: Path, adapter: str
) -> None:
    desk = Desk(tmp_path / "room")
    shutil.copytree(yesterday_elsewhere, desk.data)
    written("adapter: deribit", f"adapter: {adapter}")(desk)
    written("instrument: BTC-PERPETUAL", "instrument: ETH-PERPETUAL", desk.config)(desk)
    before = kept(desk)
    ledger = tmp_path / "books.jsonl"
    with desk.running("exchange", "--ledger", ledger) as exchange:
        exchange.until("it listens", exchange.lines)
        url = json.loads(exchange.lines()[0])["url"]

        ended = desk.run(REPLENISHER_VENUES__DERIBIT__URL=url)

    assert ended.code == CONFIGURATION
    assert ended.stderr.startswith("replenisher: instrument deribit/ETH-PERPETUAL cannot be traded: ")
    assert ended.stderr.count("\n") == 1
    assert '"method":"private/' not in ledger.read_text()
    assert_only_a_life_was_noted(desk, before)


def test_sizes_below_the_minimum_of_a_venue_with_an_address_are_a_mistake_and_nothing_is_ordered(
    tmp_path: Path, yesterday_elsewhere: Path
) -> None:
    desk = Desk(tmp_path / "room")
    shutil.copytree(yesterday_elsewhere, desk.data)
    written("order_amount: 1000", "order_amount: 5")(desk)
    before = kept(desk)
    ledger = tmp_path / "books.jsonl"
    with desk.running("exchange", "--ledger", ledger) as exchange:
        exchange.until("it listens", exchange.lines)
        url = json.loads(exchange.lines()[0])["url"]

        ended = desk.run(REPLENISHER_VENUES__DERIBIT__URL=url)

    assert ended.code == CONFIGURATION
    assert ended.stderr.endswith("asks 0, 1, 2, 3, 4 would be below the venue's minimum of 10 USD\n")
    assert ended.stderr.count("\n") == 1
    assert '"method":"private/' not in ledger.read_text()
    after = kept(desk)  # by then the books were in sync, so what is held was noted as well
    assert before.rows["orders"]
    assert (after.rows["orders"], after.rows["fills"]) == (before.rows["orders"], before.rows["fills"])


def test_a_key_that_the_venue_does_not_know_is_a_mistake_and_told_at_once(
    tmp_path: Path, yesterday_elsewhere: Path
) -> None:
    keys = {"REPLENISHER_VENUES__DERIBIT__API_KEY": "me", "REPLENISHER_VENUES__DERIBIT__API_SECRET": "hunter2"}
    desk = Desk(tmp_path / "room", **keys)
    shutil.copytree(yesterday_elsewhere, desk.data)
    before = kept(desk)
    ledger = tmp_path / "books.jsonl"
    with Desk(tmp_path / "exchange").running("exchange", "--ledger", ledger) as exchange:
        exchange.until("it listens", exchange.lines)
        url = json.loads(exchange.lines()[0])["url"]

        for _ in range(2):  # what the first start has left behind is not in the way of the next
            ended = desk.run(REPLENISHER_VENUES__DERIBIT__URL=url)

            assert ended.code == CONFIGURATION
            assert ended.stderr == (
                "replenisher: venue deribit refused the login: 13004 invalid_credentials; "
                "check venues.deribit.api_key and api_secret\n"
            )
    assert '"method":"private/' not in ledger.read_text()
    assert_only_a_life_was_noted(desk, before)


@pytest.mark.parametrize(
    ("adapter", "scope"),
    [
        ("deribit", "account:read_write trade:read"),
        ("deribit", "account:read_write"),
        ("deribit", "account:read trade:read_write"),
        ("ccxt", "account:read_write trade:read"),
        ("ccxt", "account:read_write"),
    ],
)
def test_a_key_without_the_rights_that_trading_needs_is_a_mistake_and_nothing_is_ordered(
    tmp_path: Path, yesterday: Path, adapter: str, scope: str
) -> None:
    desk = Desk(tmp_path / "room")
    shutil.copytree(yesterday, desk.data)
    written("queue_model: risk_averse", f"queue_model: risk_averse\n  key_scope: {scope!r}")(desk)
    if adapter == "ccxt":
        written("    adapter: deribit\n", "    adapter: ccxt\n    exchange: deribit\n", desk.config)(desk)
    before, ordered = kept(desk), len(orders_asked_for(desk))

    ended = desk.run()

    assert (ended.code, ended.stderr.count("\n")) == (CONFIGURATION, 1)
    assert ended.stderr.startswith("replenisher: venue deribit refused ")
    assert ended.stderr.endswith("check venues.deribit.api_key and api_secret\n")
    assert ("PermissionDenied: 13021 forbidden; check" in ended.stderr) is (adapter == "ccxt")  # no raw answer
    assert "Traceback" not in ended.stderr
    assert len(orders_asked_for(desk)) == ordered
    after = kept(desk)
    assert (after.rows["orders"], after.rows["fills"]) == (before.rows["orders"], before.rows["fills"])


def test_a_venue_that_does_not_answer_is_unreachable(waiting: Waiting) -> None:
    ended = waiting.daemon.wait()

    assert ended.code == UNREACHABLE
    assert ended.stderr.startswith("replenisher: venue deribit has no session after 20 s: ")
    assert ended.stderr.count("\n") == 1
    assert_only_a_life_was_noted(waiting.desk, waiting.before)
