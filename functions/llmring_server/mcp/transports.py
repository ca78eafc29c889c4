"""Servers are connected to: by streamable HTTP, by SSE, or as processes of our own machine."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
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
            client = await stack.enter_async_context(_by_stdio(target, guard))
        elif target.transport == "sse":
            client = await stack.enter_async_context(_by_sse(target, guard, seconds))
        else:
            client = await stack.enter_async_context(_by_http(target, guard, seconds))
        client.session.validate_tool_result = _unchecked  # type: ignore[method-assign]
        yield client


@asynccontextmanager
async def _by_http(target: Target, guard: "Guard", seconds: float) -> AsyncIterator["Client"]:
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(_by_streamable_http(target, guard, seconds))
        except Exception as error:
            if not _speaks_another_transport(error):
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

    from llmring_server.mcp.bounded import MAX_ANSWER_BYTES
    from llmring_server.mcp.http_client import client_of

    async with client_of(guard, dict(target.headers), seconds, is_streamable=True) as http:
        transport = streamable_http_client(
            target.url, http_client=http, max_sse_event_size=MAX_ANSWER_BYTES
        )
        async with Client(transport, mode="auto", cache=None) as client:
            yield client


@asynccontextmanager
async def _by_sse(target: Target, guard: "Guard", seconds: float) -> AsyncIterator["Client"]:
    from mcp import Client
    from mcp.client import sse
    from mcp.shared._httpx_utils import sse_within_origin

    from llmring_server.mcp.bounded import MAX_ANSWER_BYTES
    from llmring_server.mcp.http_client import client_of

    def make(
        headers: object = None,  # noqa: ARG001 - as the SDK calls it; ours are those of the target
        timeout: object = None,  # noqa: ARG001
        auth: object = None,  # noqa: ARG001
    ) -> "httpx2.AsyncClient":
        return client_of(guard, dict(target.headers), seconds, is_streamable=False)

    # The function has no parameter for it; a test holds that it is in effect.
    larger = partial(sse_within_origin, max_event_size=MAX_ANSWER_BYTES)
    setattr(sse, "sse_within_origin", larger)  # noqa: B010 - mypy: it is not exported
    transport = sse.sse_client(target.url, httpx_client_factory=make)
    async with Client(transport, mode="legacy", cache=None) as client:
        yield client


@asynccontextmanager
async def _by_stdio(target: Target, guard: "Guard") -> AsyncIterator["Client"]:
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    command, arguments = limited(allowed_command(target.url, guard.settings))
    parameters = StdioServerParameters(
        command=command, args=arguments, encoding_error_handler="replace"
    )
    # What they say on stderr is not for our log; the null device never blocks.
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: ASYNC230
        async with Client(stdio_client(parameters, nowhere), mode="auto", cache=None) as client:
            yield client


def _speaks_another_transport(error: Exception) -> bool:
    from mcp.shared.exceptions import MCPError

    from llmring_server.mcp.http_answers import OTHER_TRANSPORT, failure_in

    leaf = first_cause(error)
    failure = failure_in(leaf.message) if isinstance(leaf, MCPError) else None
    return failure is not None and failure.status in OTHER_TRANSPORT


async def _unchecked(name: str, result: object) -> None:
    """Take what a tool says as it is.

    The SDK would check it against the tool's own schema, in our process, which a schema can hold
    up for ever (CWE-1333), and after asking for all tools again, whose failure would be the call's.
    """


def first_cause(error: BaseException) -> BaseException:
    """The first cause inside groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
