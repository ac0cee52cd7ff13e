"""Funding and settlement while the daemon trades: profit waits, is paid once, and the books agree about it."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from replenisher.model.units import SECOND_NS
from tests.stories.desk import PAPER, Desk, Ended, fills

SETTLEMENT_OFFSET_S = 8 * 3600
DIRECTLY = "    adapter: deribit\n"
THROUGH_CCXT = "    adapter: ccxt\n    exchange: deribit\n"


@pytest.mark.parametrize(("adapter", "soon_s"), [(DIRECTLY, 12), (THROUGH_CCXT, 20)], ids=["deribit", "ccxt"])
def test_money_that_moves_without_a_fill_is_in_both_books(tmp_path: Path, adapter: str, soon_s: int) -> None:
    config = tmp_path / "desk.yaml"
    config.write_text(PAPER.read_text().replace(DIRECTLY, adapter))
    desk, ended = settled(tmp_path, config, adapter, soon_s)

    assert ended.code == 0
    assert kinds(desk) == ["funded", "settlement"]
    told = [fact for fact in ended.told if fact["event"] == "cash_moved"]
    assert [fact["kind"] for fact in told] == ["transfer", "funding", "settlement"]
    (paid,) = [record for record in desk.ledger() if record["type"] == "cash"]
    assert sum(Decimal(fact["amount"]) for fact in told[1:]) == Decimal(paid["amount"])
    waited = [record for record in before(desk, paid) if record["type"] in ("trade", "funded")]
    made = [Decimal(record["realized" if record["type"] == "trade" else "amount"]) for record in waited]
    assert Decimal(paid["realized"]) == sum(made) != 0, "all that fills and funding have made so far"
    fees = sum(Decimal(record["fee"]) for record in desk.ledger() if record["type"] == "trade")
    assert Decimal(ended.summary["balances"]["deribit/BTC"]) == 10 - fees + Decimal(paid["amount"])
    desk.assert_books_agree()


def settled(room: Path, config: Path, adapter: str, soon_s: int) -> tuple[Desk, Ended]:
    """A life in which the exchange settles so many seconds from now; where it holds nothing by then, a later one."""
    # An interval as long as all time since the epoch ends once, soon, and never again during this test.
    soon = int(time.time()) + soon_s
    desk = Desk(
        room / f"{soon_s}",
        config,
        REPLENISHER_EXCHANGE__FUNDING__EVERY_S=str(soon),
        REPLENISHER_EXCHANGE__FUNDING__RATE_8H_BPS="0.0001",
        REPLENISHER_EXCHANGE__SETTLEMENT__EVERY_S=str(soon + 1 - SETTLEMENT_OFFSET_S),
        REPLENISHER_EXCHANGE__MARKET__INFORMED_SHARE="0",
    )
    with desk.running("run", desk.config) as daemon:
        daemon.until("the moment has come", lambda: time.time() > soon + 1)
        if held(desk, soon):
            daemon.until("the exchange has settled", lambda: "settlement" in kinds(desk))
            # Through ccxt nothing tells to look at once; it is looked once a minute, and at the stop.
            if adapter == DIRECTLY:
                daemon.until("the daemon has heard", lambda: any('"settlement"' in line for line in daemon.lines()))
            return desk, daemon.stop()
    return settled(room, config, adapter, 2 * soon_s)  # a busy machine had not begun, or all it had bought was sold


def held(desk: Desk, until_s: int) -> Decimal:
    """What the daemon's fills amount to before a moment, by the exchange's books."""
    before = [fill for fill in fills(desk.ledger()) if fill["at"] < until_s * SECOND_NS]
    return sum((Decimal(fill["amount"]) * (1 if fill["side"] == "buy" else -1) for fill in before), Decimal(0))


def kinds(desk: Desk) -> list[str]:
    """Why money moved without a fill, as the exchange wrote it down."""
    return [record.get("kind", record["type"]) for record in desk.ledger() if record["type"] in ("funded", "cash")]


def before(desk: Desk, record: dict[str, Any]) -> list[dict[str, Any]]:
    """What the exchange wrote down before a record."""
    records = desk.ledger()
    return records[: records.index(record)]
