"""Bodies that come compressed (RFC 9110, section 8.4): inflated while they come, within a limit."""

import zlib
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

# zlib's word for gzip, whose header it then checks.
_GZIP = 16 + zlib.MAX_WBITS
# What one call inflates at most; a bomb is noticed after so much of it.
_PIECE_BYTES = 1024 * 1024
# From so many bytes on, a body may not be more than so many times what it came in.
_BOMB_BYTES, _BOMB_TIMES = 1024 * 1024, 200
_PLAIN = (b"", b"identity")
_NOT_GZIP = "The body is not the gzip that it says it is."


def inflated(scope: Scope, receive: Receive) -> Receive:
    """The body of a request as it was before it was compressed.

    Raises:
        HTTPException: 415 for a coding other than gzip; when the body is read, 400 if it is not
            what it says, 413 if it grows more than texts do.
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
    came = became = 0  # bytes

    async def inflated_receive() -> Message:
        nonlocal waiting, is_last, came, became
        if not waiting and not is_last:
            message = await receive()
            if message["type"] != "http.request":
                return message
            waiting, is_last = message.get("body", b""), not message.get("more_body", False)
            came += len(waiting)
        piece = _translated(lambda: inflater.decompress(waiting, _PIECE_BYTES))
        waiting = inflater.unconsumed_tail
        more = bool(waiting) or not is_last
        # What comes after the end would be kept, however much that is.
        if inflater.unused_data or not (more or inflater.eof):
            raise HTTPException(400, _NOT_GZIP)
        became += len(piece)
        if became > max(_BOMB_BYTES, came * _BOMB_TIMES):
            raise HTTPException(413, f"The body is more than {_BOMB_TIMES} times what it came in.")
        return {"type": "http.request", "body": piece, "more_body": more}

    return inflated_receive


def _translated(inflate: Callable[[], bytes]) -> bytes:
    try:
        return inflate()
    except zlib.error:
        raise HTTPException(400, _NOT_GZIP) from None
