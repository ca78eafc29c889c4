"""API Gateway events, checked and evened out before Mangum reads them."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

Event = dict[str, Any]

_HOST = re.compile(r"[^:\[\]]+(:\d+)?")


class NotHTTP(ValueError):
    """An event that is not a well-formed request of an HTTP API (v2) or a REST API (v1)."""


def http_event(event: object) -> Event:
    """Check an event and even out what Mangum stumbles over.

    Headers may be null, a Host may be an IPv6 address, and a named stage of an HTTP API stands
    in the path.

    Raises:
        NotHTTP: the event is not an HTTP request, or its body cannot be decoded.
    """
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        raise NotHTTP("The event is not an HTTP request.")
    _check_body(event)
    context = event["requestContext"]
    if event.get("version") == "2.0":
        return {**event, "headers": _headers(event), "requestContext": _v2_context(context)}
    _demand(event, "httpMethod", "path")
    tidied = {**event, "headers": _headers(event), "resource": event.get("resource", "/")}
    many = event.get("multiValueHeaders")
    tidied["multiValueHeaders"] = _without_odd_host(many) if isinstance(many, dict) else None
    return tidied


def _check_body(event: Event) -> None:
    body = event.get("body")
    if body is None:
        event["body"] = ""
        return
    if not isinstance(body, str):
        raise NotHTTP("The body of the event is not a text.")
    if event.get("isBase64Encoded"):
        try:
            base64.b64decode(body)
        except (binascii.Error, ValueError) as error:
            raise NotHTTP("The body of the event is not base64.") from error


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


def _headers(event: Event) -> dict[str, str]:
    headers = event.get("headers") or {}
    if not isinstance(headers, dict):
        raise NotHTTP("The headers of the event are not an object.")
    return _without_odd_host({name: str(value or "") for name, value in headers.items()})


def _without_odd_host(headers: Mapping[str, Any]) -> dict[str, Any]:
    def is_odd(name: str, value: Any) -> bool:
        host = value[0] if isinstance(value, list) and value else value
        return name.lower() == "host" and not _HOST.fullmatch(str(host))

    return {name: value for name, value in headers.items() if not is_odd(name, value)}
