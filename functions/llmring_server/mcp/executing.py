"""Tools are run: checked, recorded before and after, called with no connection in hand."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from llmring_core.auth import Caller
from llmring_core.database import Database
from llmring_core.errors import (
    AlreadyExists,
    GatewayTimeout,
    LLMRingError,
    Unavailable,
)
from llmring_server.mcp import recording, remote
from llmring_server.mcp.connections import Connections
from llmring_server.mcp.executions import ToolExecution
from llmring_server.mcp.failures import Unanswered
from llmring_server.mcp.recording import Outcome
from llmring_server.mcp.reports import Execution
from llmring_server.mcp.targets import DEFAULT_SECONDS, Offered, offered


async def execute(
    database: Database,
    connections: Connections,
    caller: Caller,
    tool_id: UUID,
    request: Execution,
) -> ToolExecution:
    """Run a tool.

    Raises:
        NotFound: the caller has no such tool.
        AlreadyExists: the tool is not active, or its definition changed and is not approved.
        Unprocessable: the input is not what the tool takes.
        GatewayTimeout, Unanswered: whether the tool ran, nobody can say. Never retried.
        BadGateway, Forbidden: its server cannot be used, or said error.
        Unavailable: the database is away; the message says whether the tool ran.
    """
    tool = await offered(database, caller, tool_id, ["tool"], connections.settings)
    if not tool.may_run:
        raise AlreadyExists(
            "The definition of this tool changed: look at the changes of its server and approve it."
        )
    await connections.checks.check(request.input, tool.definition.get("inputSchema") or {})
    started = await recording.record_start(database, caller, tool_id, request)
    seconds = (request.timeout_ms or DEFAULT_SECONDS * 1000) / 1000
    outcome, failure = await _outcome(_call(connections, tool, request.input, seconds))
    ended = await asyncio.shield(_record(database, caller, started.id, outcome))
    if isinstance(failure, LLMRingError):
        failure.errors = [{"execution_id": str(started.id), "status": outcome.status}]
    if failure is not None:
        raise failure
    return ended


async def _record(
    database: Database, caller: Caller, execution_id: UUID, outcome: Outcome
) -> ToolExecution:
    try:
        return await recording.record_end(database, caller, execution_id, outcome)
    except Unavailable as error:
        raise Unavailable(
            f"The execution {execution_id} ended as {outcome.status}, but the database did not "
            "answer when that was to be recorded; running the tool again runs it twice."
        ) from error


async def _call(
    connections: Connections, tool: Offered, arguments: dict[str, Any], seconds: float
) -> dict[str, Any]:
    async with connections.use(tool.target, seconds) as client:
        return await remote.call_tool(client, tool.name, arguments)


async def _outcome(call: Awaitable[dict[str, Any]]) -> tuple[Outcome, BaseException | None]:
    """How a call ends, and why it failed if it did."""
    began = time.perf_counter()

    def after(status: Any, output: Any, is_error: bool | None, error: str | None) -> Outcome:
        return Outcome(status, output, is_error, error, round((time.perf_counter() - began) * 1000))

    try:
        result = await call
    except asyncio.CancelledError as error:
        # Whoever asked is gone; that the tool may have run is put down all the same.
        return after("unknown", None, None, "The request was given up."), error
    except (GatewayTimeout, Unanswered) as error:
        return after("unknown", None, None, error.message), error
    except LLMRingError as error:
        return after("failed", None, True, error.message), error
    is_error = bool(result.get("isError"))
    return after("failed" if is_error else "succeeded", result, is_error, None), None
