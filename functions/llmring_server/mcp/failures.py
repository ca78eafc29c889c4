"""What goes wrong with a server, in our words; its own are a stranger's, and shown as such."""

import base64
import binascii
import logging
from typing import TYPE_CHECKING

from llmring_core.errors import BadGateway, Forbidden, LLMRingError
from llmring_server.mcp.transports import Target, first_cause
from llmring_server.mcp.unanswered import Unanswered

if TYPE_CHECKING:
    from mcp.shared.exceptions import MCPError

    from llmring_server.mcp.network import Guard

log = logging.getLogger("llmring.mcp")

MAX_SAID = 500
# Shorter than this, it is no secret, and would be found in every text.
MIN_SECRET = 4

# How the SDK begins the errors that it makes itself where a server gave no answer that it can use.
# They come as if from the server; tests hold that these are still its words.
_NOT_AN_ANSWER = {
    "Connection closed": "the connection was lost",
    "SSE stream failed: too large": "its answer is too large",
    "SSE stream": "its answer ended too early",
    "Unexpected content type": "it answered neither JSON nor an event stream",
    "Failed to parse": "its answer is not a message of the protocol",
    "server answered a request with 202": "it took the request, but answers nothing",
    "Redirect to": "it redirects elsewhere, where nobody follows",
}


class ServerError(BadGateway):
    """The server answered with an error of the protocol."""

    def __init__(self, number: int, said: str) -> None:
        """`number` is the code of JSON-RPC 2.0, section 5.1, or the protocol's own."""
        self.number = number
        super().__init__(f"The server answered with an error: {said}")


def not_opened(error: BaseException, target: Target, guard: "Guard") -> LLMRingError:
    """Why no connection to a server was made; nothing was asked of it."""
    import httpx2

    if guard.refusal is not None:
        return guard.refusal
    known = _known(error, target)
    if known is not None and not isinstance(known, Unanswered):
        return known
    leaf = first_cause(error)
    why = known.why if known is not None else type(leaf).__name__
    if isinstance(leaf, httpx2.HTTPStatusError):
        why = f"it answered with the HTTP status {leaf.response.status_code}"
    return BadGateway(f"The server cannot be reached, or speaks no MCP there: {why}.")


def translated(error: BaseException, target: Target) -> LLMRingError:
    """Why a server that was asked something did not do it, or may have done it or not."""
    return _known(error, target) or Unanswered()


def _known(error: BaseException, target: Target) -> LLMRingError | None:
    from mcp.shared.exceptions import MCPError

    leaf = first_cause(error)
    if isinstance(leaf, LLMRingError):
        return leaf
    if not isinstance(leaf, MCPError):
        log.warning("a server failed: %s", type(leaf).__name__)
        return None
    failed = _of_the_protocol(leaf, target)
    log.warning("a server failed: %s", failed.message)
    return failed


def _of_the_protocol(error: "MCPError", target: Target) -> LLMRingError:
    from llmring_server.mcp.http_answers import Fate, failure_in

    failure = failure_in(error.message)
    if failure is None:
        for beginning, ours in _NOT_AN_ANSWER.items():
            if error.message.startswith(beginning):
                return Unanswered(ours)
        return ServerError(error.code, said(error.message, target))
    if failure.fate is Fate.REFUSED:
        return Forbidden(failure.why)
    if failure.fate is Fate.UNKNOWN:
        return Unanswered(failure.why)
    return BadGateway(f"The server cannot be reached, or did not take the request: {failure.why}.")


def said(text: str, target: Target) -> str:
    """A server's text in one printable line, cut, and without the credentials it was sent."""
    for secret in _secrets_of(target):
        text = text.replace(secret, "…")
    line = "".join(each if each.isprintable() else " " for each in text)
    return line[:MAX_SAID]


def _secrets_of(target: Target) -> list[str]:
    found: set[str] = set()
    for _, value in target.headers:
        scheme, _, rest = value.partition(" ")
        found |= {value, rest}
        if scheme == "Basic":
            try:
                found.add(base64.b64decode(rest).decode().partition(":")[2])
            except (binascii.Error, UnicodeDecodeError):
                continue  # a header that only looks like one of ours
    return sorted((each for each in found if len(each) >= MIN_SECRET), key=len, reverse=True)
