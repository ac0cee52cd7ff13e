"""A dated future ends while the daemon trades it: the position is paid out, in both books, and the daemon stops."""

import asyncio
import time
from decimal import Decimal
from pathlib import Path

from replenisher.exchange.dialects.deribit import ApiKey
from tests.exchange.deribit_socket import venue
from tests.exchange.stand import listing
from tests.stories.desk import PAPER, Desk, Ended, Record, fills

FUTURE = "BTC-29DEC34"  # by its name it lasts; this exchange lets it end sooner
LIFE_S, MOST_S = 12, 90
PAPER_KEY = ApiKey("paper", "paper", "main")
# Hardly anybody comes so far for what is offered: nearly all that is bought is held to the end.
BUYS_ONLY = (("instrument: BTC-PERPETUAL", f"instrument: {FUTURE}"), ("ask_spread_bps: 8", "ask_spread_bps: 150"))


async def test_a_future_is_delivered_while_the_daemon_trades_it(tmp_path: Path) -> None:
    text = PAPER.read_text()
    for old, new in BUYS_ONLY:
        assert old in text
        text = text.replace(old, new)
    config = tmp_path / "future.yaml"
    config.write_text(text)
    desk, ended, findings = await delivered(tmp_path, config, LIFE_S)

    assert (ended.code, ended.stderr) == (0, "")
    assert findings["source"] == "wire"
    (paid,) = [record for record in desk.ledger() if record["type"] == "cash"]
    traded = [Decimal(record["amount"]) * (1 if record["side"] == "buy" else -1) for record in fills(desk.ledger())]
    assert (paid["kind"], Decimal(paid["size"]), paid["position"]) == ("delivery", sum(traded), "0")
    waited = sum(Decimal(record["realized"]) for record in fills(desk.ledger()))
    assert Decimal(paid["realized"]) == waited, "what was realized before is paid with it"
    assert Decimal(paid["balance"]) == 10 - sum(Decimal(fill["fee"]) for fill in fills(desk.ledger())) + Decimal(
        paid["amount"]
    )
    (told,) = [fact for fact in ended.told if fact["event"] == "cash_moved" and fact["kind"] == "delivery"]
    assert Decimal(told["amount"]) == Decimal(paid["amount"])
    assert Decimal(ended.summary["instruments"][f"deribit/{FUTURE}"]["position"]) == 0
    assert Decimal(ended.summary["balances"]["deribit/BTC"]) == Decimal(paid["balance"])
    assert ended.summary["stop"]["verdict"] == "flat"


async def delivered(room: Path, config: Path, life_s: int) -> tuple[Desk, Ended, Record]:
    """A daemon and a future that ends in so many seconds; where it has bought none by then, one that ends later."""
    desk = Desk(room / f"{life_s}", config, REPLENISHER_EXCHANGE__INSTRUMENTS=f'{{"{FUTURE}": {{}}}}')
    desk.data.mkdir()
    now = time.time_ns()
    future = listing(FUTURE, at=now, expires_at=now + life_s * 10**9)
    async with venue(desk.ledger_file, future, keys=(PAPER_KEY,)) as exchange:
        desk.connect(exchange.url)
        with desk.running("run", config) as daemon:
            ended = await asyncio.to_thread(daemon.wait)
        if fills(desk.ledger()):
            return desk, ended, await asyncio.to_thread(desk.assert_books_agree)
    assert life_s < MOST_S, ended
    return await delivered(room, config, 2 * life_s)  # a busy machine had not begun
