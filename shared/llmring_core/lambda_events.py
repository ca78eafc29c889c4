"""API Gateway events, checked and evened out before Mangum reads them."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

Event = dict[str, Any]

# What a header must look like if Mangum is to read the server's address from it.
_ADDRESS = {"host": re.compile(r"[^:\[\]]+(:[0-9]+)?"), "x-forwarded-port": re.compile(r"[0-9]+")}
_MEMBERS: dict[str, type] = {
    "body": str,
    "cookies": list,
    "headers": dict,
    "multiValueHeaders": dict,
    "multiValueQueryStringParameters": dict,
    "queryStringParameters": dict,
    "rawQueryString": str,
}


class NotHTTP(ValueError):
    """An event that is not a well-formed request of an HTTP API (v2) or a REST API (v1)."""


def http_event(event: object) -> Event:
    """Check an event and even out what Mangum stumbles over.

    Members may be null, a Host may be an IPv6 address, and a named stage of an HTTP API stands
    in the path.

    Raises:
        NotHTTP: the event is not an HTTP request, or its body cannot be decoded.
    """
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        raise NotHTTP("The event is not an HTTP request.")
    tidied = {**event, **{name: _member(event, name) for name in _MEMBERS}}
    tidied["headers"] = _headers(tidied)
    tidied["cookies"] = _texts(tidied["cookies"], "cookies")
    tidied["multiValueHeaders"] = {}
    _demand_text(*(tidied[name] for name in _MEMBERS))
    if event.get("isBase64Encoded"):
        _demand_base64(tidied["body"])
    context = event["requestContext"]
    if event.get("version") == "2.0":
        return {**tidied, "requestContext": _v2_context(context)}
    _demand(event, "httpMethod", "path")
    return {**tidied, "requestContext": _v1_context(context), "resource": "/"}


def _member(event: Event, name: str) -> Any:
    """A member of an event; null stands for an empty one."""
    kind, value = _MEMBERS[name], event.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise NotHTTP(f"The event has a {name} of the wrong type.")
    return value


def _headers(event: Event) -> dict[str, str]:
    """The headers by their names in lower case, repeated ones joined."""
    headers = {name.lower(): str(value or "") for name, value in event["headers"].items()}
    for name, values in event["multiValueHeaders"].items():
        headers[name.lower()] = ", ".join(_texts(values, name))
    return {name: value for name, value in headers.items() if not _is_odd_address(name, value)}


def _is_odd_address(name: str, value: str) -> bool:
    return name in _ADDRESS and not _ADDRESS[name].fullmatch(value)


def _v1_context(context: Mapping[str, Any]) -> Event:
    identity = context.get("identity") or {}
    if not isinstance(identity, dict):
        raise NotHTTP("The event has an identity of the wrong type.")
    return {**context, "identity": identity}


def _v2_context(context: Mapping[str, Any]) -> Event:
    http = context.get("http")
    if not isinstance(http, dict):
        raise NotHTTP("The event has no HTTP request in it.")
    _demand(http, "method", "path")
    stage = context.get("stage")
    path = http["path"]
    if stage and stage != "$default" and f"{path}/".startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}") or "/"
    return {**context, "http": {"sourceIp": "0.0.0.0", **http, "path": path}}  # noqa: S104


def _demand(members: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(members.get(name), str):
            raise NotHTTP(f"The event has no {name}.")


def _texts(values: object, name: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise NotHTTP(f"The event has a {name} of the wrong type.")
    return values


def _demand_text(*members: Any) -> None:
    """Refuse half characters (lone surrogates), which JSON can write and UTF-8 cannot."""
    try:
        json.dumps(members, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise NotHTTP("The event has a text in it that is not Unicode.") from error


def _demand_base64(body: str) -> None:
    try:
        base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotHTTP("The body of the event is not base64.") from error
