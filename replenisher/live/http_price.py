"""A price over HTTP: asked for from time to time, and told to the engine as a fact, or why there is none."""

import asyncio
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import httpx
import msgspec

from replenisher.model.event import PriceFailed, PriceTold

RETRY_S = 1.0  # after a failure, and twice as long after each that follows it
BYTES_MAX = 1 << 20  # of an answer: whoever sends more does not send a price


class NoPrice(Exception):
    """An answer that is none; the operator is told what is wrong with it."""


class Rubbish(NoPrice):
    """It did answer, and not with a price."""


class HttpPrice(msgspec.Struct, frozen=True, kw_only=True):
    """One source. Nothing from the environment comes between us and it, and it cannot send us elsewhere."""

    name: str
    url: str
    field: str  # where the price is in the answer: keys and places, with dots between
    poll_s: float
    timeout_s: float

    async def watch(self, tell: Callable[[PriceTold | PriceFailed], None], now: Callable[[], int]) -> None:
        """Ask for ever, sooner after a failure. The same one is told once, until there is a price or another one."""
        failure, retry_s = "", RETRY_S
        async with _client() as client:
            while True:
                asked_at = now()
                try:
                    price = price_in(await self._asked(client), self.field)
                except NoPrice as reason:
                    pause_s, retry_s = min(retry_s, self.poll_s), 2 * retry_s
                    if str(reason) != failure:
                        failure = str(reason)
                        tell(PriceFailed(at=now(), source=self.name, reason=failure))
                else:
                    failure, pause_s, retry_s = "", self.poll_s, RETRY_S
                    tell(PriceTold(at=now(), source=self.name, price=price, asked_at=asked_at))
                await asyncio.sleep(max(0.0, pause_s - (now() - asked_at) / 1e9))

    async def once(self) -> float:
        """The price, asked for once; raises `NoPrice` if there is none."""
        async with _client() as client:
            return price_in(await self._asked(client), self.field)

    async def _asked(self, client: httpx.AsyncClient) -> bytes:
        """The answer, as it came; raises `NoPrice` if there is none in time, or one that says that it is none."""
        body = bytearray()
        try:
            async with asyncio.timeout(self.timeout_s), client.stream("GET", self.url, timeout=None) as response:
                if response.status_code != httpx.codes.OK:
                    raise NoPrice(f"it answers {response.status_code}")
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > BYTES_MAX:
                        raise NoPrice(f"its answer is longer than {BYTES_MAX} bytes")
        except TimeoutError:
            raise NoPrice(f"no answer in {self.timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoPrice(f"it cannot be reached: {str(error) or type(error).__name__}") from None
        return bytes(body)


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, follow_redirects=False)


def price_in(answer: bytes, field: str) -> float:
    """The price in an answer, a number or one in quotes; raises `Rubbish` if that is not what stands there."""
    try:
        found: Any = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rubbish("its answer is no JSON") from None
    for step in field.split("."):
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            raise Rubbish(f"its answer has no {field}")
    try:
        price = float("nan") if isinstance(found, bool) else float(Decimal(found))
    except (InvalidOperation, TypeError, ValueError, OverflowError):
        price = float("nan")
    if not isfinite(price) or price <= 0:
        raise Rubbish(f"its {field} is no price: {str(found)[:40]!r}")
    return price
