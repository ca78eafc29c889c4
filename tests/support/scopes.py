"""Requests as an ASGI server hands them over, for what an HTTP client cannot send."""

from typing import Any


def scope_of(path: str, headers: dict[str, str]) -> dict[str, Any]:
    """What an ASGI server says of a POST."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": raw,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("test", 80),
    }
