"""Who a client is: keys, the three ways to log in, the three ways to prove it anew, and what a login is good for.

On a socket a token is bound to the connection that got it; over HTTP it is good for every request until it expires.
Tokens are derived from the key's secret and a counter, because nothing here may draw a random number; on a simulated
exchange that is enough.
"""

import base64
import hashlib
import hmac
from collections import deque

import msgspec

from replenisher.exchange.dialects.deribit.errors import INVALID_CREDENTIALS, UNAUTHORIZED, refuse
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.dialects.dialect import HttpRequest
from replenisher.model.units import MS_NS, SECOND_NS

SIGNATURE_AGE_MAX_NS = 60 * SECOND_NS
LOGINS_KEPT = 1024  # for HTTP, where no connection keeps them
TIMESTAMP_DIGITS_MAX = 20
GRANTS = ("client_credentials", "client_signature", "refresh_token")


class ApiKey(msgspec.Struct, frozen=True):
    """A pair that logs in to one account."""

    client_id: str
    client_secret: str
    account: str


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may do, and until when."""

    key: ApiKey
    access_token: str = ""  # empty where every request proves itself
    refresh_token: str = ""
    expires_at: int


def signature(secret: str, timestamp_ms: int, nonce: str, data: str) -> str:
    """What a client signs to prove that it knows the secret without telling it."""
    message = f"{timestamp_ms}\n{nonce}\n{data}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def request_data(request: HttpRequest) -> str:
    """What of an HTTP request is signed."""
    return f"{request.method}\n{request.target}\n{request.body.decode(errors='replace')}\n"


class Doorkeeper:
    """Checks keys and hands out logins."""

    def __init__(self, keys: tuple[ApiKey, ...], token_s: int, exchange_id: str) -> None:
        self._keys = {key.client_id: key for key in keys}
        self._token_s = token_s
        self._exchange_id = exchange_id
        self._issued = 0
        self._logins: deque[Login] = deque(maxlen=LOGINS_KEPT)

    def log_in(self, params: Params, present: Login | None, at: int) -> Login:
        """The login that these parameters of `public/auth` earn; `present` is what the connection has already."""
        match params.choice("grant_type", GRANTS):
            case "client_credentials":
                key = self._key(params)
                proof, expected = params.text("client_secret"), key.client_secret
            case "client_signature":
                key = self._key(params)
                proof, expected = params.text("signature"), self._expected_signature(key, params, at)
            case _:
                proof = params.text("refresh_token")
                earlier = present or self._issued_with(proof)
                key, expected = earlier.key, earlier.refresh_token
        if not _is_same(proof, expected):
            refuse(INVALID_CREDENTIALS)
        return self._issue(key, at)

    def recognise(self, request: HttpRequest, params: Params, at: int) -> Login:
        """Who sends an HTTP request: its header says so, or a token among its parameters."""
        scheme, _, proof = request.headers.get("Authorization", "").strip().partition(" ")
        match scheme.lower():
            case "deri-hmac-sha256":
                return Login(key=self._signer(proof, request, at), expires_at=at + 1)
            case "basic":
                return Login(key=self._owner(proof), expires_at=at + 1)
            case "bearer":
                token = proof.strip()
            case _:
                token = params.text("access_token", default="-")
        login = next((login for login in self._logins if _is_same(token, login.access_token)), None)
        return login or refuse(UNAUTHORIZED, {"reason": "invalid_token"})

    def reply(self, login: Login, params: Params) -> dict[str, object]:
        """What `public/auth` answers."""
        result: dict[str, object] = {
            "access_token": login.access_token,
            "expires_in": self._token_s,
            "refresh_token": login.refresh_token,
            "scope": "connection mainaccount",
            "enabled_features": [],
            "token_type": "bearer",
        }
        return result | {"state": params.text("state")} if "state" in params else result

    def _key(self, params: Params) -> ApiKey:
        return self._key_of(params.text("client_id"))

    def _key_of(self, client_id: str) -> ApiKey:
        key = self._keys.get(client_id)
        if key is None:
            refuse(INVALID_CREDENTIALS)
        return key

    def _expected_signature(self, key: ApiKey, params: Params, at: int) -> str:
        timestamp_ms = params.whole("timestamp")
        _require_recent(timestamp_ms, at)
        data = params.text("data", default="")
        return signature(key.client_secret, timestamp_ms, params.text("nonce", default=""), data)

    def _signer(self, proof: str, request: HttpRequest, at: int) -> ApiKey:
        """Whose signature a request carries: `id=…,ts=…,sig=…,nonce=…`, in the order that the client likes."""
        fields = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in proof.split(","))}
        key, stamp = self._key_of(fields.get("id", "")), fields.get("ts", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= TIMESTAMP_DIGITS_MAX):
            refuse(INVALID_CREDENTIALS)
        _require_recent(int(stamp), at)
        expected = signature(key.client_secret, int(stamp), fields.get("nonce", ""), request_data(request))
        if not _is_same(fields.get("sig", ""), expected):
            refuse(INVALID_CREDENTIALS)
        return key

    def _owner(self, proof: str) -> ApiKey:
        """Whose id and secret a request carries."""
        try:
            client_id, _, secret = base64.b64decode(proof, validate=True).decode().partition(":")
        except ValueError:  # neither base64 nor text
            refuse(INVALID_CREDENTIALS)
        key = self._key_of(client_id)
        if not _is_same(secret, key.client_secret):
            refuse(INVALID_CREDENTIALS)
        return key

    def _issued_with(self, refresh_token: str) -> Login:
        login = next((login for login in self._logins if _is_same(refresh_token, login.refresh_token)), None)
        return login or refuse(INVALID_CREDENTIALS)

    def _issue(self, key: ApiKey, at: int) -> Login:
        self._issued += 1
        token = signature(key.client_secret, self._issued, self._exchange_id, str(at))
        login = Login(
            key=key,
            access_token=f"{at}.{token[:32]}",
            refresh_token=f"{at}.{token[32:]}",
            expires_at=at + self._token_s * SECOND_NS,
        )
        self._logins.append(login)
        return login


def _require_recent(timestamp_ms: int, at: int) -> None:
    if abs(at - timestamp_ms * MS_NS) > SIGNATURE_AGE_MAX_NS:
        refuse(INVALID_CREDENTIALS)


def _is_same(proof: str, expected: str) -> bool:
    return hmac.compare_digest(proof.encode(errors="replace"), expected.encode())
