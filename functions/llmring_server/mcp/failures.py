"""What goes wrong with a server, in our words; its own are a stranger's, and shown as such."""

import base64
import binascii
import logging
from typing import TYPE_CHECKING

from llmring_core.errors import BadGateway, LLMRingError
from llmring_server.mcp.transports import Target, first_cause

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
    "Connection closed": "The connection to the server was lost.",
    "SSE stream": "The server's answer ended before its end.",
    "Server returned an error response": "The server answered with an HTTP error.",
    "Unexpected content type": "The server answered neither JSON nor an event stream.",
    "Failed to parse": "The server's answer is not a message of the protocol.",
    "server answered a request with 202": "The server took the request, but answers nothing.",
    "Redirect to": "The server redirects elsewhere; a redirect is not followed.",
}


class Unanswered(BadGateway):
    """The server was asked, but gave no answer: whether it did it, nobody can say."""


def not_opened(error: BaseException, target: Target, guard: "Guard") -> LLMRingError:
    """Why no connection to a server was made; nothing was asked of it."""
    known = _known(error, target, guard)
    if known is not None:
        return BadGateway(known.message) if isinstance(known, Unanswered) else known
    kind = type(first_cause(error)).__name__
    return BadGateway(f"The server cannot be reached, or speaks no MCP there: {kind}.")


def translated(error: BaseException, target: Target, guard: "Guard") -> LLMRingError:
    """Why a server that was asked something did not do it, or may have done it or not."""
    import httpx2

    known = _known(error, target, guard)
    if known is not None:
        return known
    leaf = first_cause(error)
    if isinstance(leaf, httpx2.ConnectError | httpx2.ConnectTimeout):
        return BadGateway(f"The server cannot be reached: {type(leaf).__name__}.")
    return Unanswered()


def _known(error: BaseException, target: Target, guard: "Guard") -> LLMRingError | None:
    from mcp.shared.exceptions import MCPError

    if guard.refusal is not None:
        return guard.refusal
    leaf = first_cause(error)
    if isinstance(leaf, LLMRingError):
        return leaf
    log.warning("a server failed: %s: %s", type(leaf).__name__, said(str(leaf), target))
    return _of_the_protocol(leaf, target) if isinstance(leaf, MCPError) else None


def _of_the_protocol(error: "MCPError", target: Target) -> LLMRingError:
    for beginning, ours in _NOT_AN_ANSWER.items():
        if error.message.startswith(beginning):
            return Unanswered(f"{ours} Whether it did what it was asked, nobody can say.")
    return BadGateway(f"The server answered with an error: {said(error.message, target)}")


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
