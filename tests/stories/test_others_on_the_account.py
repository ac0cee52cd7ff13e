"""Somebody else on our account: a resting order, a trade by hand, and orders that carry our name."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from replenisher.config.sections import PAPER_KEY
from replenisher.core.sync import OVERLAP_NS
from replenisher.model.units import SECOND_NS
from tests.stories.desk import Desk, Record, fills, resting
from tests.waiting import until

NAME = "BTC-PERPETUAL"
OURS = "rpl000001000001"  # as an earlier life would have called an order that our journal has lost


class Hand:
    """A client of our account that is no part of the program."""

    def __init__(self, client: ClientConnection) -> None:
        self._client = client
        self.ask("public/auth", grant_type="client_credentials", client_id=PAPER_KEY, client_secret=PAPER_KEY)

    def ask(self, method: str, **params: Any) -> Any:
        """What the exchange answers."""
        self._client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        return json.loads(self._client.recv())["result"]

    def rest(self, label: str) -> str:
        """An order further below the market than it ever jumps; its id."""
        bid = self.ask("public/ticker", instrument_name=NAME)["best_bid_price"]
        price = round(bid * 0.92)
        placed = self.ask("private/buy", instrument_name=NAME, amount=50, price=price, label=label)
        return str(placed["order"]["order_id"])


@contextmanager
def hand(url: str) -> Iterator[Hand]:
    """Log in beside the daemon."""
    with connect(url) as client:
        yield Hand(client)


def ends(desk: Desk) -> dict[str, Record]:
    """How orders have ended, by the exchange's books."""
    return {record["order_id"]: record for record in desk.ledger() if record["type"] == "closed"}


def test_a_strangers_order_and_a_trade_by_hand_disturb_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path, REPLENISHER_VENUES__DERIBIT__SYNC_EVERY_S="1")
    with desk.exchange() as (_, url), hand(url) as stranger:
        desk.connect(url)
        order_id = stranger.rest("by hand")
        with desk.running("run", desk.config) as daemon:
            daemon.until("it trades", lambda: len(fills(desk.ledger())) > 1 and len(resting(desk.ledger())) > 1)

            stranger.ask("private/buy", instrument_name=NAME, amount=700, type="market")
            daemon.until("it says so", lambda: daemon.told("traded_by_others"))
            before = len(fills(desk.ledger()))
            daemon.until("it trades on", lambda: len(fills(desk.ledger())) > before + 2)
            status = desk.quoting(daemon)
            ended = daemon.stop()

        assert (ended.code, ended.stderr, ended.summary["stop"]["verdict"]) == (0, "", "flat")
        assert status["not_quoting"] == {"core": ""}
        assert not {"position_differs", "paused", "halted"} & {fact["event"] for fact in ended.told}
        by_hand = [fact for fact in ended.told if fact["event"] == "traded_by_others"]
        assert {(fact["slot"], fact["side"]) for fact in by_hand} == {("external", "buy")}
        assert sum(float(fact["amount"]) for fact in by_hand) == 700
        assert order_id not in ends(desk), "the stranger's order still rests"
        assert resting(desk.ledger()) == {"by hand"}
        desk.assert_books_agree()


@pytest.mark.parametrize("on_start", ["cancel", "adopt", "abort"])
def test_an_order_with_our_name_that_the_journal_does_not_know(on_start: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, REPLENISHER_RISK__ON_START=on_start)
    with desk.exchange() as (_, url), hand(url) as stranger:
        desk.connect(url)
        order_id = stranger.rest(OURS)
        stranger.rest("by hand")
        with desk.running("run", desk.config) as daemon:
            if on_start == "abort":
                ended = daemon.wait()
            else:
                daemon.until("it is gone", lambda: order_id in ends(desk))
                daemon.until("quotes rest", lambda: len(resting(desk.ledger())) > 2)
                ended = daemon.stop()

        if on_start == "abort":
            sentence = f"replenisher: risk.on_start is abort, and orders of ours rest at deribit: {OURS}\n"
            assert (ended.code, ended.stderr) == (3, sentence)
            assert resting(desk.ledger()) == {OURS, "by hand"}
        else:
            assert (ended.code, ended.stderr) == (0, "")
            assert ends(desk)[order_id]["reason"] == "user_request"
            assert resting(desk.ledger()) == {"by hand"}


def test_what_was_held_before_the_first_life_is_taken_over_and_what_was_traded_between_lives_is_booked(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    with desk.exchange() as (_, url), hand(url) as stranger:
        desk.connect(url)
        stranger.ask("private/buy", instrument_name=NAME, amount=700, type="market")
        old = monotonic() + 2 * OVERLAP_NS / SECOND_NS  # a trade that is younger is read and booked, not taken over
        until(lambda: monotonic() > old, "the trade is from before")
        with desk.running("run", desk.config) as daemon:
            daemon.until("it quotes", lambda: len(resting(desk.ledger())) > 1)
            first = daemon.stop()
        stranger.ask("private/sell", instrument_name=NAME, amount=300, type="market")
        with desk.running("run", desk.config) as daemon:
            daemon.until("it quotes", lambda: len(resting(desk.ledger())) > 1)
            second = daemon.stop()

        (taken,) = (fact for fact in first.told if fact["event"] == "taken_over")
        assert (taken["instrument"], float(taken["amount"]), taken["slot"]) == (f"deribit/{NAME}", 700, "external")
        sold = [fact for fact in second.told if fact["event"] == "traded_by_others"]
        assert sum(float(fact["amount"]) for fact in sold) == 300
        assert {fact["side"] for fact in sold} == {"sell"}
        assert not [fact for fact in second.told if fact["event"] in ("taken_over", "halted")]
        assert (first.code, second.code) == (0, 0)
