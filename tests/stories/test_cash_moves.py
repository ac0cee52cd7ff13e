"""Funding and settlement while the daemon trades: told once, booked once, and the books agree about them."""

import time
from pathlib import Path

from tests.stories.desk import Desk

SETTLEMENT_OFFSET_S = 8 * 3600
SOON_S = 12


def test_money_that_moves_without_a_fill_is_in_both_books(tmp_path: Path) -> None:
    # An interval as long as all time since the epoch ends once, soon, and never again during this test.
    soon = int(time.time()) + SOON_S
    desk = Desk(
        tmp_path,
        REPLENISHER_EXCHANGE__FUNDING__EVERY_S=str(soon),
        REPLENISHER_EXCHANGE__FUNDING__RATE_8H_BPS="0.0001",
        REPLENISHER_EXCHANGE__SETTLEMENT__EVERY_S=str(soon + 1 - SETTLEMENT_OFFSET_S),
        REPLENISHER_EXCHANGE__MARKET__INFORMED_SHARE="0",
    )
    with desk.running("run", desk.config) as daemon:
        daemon.until("the exchange has settled", lambda: "settlement" in kinds(desk))
        daemon.until("the daemon has heard of it", lambda: any('"settlement"' in line for line in daemon.lines()))
        ended = daemon.stop()

    assert ended.code == 0
    assert kinds(desk) == ["funding", "settlement"]
    assert [fact["kind"] for fact in ended.told if fact["event"] == "cash_moved"] == ["transfer", *kinds(desk)]
    desk.assert_books_agree()


def kinds(desk: Desk) -> list[str]:
    """Why money moved without a fill, as the exchange wrote it down."""
    if not desk.ledger_file.exists():
        return []
    return [record["kind"] for record in desk.ledger() if record["type"] == "cash"]
