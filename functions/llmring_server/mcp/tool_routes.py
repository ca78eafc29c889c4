"""What HTTP sees of the tools of MCP servers."""

from typing import Any
from uuid import UUID

from fastapi import Depends, Response

from llmring_core.auth import McpExecutorDep, McpReaderDep, Needs
from llmring_core.connection import Runner
from llmring_core.dependencies import Db
from llmring_core.errors import AlreadyExists, raises
from llmring_core.idempotency import OnceDep
from llmring_core.pages import LongPageDep, PageDep
from llmring_core.web import group_router
from llmring_server.mcp import catalogue, executing, offers, recording
from llmring_server.mcp.connections import ANY_FAILURE, ConnectionsDep
from llmring_server.mcp.executions import Approval, ToolExecution
from llmring_server.mcp.listings import Tool
from llmring_server.mcp.reports import Execution

EXECUTORS = [Depends(Needs("mcp:execute"))]
tools = group_router("mcp tools", prefix="/api/v1/mcp/tools")


@tools.get("")
async def list_tools(
    caller: McpReaderDep,
    db: Db,
    filters: catalogue.FiltersDep,
    page: LongPageDep,
    response: Response,
) -> list[Tool]:
    """The tools of the caller's servers, newest first."""
    rows = await catalogue.page(db, caller, ["tool"], filters, page)
    shown = page.cut(response, rows, catalogue.place, found=catalogue.counted(rows))
    return [offers.tool(row) for row in shown]


@tools.get("/{tool_id}")
async def find_tool(tool_id: UUID, caller: McpReaderDep, db: Db) -> Tool:
    """One tool."""
    return offers.tool(await catalogue.find(db, caller, tool_id, ["tool"]))


@tools.post("/{tool_id}/approve")
@raises(AlreadyExists)
async def approve_tool(
    tool_id: UUID, caller: McpExecutorDep, db: Db, approval: Approval | None = None
) -> Tool:
    """Approve the definition of a tool as it is now, so that the policy `block` lets it run."""
    await catalogue.approve(db, caller, tool_id, approval.digest if approval else None)
    return offers.tool(await catalogue.find(db, caller, tool_id, ["tool"]))


@tools.post("/{tool_id}/execute", response_model=ToolExecution, dependencies=EXECUTORS)
@raises(*ANY_FAILURE)
async def execute_tool(
    tool_id: UUID,
    request: Execution,
    once: OnceDep,
    db: Db,
    connections: ConnectionsDep,
) -> Any:
    """Run a tool and record it; or, where a client ran it, record what it reports.

    A tool that says error is a 200 with `is_error`. A server that does not answer in time is a 504,
    and the execution `unknown`; nothing is ever run twice. With an `Idempotency-Key` that came
    before, the answer is what became of that execution, or a 409 while it runs.
    """
    if request.is_report:

        async def record(runner: Runner) -> ToolExecution:
            return await recording.record_report(runner, once.caller, tool_id, request)

        return await once.write(db, record)
    return await executing.execute(db, connections, once, tool_id, request)


@tools.get("/{tool_id}/history")
async def list_executions(
    tool_id: UUID, caller: McpReaderDep, db: Db, page: PageDep, response: Response
) -> list[ToolExecution]:
    """The executions of a tool, newest first, also of a deleted server."""
    executions, found = await recording.history(db, caller, tool_id, page)
    return page.cut(response, executions, recording.place, found=found)
