"""Requests over HTTP: a route names the method, a query or a JSON body its parameters."""

from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from replenisher.exchange.dialects.deribit.params import Spelled
from replenisher.exchange.dialects.dialect import HttpRequest

ROUTE = "/api/v2"
JSON = "application/json"


def status(request: HttpRequest, *, is_error: bool) -> HTTPStatus:
    """The status of a reply: an error is the client's fault; nothing but the interface is here."""
    path = request.target.partition("?")[0]
    if path != ROUTE and not path.startswith(f"{ROUTE}/"):
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.BAD_REQUEST if is_error else HTTPStatus.OK


def is_json(request: HttpRequest) -> bool:
    """Whether a body is what it must be, as far as its sender says what it is."""
    return request.headers.get("Content-Type", JSON).partition(";")[0].strip().lower() == JSON


def from_query(target: str) -> dict[str, Any]:
    """What a GET would have said in JSON."""
    path, _, query = target.partition("?")
    params = {name: Spelled(value) for name, value in parse_qsl(query, keep_blank_values=True)}
    return {"method": path.removeprefix(f"{ROUTE}/"), "params": params}
