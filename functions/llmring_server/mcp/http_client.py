"""An HTTP client for servers that users named: checked connections, requests that fail alone."""

import asyncio

import httpx2

from llmring_core.errors import Forbidden
from llmring_server.mcp.bounded import Room, bounded
from llmring_server.mcp.http_answers import Failure, Fate, judged
from llmring_server.mcp.network import CONNECT_SECONDS, CheckedBackend, Guard

# As many calls as may be under way at one server, and some that are given up.
MAX_CONNECTIONS = 110
# A stream that was cut off is asked for again no sooner than this, whatever the server says.
RESUME_SECONDS = 0.2


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """Sends requests over checked connections, each of which fails alone.

    Neither proxies nor certificates of the environment are used.
    """

    def __init__(self, guard: Guard, *, is_streamable: bool) -> None:
        """`is_streamable`: the transport of the protocol is streamable HTTP, not SSE."""
        limits = httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=20)
        super().__init__(trust_env=False, limits=limits)
        self._is_streamable = is_streamable
        # Of SSE, all answers come in one stream.
        self._room = Room()
        # httpx2 has no parameter for this; a test holds that it is in effect.
        self._pool._network_backend = CheckedBackend(guard)  # noqa: SLF001

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        if self._is_streamable and request.method == "GET":
            return await self._resumed(request)
        if request.method != "POST":
            return await bounded(await super().handle_async_request(request), self._room)
        self._room.asked()
        try:
            response = await super().handle_async_request(request)
        except Forbidden as refusal:
            return Failure(Fate.REFUSED, refusal.message).as_answer(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return Failure(Fate.NOT_DONE, type(error).__name__).as_answer(request)
        except httpx2.TransportError:
            return Failure(Fate.UNKNOWN, "the connection was lost").as_answer(request)
        return await judged(request, response)

    async def _resumed(self, request: httpx2.Request) -> httpx2.Response:
        """Go on reading an answer that was cut off; what a server says unasked we do not read."""
        if "last-event-id" not in request.headers:
            return httpx2.Response(405, request=request)
        await asyncio.sleep(RESUME_SECONDS)
        return await bounded(await super().handle_async_request(request), Room())


def client_of(
    guard: Guard, headers: dict[str, str], seconds: float, *, is_streamable: bool
) -> httpx2.AsyncClient:
    """Make an HTTP client of checked connections; it reads neither proxies nor netrc."""
    ours = {"User-Agent": "llmring-server", "Accept-Encoding": "identity"}
    return httpx2.AsyncClient(
        transport=CheckedTransport(guard, is_streamable=is_streamable),
        headers={**ours, **headers},
        timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
        trust_env=False,
    )
