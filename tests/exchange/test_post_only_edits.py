"""An edit that says nothing of `post_only` leaves it as it was: such an order never takes, and says so truly."""

from pathlib import Path
from typing import Any

import pytest

from tests.exchange.deribit_socket import MAIN, Client, venue
from tests.exchange.stand import PERPETUAL, listing

THROUGH = 70_000  # above every ask


async def resting(client: Client, **flags: bool) -> str:
    """A bid far below the market."""
    placed = await client.result("private/buy", instrument_name=PERPETUAL, amount=10, price=50_000, **flags)
    return str(placed["order"]["order_id"])


@pytest.mark.parametrize(("reject", "code"), [(True, 11054), (False, 11021)])
async def test_a_post_only_order_is_not_edited_into_one_that_takes(reject: bool, code: int, tmp_path: Path) -> None:
    async with venue(tmp_path / "ledger", listing(PERPETUAL)) as exchange:
        client = await exchange.connect(MAIN)
        order_id = await resting(client, post_only=True, reject_post_only=reject)

        error = await client.error("private/edit", order_id=order_id, amount=10, price=THROUGH)
        order = await client.result("private/get_order_state", order_id=order_id)

    assert error["code"] == code
    assert {key: order[key] for key in ("order_state", "price", "post_only")} == {
        "order_state": "open",
        "price": 50_000,
        "post_only": True,
    }


async def test_an_order_may_be_edited_into_one_that_takes_and_back_and_says_what_it_is(tmp_path: Path) -> None:
    async with venue(tmp_path / "ledger", listing(PERPETUAL)) as exchange:
        client = await exchange.connect(MAIN)
        order_id = await resting(client, post_only=True, reject_post_only=True)

        async def edited(price: int, **flags: bool) -> dict[str, Any]:
            return dict(await client.result("private/edit", order_id=order_id, amount=10, price=price, **flags))

        lifted = await edited(50_001, post_only=False)
        kept = await edited(50_002)
        set_again = await edited(50_003, post_only=True)
        taken = await edited(THROUGH, post_only=False)

    assert [answer["order"]["post_only"] for answer in (lifted, kept, set_again, taken)] == [False, False, True, False]
    assert taken["order"]["order_state"] == "filled"
    assert {(trade["liquidity"], trade["post_only"]) for trade in taken["trades"]} == {("T", False)}
