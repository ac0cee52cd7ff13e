"""A desk that died with orders on the book, and is started with another configuration than the one it died under."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.stories.desk import EXCHANGE, Desk, Ended, fills, resting
from tests.stories.wire import Wire
from tests.waiting import until

PERPETUAL, FUTURE = "BTC-PERPETUAL", "BTC-29DEC34"
BOTH_LISTED = f'{{"{PERPETUAL}": {{}}, "{FUTURE}": {{}}}}'
Changes = tuple[tuple[str, str], ...]
NAMESPACE: Changes = (("mode: paper\n", "mode: paper\nnamespace: abc\n"),)
VENUE: Changes = (("  deribit:\n", "  elsewhere:\n"), ("venue: deribit", "venue: elsewhere"))
THROUGH_CCXT: Changes = (("    adapter: deribit\n", "    adapter: ccxt\n    exchange: deribit\n"),)
REFUSED = "replenisher: orders of an earlier life may rest where this configuration does not reach them, "


@contextmanager
def dead_desk(room: Path) -> Iterator[tuple[Desk, set[str]]]:
    """It was killed while it traded the perpetual, and the exchange has not heard of that; what it has left."""
    desk = Desk(room, REPLENISHER_EXCHANGE__INSTRUMENTS=BOTH_LISTED)
    with desk.exchange() as (_, url), Wire(url).laid() as wire:
        wire.keeps_silent = True
        desk.connect(wire.url)
        with desk.running("run", desk.config) as daemon:
            daemon.until("it trades", lambda: fills(desk.ledger()) and len(resting(desk.ledger())) > 1)
            daemon.stop(SIGKILL)
        before = len(fills(desk.ledger()))
        left = resting(desk.ledger())
        until(lambda: len(fills(desk.ledger())) > before, "something of it is filled while nobody looks")
        try:
            yield desk, left
        finally:
            wire.tell()


def reconfigured(desk: Desk, *changes: tuple[str, str]) -> Desk:
    """The same data directory and exchange, with a configuration that reads otherwise here and there."""
    url = f"    account: main\n    url: {desk.variables[EXCHANGE]}\n"
    text = desk.config.read_text().replace("    account: main\n", url)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    config = desk.room / "other.yaml"
    config.write_text(text)
    return Desk(desk.room, config, **{name: value for name, value in desk.variables.items() if name != EXCHANGE})


def live_and_stop(desk: Desk) -> Ended:
    """A life that comes to quote, and its end."""
    with desk.running("run", desk.config) as daemon:
        daemon.until("it is in sync", lambda: daemon.told("synced"))
        daemon.until("it quotes", lambda: resting(desk.ledger()))
        return daemon.stop()


@pytest.mark.parametrize("changes", [(), THROUGH_CCXT], ids=["the same adapter", "through ccxt"])
def test_who_quotes_something_else_now_still_settles_what_was_left(changes: Changes, tmp_path: Path) -> None:
    with dead_desk(tmp_path) as (desk, left):
        ended = live_and_stop(reconfigured(desk, (f"instrument: {PERPETUAL}", f"instrument: {FUTURE}"), *changes))

        assert (ended.code, ended.stderr) == (0, "")
        assert not left & resting(desk.ledger())
        desk.assert_books_agree()


@pytest.mark.parametrize("changes", [NAMESPACE, VENUE], ids=["namespace", "venue"])
def test_who_could_not_reach_what_was_left_is_refused_until_it_has_stopped_as_it_was(
    changes: Changes, tmp_path: Path
) -> None:
    with dead_desk(tmp_path) as (desk, left):
        other = reconfigured(desk, *changes)

        refused = other.run()

        assert (refused.code, refused.stdout) == (78, "")
        assert refused.stderr.startswith(REFUSED)
        assert all(order_id in refused.stderr for order_id in resting(desk.ledger()))
        assert left & resting(desk.ledger()), "nothing was touched"

        as_it_was = live_and_stop(desk)
        assert (as_it_was.code, as_it_was.stderr, resting(desk.ledger())) == (0, "", set())
        desk.assert_books_agree()
        changed = live_and_stop(other)
        assert (changed.code, changed.stderr, resting(desk.ledger())) == (0, "", set())


def test_another_account_has_a_data_directory_of_its_own(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.exchange() as (_, url):
        desk.connect(url)
        live_and_stop(desk)

        refused = reconfigured(desk, ("account: main", "account: second")).run()

    assert (refused.code, refused.stdout) == (78, "")
    assert refused.stderr == (
        "replenisher: venues.deribit.account: this data directory has traded on account main.paper, and this is "
        "second.paper; give each account a data directory of its own, or start over with --fresh\n"
    )
