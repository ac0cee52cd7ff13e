"""Who a client is: keys, the three ways to log in, and what a login is good for.

Tokens are bound to the connection that got them. They are derived from the key's secret and a counter, because
nothing here may draw a random number; on a simulated exchange that is enough.
"""

import hashlib
import hmac

import msgspec

from replenisher.exchange.dialects.deribit.errors import INVALID_CREDENTIALS, refuse
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.model.units import MS_NS, SECOND_NS

SIGNATURE_AGE_MAX_NS = 60 * SECOND_NS
GRANTS = ("client_credentials", "client_signature", "refresh_token")


class ApiKey(msgspec.Struct, frozen=True):
    """A pair that logs in to one account."""

    client_id: str
    client_secret: str
    account: str


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may do, and until when."""

    key: ApiKey
    access_token: str
    refresh_token: str
    expires_at: int


def signature(secret: str, timestamp_ms: int, nonce: str, data: str) -> str:
    """What a client signs to prove that it knows the secret without telling it."""
    message = f"{timestamp_ms}\n{nonce}\n{data}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


class Doorkeeper:
    """Checks keys and hands out logins."""

    def __init__(self, keys: tuple[ApiKey, ...], token_s: int, exchange_id: str) -> None:
        self._keys = {key.client_id: key for key in keys}
        self._token_s = token_s
        self._exchange_id = exchange_id
        self._issued = 0

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
                if present is None:
                    refuse(INVALID_CREDENTIALS)
                key = present.key
                proof, expected = params.text("refresh_token"), present.refresh_token
        if not hmac.compare_digest(proof.encode(), expected.encode()):
            refuse(INVALID_CREDENTIALS)
        return self._issue(key, at)

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
        key = self._keys.get(params.text("client_id"))
        if key is None:
            refuse(INVALID_CREDENTIALS)
        return key

    def _expected_signature(self, key: ApiKey, params: Params, at: int) -> str:
        timestamp_ms = params.whole("timestamp")
        if abs(at - timestamp_ms * MS_NS) > SIGNATURE_AGE_MAX_NS:
            refuse(INVALID_CREDENTIALS)
        data = params.text("data", default="")
        return signature(key.client_secret, timestamp_ms, params.text("nonce", default=""), data)

    def _issue(self, key: ApiKey, at: int) -> Login:
        self._issued += 1
        token = signature(key.client_secret, self._issued, self._exchange_id, str(at))
        return Login(
            key=key,
            access_token=f"{at}.{token[:32]}",
            refresh_token=f"{at}.{token[32:]}",
            expires_at=at + self._token_s * SECOND_NS,
        )
