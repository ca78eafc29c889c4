"""Servers are connected to: by streamable HTTP, by SSE, or as processes of our own machine."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmring_server.mcp.processes import allowed_command, limited
from llmring_server.mcp.servers import Transport

if TYPE_CHECKING:
    import httpx2
    from mcp import Client

    from llmring_server.mcp.network import Guard

log = logging.getLogger("llmring.mcp")


@dataclass(frozen=True, slots=True)
class Target:
    """A server to connect to, with what only it may see."""

    # Of two projects that use one server, each has connections, and so sessions, of its own.
    api_key_id: str
    url: str
    transport: Transport
    headers: tuple[tuple[str, str], ...] = field(repr=False)


@asynccontextmanager
async def connect(target: Target, guard: "Guard", seconds: float) -> AsyncIterator["Client"]:
    """A client of a server: by streamable HTTP, or by SSE where the server turns that down.

    `seconds` limits each wait for more of an answer. Errors of every kind come out;
    `failures.py` says them in our words.
    """
    async with AsyncExitStack() as stack:
        if target.transport == "stdio":
            yield await stack.enter_async_context(_by_stdio(target, guard))
            return
        if target.transport == "sse":
            yield await stack.enter_async_context(_by_sse(target, guard, seconds))
            return
        try:
            client = await stack.enter_async_context(_by_streamable_http(target, guard, seconds))
        except Exception as error:
            if not _is_refusal_of_the_protocol(error):
                raise
            log.info("no streamable HTTP at a server, trying SSE")
            client = await stack.enter_async_context(_by_sse(target, guard, seconds))
        yield client


@asynccontextmanager
async def _by_streamable_http(
    target: Target, guard: "Guard", seconds: float
) -> AsyncIterator["Client"]:
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    from llmring_server.mcp.network import MAX_ANSWER_BYTES, client_of

    async with client_of(guard, dict(target.headers), seconds) as http:
        transport = streamable_http_client(
            target.url, http_client=http, max_sse_event_size=MAX_ANSWER_BYTES
        )
        async with Client(transport, mode="auto", cache=None) as client:
            yield client


@asynccontextmanager
async def _by_sse(target: Target, guard: "Guard", seconds: float) -> AsyncIterator["Client"]:
    from mcp import Client
    from mcp.client.sse import sse_client

    from llmring_server.mcp.network import client_of

    def make(
        headers: object = None,  # noqa: ARG001 - as the SDK calls it; ours are those of the target
        timeout: object = None,  # noqa: ARG001
        auth: object = None,  # noqa: ARG001
    ) -> "httpx2.AsyncClient":
        return client_of(guard, dict(target.headers), seconds)

    transport = sse_client(target.url, httpx_client_factory=make)
    async with Client(transport, mode="legacy", cache=None) as client:
        yield client


@asynccontextmanager
async def _by_stdio(target: Target, guard: "Guard") -> AsyncIterator["Client"]:
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    command, arguments = limited(allowed_command(target.url, guard.settings))
    parameters = StdioServerParameters(command=command, args=arguments)
    # What they say on stderr is not for our log; the null device never blocks.
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: ASYNC230
        async with Client(stdio_client(parameters, nowhere), mode="auto", cache=None) as client:
            yield client


def _is_refusal_of_the_protocol(error: Exception) -> bool:
    """Whether a server answered, but not as one that speaks streamable HTTP."""
    from mcp.shared.exceptions import MCPError

    return isinstance(first_cause(error), MCPError)


def first_cause(error: BaseException) -> BaseException:
    """The first cause inside groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
