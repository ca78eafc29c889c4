"""Tools are run: checked, recorded before and after, called with no connection in hand."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from fastapi import Response

from llmring_core.callers import Caller
from llmring_core.connection import Runner
from llmring_core.database import Database
from llmring_core.errors import (
    AlreadyExists,
    GatewayTimeout,
    LLMRingError,
    StillInFlight,
    Unavailable,
)
from llmring_core.idempotency import Once
from llmring_server.mcp import recording, remote
from llmring_server.mcp.connections import Connections
from llmring_server.mcp.executions import ToolExecution
from llmring_server.mcp.recording import Outcome
from llmring_server.mcp.reports import Execution
from llmring_server.mcp.targets import DEFAULT_SECONDS, Offered, offered
from llmring_server.mcp.unanswered import Unanswered

NOT_APPROVED = (
    "The definition of this tool changed: look at the changes of its server and approve it."
)
CHANGED_MEANWHILE = (
    "The server describes this tool in other words than those approved: refresh the server, look "
    "at its changes and approve it."
)


async def execute(
    database: Database, connections: Connections, once: Once, tool_id: UUID, request: Execution
) -> ToolExecution | Response:
    """Run a tool; with an Idempotency-Key that came before, answer what became of that execution.

    Raises:
        NotFound: the caller has no such tool.
        AlreadyExists: the tool is not active, or its definition changed and is not approved.
        Unprocessable: the input is not what the tool takes.
        GatewayTimeout, Unanswered: whether the tool ran, nobody can say. Never retried.
        BadGateway, Forbidden: its server cannot be used, or said error.
        StillInFlight: it came before with this key, and still runs.
        Unavailable: the database is away; the message says whether the tool ran.
    """
    ends_at = time.monotonic() + (request.timeout_ms or DEFAULT_SECONDS * 1000) / 1000
    checked: list[Offered] = []

    async def check() -> Offered:
        tool = await offered(database, once.caller, tool_id, ["tool"], connections.settings)
        if not tool.may_run:
            raise AlreadyExists(NOT_APPROVED)
        schema = tool.definition.get("inputSchema") or {}
        left = ends_at - time.monotonic()
        await connections.checks.check(once.caller.api_key_id, request.input, schema, left)
        checked.append(tool)
        return tool

    async def start(runner: Runner, _: Offered) -> ToolExecution:
        return await recording.record_start(runner, once.caller, tool_id, request)

    started = await once.make_and_write(database, check, start)
    if isinstance(started, Response):
        return await _what_became_of(database, once.caller, started)
    call = _call(connections, checked[0], request.input, ends_at - time.monotonic())
    return await _run(database, once.caller, started, call)


async def _what_became_of(database: Database, caller: Caller, replayed: Response) -> Response:
    started = ToolExecution.model_validate_json(bytes(replayed.body))
    execution = await recording.find(database, caller, started.id)
    if execution.status == "running":
        raise StillInFlight
    headers = {"Idempotency-Replayed": "true"}
    return Response(execution.model_dump_json(), headers=headers, media_type="application/json")


async def _run(
    database: Database, caller: Caller, started: ToolExecution, call: Awaitable[dict[str, Any]]
) -> ToolExecution:
    outcome, failure = await _outcome(call)
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
        if tool.is_pinned and await remote.tool_digest(client, tool.name) != tool.digest:
            raise AlreadyExists(CHANGED_MEANWHILE)
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
