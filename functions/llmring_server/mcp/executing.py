"""Tools are run: checked, recorded before and after, called with no connection in hand."""

import asyncio
import json
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from llmring_core.auth import Caller
from llmring_core.connection import Row, Runner
from llmring_core.database import Database
from llmring_core.errors import AlreadyExists, GatewayTimeout, LLMRingError, NotFound, Unprocessable
from llmring_core.settings import Settings
from llmring_server.mcp import recording, remote
from llmring_server.mcp.connections import Connections
from llmring_server.mcp.credentials import headers_of
from llmring_server.mcp.definitions import Kind
from llmring_server.mcp.executions import ToolExecution
from llmring_server.mcp.recording import Outcome
from llmring_server.mcp.remote import LostConnection
from llmring_server.mcp.reports import Execution
from llmring_server.mcp.schemas import check_input
from llmring_server.mcp.store import SQL
from llmring_server.mcp.transports import Target

DEFAULT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Offered:
    """A definition, and where its server is."""

    name: str
    kind: Kind
    definition: dict[str, Any]
    may_run: bool
    target: Target


async def execute(
    database: Database,
    connections: Connections,
    caller: Caller,
    tool_id: UUID,
    request: Execution,
    settings: Settings,
) -> ToolExecution:
    """Run a tool.

    Raises:
        NotFound: the caller has no such tool.
        AlreadyExists: the tool is not active, or its definition changed and is not approved.
        Unprocessable: the input is not what the tool takes.
        GatewayTimeout: no answer in time; whether the tool ran, nobody can say. Never retried.
        BadGateway, Forbidden: its server cannot be used.
    """
    tool = await offered(database, caller, tool_id, ["tool"], settings)
    if not tool.may_run:
        raise AlreadyExists(
            "The definition of this tool changed: look at the changes of its server and approve it."
        )
    await check_input(request.input, tool.definition.get("inputSchema") or {})
    started = await recording.record_start(database, caller, tool_id, request)
    seconds = (request.timeout_ms or DEFAULT_SECONDS * 1000) / 1000
    outcome, failure = await _outcome(_call(connections, tool, request.input, seconds))
    ended = await asyncio.shield(recording.record_end(database, caller, started.id, outcome))
    if failure is not None:
        failure.errors = [{"execution_id": str(started.id), "status": outcome.status}]
        raise failure
    return ended


async def _call(
    connections: Connections, tool: Offered, arguments: dict[str, Any], seconds: float
) -> dict[str, Any]:
    async with connections.use(tool.target, seconds) as client:
        return await remote.call_tool(client, tool.name, arguments)


async def _outcome(call: Awaitable[dict[str, Any]]) -> tuple[Outcome, LLMRingError | None]:
    """How a call ends, and why it failed if it did."""
    began = time.perf_counter()

    def after(status: Any, output: Any, is_error: bool | None, error: str | None) -> Outcome:
        return Outcome(status, output, is_error, error, round((time.perf_counter() - began) * 1000))

    try:
        result = await call
    except (GatewayTimeout, LostConnection) as error:
        return after("unknown", None, None, error.message), error
    except LLMRingError as error:
        return after("failed", None, True, error.message), error
    is_error = bool(result.get("isError"))
    return after("failed" if is_error else "succeeded", result, is_error, None), None


async def offered(
    runner: Runner, caller: Caller, identifier: UUID, kinds: list[Kind], settings: Settings
) -> Offered:
    """A definition that can be used now.

    Raises:
        NotFound: the caller has none of this id.
        AlreadyExists: it, or its server, is not active.
    """
    row = await runner.fetch_row(SQL["target"], caller.api_key_id, identifier, kinds)
    if row is None:
        raise NotFound
    if not row["is_active"]:
        raise AlreadyExists("It is not active: its server does not offer it any more, or is not.")
    return Offered(
        name=row["name"],
        kind=row["kind"],
        definition=json.loads(row["definition"]),
        may_run=row["policy"] == "warn" or row["digest"] == row["approved_digest"],
        target=target_of(row, caller, settings),
    )


def target_of(row: Row, caller: Caller, settings: Settings) -> Target:
    """Where a server is, and what it is sent; raises NotConfigured as `headers_of`."""
    headers = tuple(headers_of(row["auth_sealed"], settings).items())
    return Target(caller.api_key_id, row["url"], row["transport_type"], headers)


def text_arguments(given: dict[str, Any], definition: dict[str, Any]) -> dict[str, str]:
    """The arguments of a prompt, which are texts.

    Raises:
        Unprocessable: one that is required is missing; the message names it.
    """
    declared = definition.get("arguments")
    named = (
        [each for each in declared if isinstance(each, dict)] if isinstance(declared, list) else []
    )
    required = [str(each.get("name")) for each in named if each.get("required") is True]
    if missing := [name for name in required if given.get(name) is None]:
        raise Unprocessable(f"The prompt needs arguments that are missing: {', '.join(missing)}.")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
        if value is not None
    }
