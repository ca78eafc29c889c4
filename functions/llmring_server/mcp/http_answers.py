"""HTTP answers that are none of the protocol: told apart from what a server really says.

Where a request fails, the SDK ends the whole connection, with all other calls on it; and it makes
errors of its own look as if the server had sent them. So a request that fails is answered, on our
side of the line, with an error of the protocol that carries a mark which no server knows.
"""

import json
import secrets
from dataclasses import dataclass
from enum import Enum

import httpx2

from llmring_server.mcp.bounded import MAX_ANSWER_BYTES, Room, bounded, is_compressed
from llmring_server.mcp.values import MAX_VALUES, values_in

_MARK = secrets.token_hex(16)
# What a server that speaks another transport answers; see "Backwards Compatibility" there.
OTHER_TRANSPORT = (400, 404, 405)


class Fate(Enum):
    """What became of a request."""

    REFUSED = "refused"  # by us: the address is none that we connect to
    NOT_DONE = "not done"  # it never reached the server, or the server did not take it
    UNKNOWN = "unknown"  # it may have been done


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed before the protocol could say anything."""

    fate: Fate
    why: str
    status: int | None = None

    def as_answer(self, request: httpx2.Request) -> httpx2.Response:
        """Write it as an error of the protocol, marked."""
        text = json.dumps([_MARK, self.fate.value, self.why, self.status])
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32603, "message": text}}
        return httpx2.Response(self.status or 503, json=error, request=request)


def failure_in(text: str) -> Failure | None:
    """Read the message of an error of the protocol; None if a server or the SDK wrote it."""
    if _MARK not in text:
        return None
    mark, fate, why, status = json.loads(text)
    return Failure(Fate(fate), why, status) if mark == _MARK else None


async def judged(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
    """The answer to a POST if the SDK can make sense of it, else why not, marked."""
    if is_compressed(response):
        await response.aclose()
        return Failure(Fate.UNKNOWN, "its answer is compressed").as_answer(request)
    if _is_stream(response):
        return await bounded(response, Room())
    try:
        body = await _read(response)
    except _TooLarge:
        await response.aclose()
        why = f"its answer is larger than {MAX_ANSWER_BYTES // 1024**2} MiB"
        return Failure(Fate.UNKNOWN, why).as_answer(request)
    except httpx2.TransportError:
        return Failure(Fate.UNKNOWN, "its answer ended too early").as_answer(request)
    if values_in(body) > MAX_VALUES:
        why = f"its answer has more than {MAX_VALUES} values"
        return Failure(Fate.UNKNOWN, why).as_answer(request)
    if response.status_code >= 400 and not _is_error_of_the_protocol(body):  # noqa: PLR2004
        # RFC 9110, section 15.5: the fault of the request, which was not carried out.
        fate = Fate.NOT_DONE if response.is_client_error else Fate.UNKNOWN
        why = f"it answered with the HTTP status {response.status_code}"
        return Failure(fate, why, response.status_code).as_answer(request)
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    return httpx2.Response(response.status_code, headers=headers, content=body, request=request)


_KEPT = ("content-type", "location", "mcp-session-id")


class _TooLarge(Exception):
    pass


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise _TooLarge
    await response.aclose()
    return bytes(body)


def _is_stream(response: httpx2.Response) -> bool:
    is_sse = response.headers.get("content-type", "").lower().startswith("text/event-stream")
    return response.is_success and is_sse


def _is_error_of_the_protocol(body: bytes) -> bool:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and isinstance(told.get("error"), dict)
