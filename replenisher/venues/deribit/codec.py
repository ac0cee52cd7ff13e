"""Deribit's wire, read: any frame. What it carries is of a market (`public.py`) or ours (`private.py`).

No state, no time of its own. Fields we do not act on are not declared and so not decoded.
"""

import msgspec

from replenisher.model.units import US_NS

MARKED_WITHIN = 120  # bytes

# What decoding raises: no JSON, or another shape than ours; no UTF-8; nested without end.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class WireError(msgspec.Struct, frozen=True, gc=False):
    """Why a request was refused."""

    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw()

    def __str__(self) -> str:
        detail = bytes(self.data).decode(errors="replace")
        return f"{self.code} {self.message}" + (f" {detail}" if detail not in ("", "null") else "")


class Params(msgspec.Struct, frozen=True, gc=False):
    """What a notification carries."""

    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw()


NO_PARAMS = Params()


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One JSON-RPC message: a reply if it has an id, else a notification."""

    id: int | str | None = None
    method: str = ""
    params: Params = NO_PARAMS
    result: msgspec.Raw = msgspec.Raw()
    error: WireError | None = None
    us_in: int | None = msgspec.field(name="usIn", default=None)
    us_out: int | None = msgspec.field(name="usOut", default=None)

    @property
    def venue_time(self) -> int:
        """When the request came in, by the venue's clock; 0 if a reply does not say."""
        return (self.us_in or 0) * US_NS


decode_frame = msgspec.json.Decoder(Frame).decode
decode_channels = msgspec.json.Decoder(list[str]).decode
decode_int = msgspec.json.Decoder(int).decode


def is_marked(frame: str | bytes, mark: str, mark_bytes: bytes) -> bool:
    """Whether a mark stands near the beginning of a frame."""
    if isinstance(frame, bytes):
        return frame.find(mark_bytes, 0, MARKED_WITHIN) >= 0
    return frame.find(mark, 0, MARKED_WITHIN) >= 0
