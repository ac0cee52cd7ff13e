"""Deribit's wire, written: wishes into frames, with prices and amounts as exact decimal text."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring_ascii as quoted

import msgspec

from replenisher.model.command import AmendOrder, CancelOrder, PlaceOrder
from replenisher.model.instrument import Instrument
from replenisher.venues.deribit import scope
from replenisher.venues.deribit.settings import Credentials

_encode = msgspec.json.Encoder().encode

Param = str | int | bool | Sequence[str]


def request(request_id: int, method: str, params: Mapping[str, Param]) -> str:
    """Any request that is not an order."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).decode()


def terms(valid_until_ms: int) -> str:
    """Under which terms an order is taken, and until which time of the venue's.

    Both words are always said: what a missing `post_only` means is documented in two ways.
    """
    return f'"post_only":true,"reject_post_only":true,"valid_until":{valid_until_ms}'


def place(request_id: int, command: PlaceOrder, instrument: Instrument, terms: str) -> str:
    """A post-only limit order that is refused rather than moved; the label is our client order id."""
    return (
        f'{{"jsonrpc":"2.0","id":{request_id},"method":"private/{command.side.value}","params":{{'
        f'"instrument_name":"{instrument.name}","amount":{instrument.amount_texts[command.quantity]},'
        f'"type":"limit","label":"{command.order_id}","price":{instrument.price_texts[command.price]},{terms}}}}}'
    )


def amend(request_id: int, command: AmendOrder, instrument: Instrument, terms: str) -> str:
    """New price and new total amount, filled included."""
    return (
        f'{{"jsonrpc":"2.0","id":{request_id},"method":"private/edit","params":{{'
        f'"order_id":{quoted(command.venue_order_id)},"amount":{instrument.amount_texts[command.quantity]},'
        f'"price":{instrument.price_texts[command.price]},{terms}}}}}'
    )


def cancel(request_id: int, command: CancelOrder) -> str:
    """A cancel by the venue's id, or by our label while the venue has not told us its id."""
    if not command.venue_order_id:
        return cancel_by_label(request_id, command.order_id)
    params = f'"order_id":{quoted(command.venue_order_id)}'
    return f'{{"jsonrpc":"2.0","id":{request_id},"method":"private/cancel","params":{{{params}}}}}'


def cancel_by_label(request_id: int, order_id: str) -> str:
    """A cancel by our label, whatever the venue calls the order and whichever connection it was placed on."""
    return f'{{"jsonrpc":"2.0","id":{request_id},"method":"private/cancel_by_label","params":{{"label":"{order_id}"}}}}'


def login(request_id: int, key: Credentials, timestamp_ms: int, nonce: str) -> str:
    """A login that asks for no more than it needs."""
    wanted = scope.READING if key.only_reads else scope.NEEDED
    return request(request_id, "public/auth", proof(key, timestamp_ms, nonce, wanted))


def proof(key: Credentials, timestamp_ms: int, nonce: str, wanted: str) -> dict[str, str | int]:
    """What a login says for a scope: it proves the secret without sending it."""
    return {
        "grant_type": "client_signature",
        "client_id": key.client_id,
        "timestamp": timestamp_ms,
        "nonce": nonce,
        "data": "",
        "signature": sign(key.client_secret, timestamp_ms, nonce),
        "scope": wanted,
    }


def sign(client_secret: str, timestamp_ms: int, nonce: str) -> str:
    """The signature of a login that sends no data of its own along."""
    return hmac.new(client_secret.encode(), f"{timestamp_ms}\n{nonce}\n".encode(), hashlib.sha256).hexdigest()
