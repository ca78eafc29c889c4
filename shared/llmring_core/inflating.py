"""Bodies that come compressed (RFC 9110, section 8.4): inflated while they come, within a limit."""

import zlib
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

# zlib's word for gzip, whose header it then checks.
_GZIP = 16 + zlib.MAX_WBITS
# What one call inflates at most; a bomb is noticed after so much of it.
_PIECE_BYTES = 1024 * 1024
_PLAIN = (b"", b"identity")


def inflated(scope: Scope, receive: Receive) -> Receive:
    """The body of a request as it was before it was compressed.

    Raises:
        HTTPException: 415 for a coding other than gzip; when the body is read, 400 if it is not
            what it says.
    """
    codings = b",".join(value for name, value in scope["headers"] if name == b"content-encoding")
    coding = codings.strip().lower()
    if coding in _PLAIN:
        return receive
    if coding not in (b"gzip", b"x-gzip"):
        raise HTTPException(
            415, "Bodies may come compressed with gzip only.", {"Accept-Encoding": "gzip"}
        )
    return _inflating(receive)


def _inflating(receive: Receive) -> Receive:
    inflater = zlib.decompressobj(_GZIP)
    waiting = b""  # what came and is not inflated yet
    is_last = False

    async def inflated_receive() -> Message:
        nonlocal waiting, is_last
        if not waiting and not is_last:
            message = await receive()
            if message["type"] != "http.request":
                return message
            waiting, is_last = message.get("body", b""), not message.get("more_body", False)
        piece = _translated(lambda: inflater.decompress(waiting, _PIECE_BYTES))
        waiting = inflater.unconsumed_tail
        more = bool(waiting) or not is_last
        if not more and (not inflater.eof or inflater.unused_data):
            raise HTTPException(400, "The body is not the gzip that it says it is.")
        return {"type": "http.request", "body": piece, "more_body": more}

    return inflated_receive


def _translated(inflate: Callable[[], bytes]) -> bytes:
    try:
        return inflate()
    except zlib.error:
        raise HTTPException(400, "The body is not the gzip that it says it is.") from None
