"""Who a client is: keys, the three ways to log in, the three ways to prove it anew, and what a login is good for.

On a socket a token is bound to the connection that got it, unless it belongs to a named session; over HTTP it is good
for every request until it expires. A login may do what it asked for, as far as its key goes; see `scopes`.
Tokens are derived from the key's secret and a counter, because nothing here may draw a random number; on a simulated
exchange that is enough.
"""

import base64
import contextlib
import hashlib
import hmac
from collections import deque

import msgspec

from replenisher.exchange.dialects.deribit.errors import (
    INVALID_CREDENTIALS,
    LOGIN_OVER_LIMIT,
    refuse,
    refuse_param,
)
from replenisher.exchange.dialects.deribit.params import Params
from replenisher.exchange.dialects.deribit.scopes import Scope, parse
from replenisher.exchange.dialects.dialect import HttpRequest
from replenisher.model.units import MS_NS, SECOND_NS

SIGNATURE_AGE_MAX_NS = 60 * SECOND_NS
LOGINS_KEPT = 1024  # for HTTP, where no connection keeps them
TIMESTAMP_DIGITS_MAX = 20
FAILURES_MAX = 10  # of one client id within a minute
FAILURES_NS = 60 * SECOND_NS
GRANTS = ("client_credentials", "client_signature", "refresh_token")


