"""What a daemon's frame asks for, read by the checks on their own: a place, an amend, or a cancel."""

from decimal import Decimal
from functools import lru_cache

import msgspec

from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import MS_NS, NEVER_NS


class OrderFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is about one order: by our label, or by the exchange's id."""

    verb: str  # buy, sell, edit, cancel or cancel_by_label
    label: str = ""
    order_id: str = ""
    instrument: str = ""
    price: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)  # in total, of an amend
    post_only: bool = False
    reject_post_only: bool = False
    valid_until: int = NEVER_NS  # nanoseconds

    @property
    def is_place(self) -> bool:
        """Whether it asks for a new order."""
        return self.verb in ("buy", "sell")

    @property
    def side(self) -> Side:
        """Of a place."""
        return BUY if self.verb == "buy" else SELL


class _Params(msgspec.Struct):
    label: str = ""
    order_id: str = ""
    instrument_name: str = ""
    price: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    post_only: bool = False
    reject_post_only: bool = False
    valid_until: int = NEVER_NS // MS_NS


class _Request(msgspec.Struct):
    method: str
    params: _Params


_decode = msgspec.json.Decoder(_Request).decode
_VERBS = frozenset({"buy", "sell", "edit", "cancel", "cancel_by_label"})


@lru_cache(maxsize=4)  # each check asks for the same frame
def order_frame(frame: str) -> OrderFrame | None:
    """What a frame asks for; None if it is about no order."""
    start = frame.find('"method":"private/')
    if start < 0:
        return None
    start += len('"method":"private/')
    if frame[start : frame.index('"', start)] not in _VERBS:
        return None
    request = _decode(frame)
    params = request.params
    return OrderFrame(
        verb=request.method.removeprefix("private/"),
        label=params.label,
        order_id=params.order_id,
        instrument=params.instrument_name,
        price=params.price,
        amount=params.amount,
        post_only=params.post_only,
        reject_post_only=params.reject_post_only,
        valid_until=params.valid_until * MS_NS,
    )
