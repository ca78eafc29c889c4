"""Apps that always answer the same bytes: what a server could do at most."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

ANSWER = Path(os.environ["BENCH_ANSWER"]).read_bytes()
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(ANSWER)).encode()),
]


async def bare(scope, receive, send):
    """ASGI with nothing on top."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": ANSWER})


async def _answer(request):
    return Response(ANSWER, media_type="application/json")


starlette = Starlette(routes=[Route("/{path:path}", _answer)])