class ApiKey(msgspec.Struct, frozen=True):
    """A pair that logs in to one account."""

    client_id: str
    client_secret: str
    account: str
    scope: str = "account:read_write trade:read_write"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may do, and until when."""

    key: ApiKey
    scope: Scope  # what it may do
    asked: Scope = Scope()  # what it wanted to do
    access_token: str = ""  # empty where every request proves itself
    refresh_token: str = ""
    on_socket: bool = False
    issued_at: int = 0
    expires_at: int

    @property
    def is_bound(self) -> bool:
        """Whether its tokens mean nothing outside of the connection that got them."""
        return self.on_socket and not self.scope.session


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
        self._scopes = {key.client_id: _scope_of(key) for key in keys}
        self._token_s = token_s
        self._exchange_id = exchange_id
        self._issued = 0
        self._logins: deque[Login] = deque(maxlen=LOGINS_KEPT)
        self._failures: dict[str, deque[int]] = {}  # when, by client id

    def scope_of(self, key: ApiKey) -> Scope:
        """All that a key may do."""
        return self._scopes[key.client_id]

    def log_in(self, params: Params, present: Login | None, at: int, *, on_socket: bool) -> Login:
        """The login that these parameters of `public/auth` earn; `present` is what the connection has already."""
        match params.choice("grant_type", GRANTS):
            case "client_credentials":
                key = self._key(params, at)
                self._check(key, params.text("client_secret"), key.client_secret, at)
            case "client_signature":
                key = self._key(params, at)
                self._check(key, params.text("signature"), self._expected_signature(key, params, at), at)
            case _:
                earlier = self._issued_with(params.text("refresh_token"), present)
                return self._issue(earlier.key, earlier.asked, at, on_socket=on_socket)
        asked = parse(params.text("scope", default=""))
        if asked is None:
            refuse_param("scope")
        return self._issue(key, asked, at, on_socket=on_socket)

    def forget(self, login: Login) -> None:
        """Its tokens mean nothing any more, on no connection."""
        with contextlib.suppress(ValueError):  # it may be older than all that are kept
            self._logins.remove(login)

    def login_of(self, request: HttpRequest | None, present: Login | None, params: Params, at: int) -> Login | None:
        """Who asks: a connection logs in once, an HTTP request proves itself each time; None for nobody.

        A token sent along must be the connection's own, or one of a named session.
        """
        login = present if request is None else self._recognised(request, at)
        if login is None or "access_token" in params:
            token = params.text("access_token", default="")
            if login is None or token != login.access_token:
                login = self._holder(token, on_socket=request is None) if token else None
        return login if login is not None and at < login.expires_at else None

    def _recognised(self, request: HttpRequest, at: int) -> Login | None:
        """Whom the header of an HTTP request names."""
        scheme, _, proof = request.headers.get("Authorization", "").strip().partition(" ")
        match scheme.lower():
            case "deri-hmac-sha256":
                key = self._signer(proof, request, at)
            case "basic":
                key = self._owner(proof, at)
            case "bearer":
                return self._holder(proof.strip(), on_socket=False)
            case _:
                return None
        return Login(key=key, scope=self.scope_of(key), expires_at=at + 1)

    def _holder(self, token: str, *, on_socket: bool) -> Login | None:
        """Whose token it is, as far as it means something here."""
        login = next((login for login in self._logins if _is_same(token, login.access_token)), None)
        return None if login is None or (on_socket and not login.scope.session) else login

    def reply(self, login: Login, params: Params) -> dict[str, object]:
        """What `public/auth` answers."""
        result: dict[str, object] = {
            "access_token": login.access_token,
            "expires_in": (login.expires_at - login.issued_at) // SECOND_NS,
            "refresh_token": login.refresh_token,
            "scope": login.scope.words(login.asked),
            "enabled_features": [],
            "token_type": "bearer",
        }
        return result | {"state": params.text("state")} if "state" in params else result

    def _key(self, params: Params, at: int) -> ApiKey:
        return self._key_of(params.text("client_id"), at)

    def _key_of(self, client_id: str, at: int) -> ApiKey:
        key = self._keys.get(client_id)
        if key is None:
            refuse(INVALID_CREDENTIALS)
        failures = self._failures.setdefault(client_id, deque(maxlen=FAILURES_MAX))
        if len(failures) == FAILURES_MAX and at - failures[0] < FAILURES_NS:
            refuse(LOGIN_OVER_LIMIT)
        return key

    def _check(self, key: ApiKey, proof: str, expected: str, at: int) -> None:
        if not _is_same(proof, expected):
            self._failures[key.client_id].append(at)
            refuse(INVALID_CREDENTIALS)

    def _expected_signature(self, key: ApiKey, params: Params, at: int) -> str:
        timestamp_ms = params.whole("timestamp")
        _require_recent(timestamp_ms, at)
        data = params.text("data", default="")
        return signature(key.client_secret, timestamp_ms, params.text("nonce", default=""), data)

    def _signer(self, proof: str, request: HttpRequest, at: int) -> ApiKey:
        """Whose signature a request carries: `id=…,ts=…,sig=…,nonce=…`, in the order that the client likes."""
        fields = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in proof.split(","))}
        key, stamp = self._key_of(fields.get("id", ""), at), fields.get("ts", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= TIMESTAMP_DIGITS_MAX):
            refuse(INVALID_CREDENTIALS)
        _require_recent(int(stamp), at)
        expected = signature(key.client_secret, int(stamp), fields.get("nonce", ""), request_data(request))
        self._check(key, fields.get("sig", ""), expected, at)
        return key

    def _owner(self, proof: str, at: int) -> ApiKey:
        """Whose id and secret a request carries."""
        try:
            client_id, _, secret = base64.b64decode(proof, validate=True).decode().partition(":")
        except ValueError:  # neither base64 nor text
            refuse(INVALID_CREDENTIALS)
        key = self._key_of(client_id, at)
        self._check(key, secret, key.client_secret, at)
        return key

    def _issued_with(self, refresh_token: str, present: Login | None) -> Login:
        """The login that a refresh token renews: the connection's own, or one that is not bound to any."""
        candidates = [login for login in self._logins if not login.is_bound]
        if present is not None:
            candidates.append(present)
        found = next((login for login in candidates if _is_same(refresh_token, login.refresh_token)), None)
        return found or refuse(INVALID_CREDENTIALS)

    def _issue(self, key: ApiKey, asked: Scope, at: int, *, on_socket: bool) -> Login:
        self._issued += 1
        token = signature(key.client_secret, self._issued, self._exchange_id, str(at))
        seconds = self._token_s if asked.seconds is None else min(asked.seconds, self._token_s)
        login = Login(
            key=key,
            scope=asked.within(self.scope_of(key)),
            asked=asked,
            access_token=f"{at}.{token[:32]}",
            refresh_token=f"{at}.{token[32:]}",
            on_socket=on_socket,
            issued_at=at,
            expires_at=at + seconds * SECOND_NS,
        )
        self._logins.append(login)
        return login


def _scope_of(key: ApiKey) -> Scope:
    scope = parse(key.scope)
    assert scope is not None, "the operator names areas and levels that the venue has"
    return scope


def _require_recent(timestamp_ms: int, at: int) -> None:
    if abs(at - timestamp_ms * MS_NS) > SIGNATURE_AGE_MAX_NS:
        refuse(INVALID_CREDENTIALS)


def _is_same(proof: str, expected: str) -> bool:
    return hmac.compare_digest(proof.encode(errors="replace"), expected.encode())
