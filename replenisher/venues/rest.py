"""REST, carried: a question over HTTP and its answer, asked again only where that is safe. It knows no venue."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception_type, retry_if_result, stop_after_attempt
from tenacity.wait import wait_base, wait_exponential

from replenisher.errors import Unreachable

TIMEOUT_S = 5.0
ATTEMPTS = 3
PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 5.0
BUSY = frozenset({429, 502, 503, 504})


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, and when the question left and the answer was here, in nanoseconds since the epoch."""

    status: int
    body: bytes
    retry_after_s: float | None
    sent_at: int
    heard_at: int

    @property
    def is_busy(self) -> bool:
        """Whether the other side only asks for patience."""
        return self.status in BUSY


class Rest:
    """One HTTP address. Nothing from the environment comes between us and it, and it cannot send us elsewhere."""

    def __init__(self, address: str, now: Callable[[], int], sleep: Callable[[float], None] = time.sleep) -> None:
        self.address = address
        self.now = now
        self._sleep = sleep
        self._client = httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def read(self, path: str, params: Mapping[str, str | int], headers: Mapping[str, str]) -> Reply:
        """Ask for something that asking does not change; if nobody answers, ask again."""
        patiently = Retrying(
            sleep=self._sleep,
            stop=stop_after_attempt(ATTEMPTS),
            wait=_Patience(),
            retry=retry_if_exception_type(httpx.TransportError) | retry_if_result(lambda reply: reply.is_busy),
            retry_error_callback=_last_word,
        )
        try:
            reply: Reply = patiently(self._get, path, params, headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(f"{self.address} cannot be reached: {reason}") from error
        return reply

    def _get(self, path: str, params: Mapping[str, str | int], headers: Mapping[str, str]) -> Reply:
        sent_at = self.now()
        response = self._client.get(f"{self.address}{path}", params=dict(params), headers=dict(headers))
        return Reply(
            status=response.status_code,
            body=response.content,
            retry_after_s=_seconds(response.headers.get("Retry-After", "")),
            sent_at=sent_at,
            heard_at=self.now(),
        )


class _Patience(wait_base):
    """How long to wait: what the other side says, else longer each time."""

    def __call__(self, retry_state: RetryCallState) -> float:
        outcome = retry_state.outcome
        told = None if outcome is None or outcome.failed else outcome.result().retry_after_s
        alone = wait_exponential(multiplier=PAUSE_FIRST_S, max=PAUSE_MAX_S)(retry_state)
        return alone if told is None else min(float(told), PAUSE_MAX_S)


def _last_word(retry_state: RetryCallState) -> Reply:
    """What the last attempt came to, be it an answer or an error."""
    assert retry_state.outcome is not None, "it was tried"
    reply: Reply = retry_state.outcome.result()
    return reply


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None
