"""What HTTP sees of MCP servers and what they offer."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response

from llmring_core.auth import CallerDep
from llmring_core.connection import Runner
from llmring_core.database import Db
from llmring_core.idempotency import OnceDep
from llmring_core.pages import LongPageDep, PageDep
from llmring_core.web import SettingsDep, group_router
from llmring_server.mcp import catalogue, executing, offers, reading, recording, refreshing, store
from llmring_server.mcp.connections import ConnectionsDep
from llmring_server.mcp.contents import Contents, Rendered
from llmring_server.mcp.executions import Approval, ToolExecution
from llmring_server.mcp.models import (
    Change,
    NewServer,
    Prompt,
    Refreshed,
    Resource,
    Server,
    ServerChanges,
    Tool,
)
from llmring_server.mcp.reports import Discovery, Execution

servers = group_router("mcp servers", prefix="/api/v1/mcp/servers")
tools = group_router("mcp tools", prefix="/api/v1/mcp/tools")
resources = group_router("mcp resources", prefix="/api/v1/mcp/resources")
prompts = group_router("mcp prompts", prefix="/api/v1/mcp/prompts")


@servers.post("", response_model=Server)
async def register_server(
    new: NewServer, caller: CallerDep, db: Db, settings: SettingsDep, once: OnceDep
) -> Any:
    """Register an MCP server; nothing connects to it yet."""

    async def add(runner: Runner) -> Server:
        return await store.add(runner, caller, new, settings)

    return await once.write(db, add)


@servers.get("")
async def list_servers(
    caller: CallerDep, db: Db, filters: store.FiltersDep, page: LongPageDep, response: Response
) -> list[Server]:
    """The servers of the caller, newest first; the way to the next page is in the headers."""
    return page.cut(response, await store.page(db, caller, filters, page), store.place)


@servers.get("/{server_id}")
async def find_server(server_id: UUID, caller: CallerDep, db: Db) -> Server:
    """One server of the caller."""
    return await store.find(db, caller, server_id)


@servers.put("/{server_id}")
@servers.patch("/{server_id}")
async def update_server(
    server_id: UUID, changes: ServerChanges, caller: CallerDep, db: Db, settings: SettingsDep
) -> Server:
    """Change the members of a server that are given; the others stay."""
    return await store.change(db, caller, server_id, changes, settings)


@servers.delete("/{server_id}", status_code=204)
async def delete_server(server_id: UUID, caller: CallerDep, db: Db) -> None:
    """Delete a server with its credentials; the history of its tools stays."""
    await store.delete(db, caller, server_id)


@servers.post("/{server_id}/refresh")
async def refresh_server(
    server_id: UUID,
    caller: CallerDep,
    db: Db,
    settings: SettingsDep,
    connections: ConnectionsDep,
    report: Discovery | None = None,
) -> Refreshed:
    """Ask a server what it offers and keep that; or, with a body, keep what a client found.

    Ids survive a refresh. What changed becomes a new version, what vanished becomes inactive. A
    refresh that fails changes nothing.
    """
    if report is None or not report.kinds():
        return await refreshing.discover_and_refresh(db, connections, caller, server_id, settings)
    async with db.transaction() as tx:
        return await refreshing.refresh(tx, caller, server_id, report.found(), report.kinds())


@servers.get("/{server_id}/changes")
async def list_changes(
    server_id: UUID, caller: CallerDep, db: Db, page: PageDep, response: Response
) -> list[Change]:
    """What changed in the definitions of a server, newest first, each with a diff."""
    await store.find(db, caller, server_id)
    changes, found = await catalogue.changes(db, caller, server_id, page)
    shown = page.cut(response, changes, catalogue.place_of_change, found=found)
    return [each for _, each in shown]


@tools.get("")
async def list_tools(
    caller: CallerDep, db: Db, filters: catalogue.FiltersDep, page: LongPageDep, response: Response
) -> list[Tool]:
    """The tools of the caller's servers, newest first."""
    rows = await catalogue.page(db, caller, ["tool"], filters, page)
    shown = page.cut(response, rows, catalogue.place, found=catalogue.counted(rows))
    return [offers.tool(row) for row in shown]


@tools.get("/{tool_id}")
async def find_tool(tool_id: UUID, caller: CallerDep, db: Db) -> Tool:
    """One tool."""
    return offers.tool(await catalogue.find(db, caller, tool_id, ["tool"]))


@tools.post("/{tool_id}/approve")
async def approve_tool(
    tool_id: UUID, caller: CallerDep, db: Db, approval: Approval | None = None
) -> Tool:
    """Approve the definition of a tool as it is now, so that the policy `block` lets it run."""
    await catalogue.approve(db, caller, tool_id, approval.digest if approval else None)
    return offers.tool(await catalogue.find(db, caller, tool_id, ["tool"]))


@tools.post("/{tool_id}/execute")
async def execute_tool(
    tool_id: UUID,
    request: Execution,
    caller: CallerDep,
    db: Db,
    settings: SettingsDep,
    connections: ConnectionsDep,
) -> ToolExecution:
    """Run a tool and record it; or, where a client ran it, record what it reports.

    A tool that says error is a 200 with `is_error`. A server that does not answer in time is a 504,
    and the execution `unknown`; nothing is ever run twice.
    """
    if request.is_report:
        return await recording.record_report(db, caller, tool_id, request)
    return await executing.execute(db, connections, caller, tool_id, request, settings)


@tools.get("/{tool_id}/history")
async def tool_history(
    tool_id: UUID, caller: CallerDep, db: Db, page: PageDep, response: Response
) -> list[ToolExecution]:
    """The executions of a tool, newest first, also of a deleted server."""
    executions, found = await recording.history(db, caller, tool_id, page)
    return page.cut(response, executions, recording.place, found=found)


@resources.get("")
async def list_resources(
    caller: CallerDep, db: Db, filters: catalogue.FiltersDep, page: LongPageDep, response: Response
) -> list[Resource]:
    """The resources and resource templates of the caller's servers, newest first."""
    rows = await catalogue.page(db, caller, reading.RESOURCES, filters, page)
    shown = page.cut(response, rows, catalogue.place, found=catalogue.counted(rows))
    return [offers.resource(row) for row in shown]


@resources.get("/{resource_id}")
async def find_resource(resource_id: UUID, caller: CallerDep, db: Db) -> Resource:
    """One resource or resource template."""
    return offers.resource(await catalogue.find(db, caller, resource_id, reading.RESOURCES))


@resources.get("/{resource_id}/content")
async def read_resource(
    resource_id: UUID,
    caller: CallerDep,
    db: Db,
    settings: SettingsDep,
    connections: ConnectionsDep,
    uri: Annotated[
        str | None, Query(max_length=2048, description="Of a template: the URI, filled in.")
    ] = None,
) -> Contents:
    """Read a resource now, from its server: text, or binary as base64 with its MIME type."""
    return await reading.read(db, connections, caller, resource_id, uri, settings)


@prompts.get("")
async def list_prompts(
    caller: CallerDep, db: Db, filters: catalogue.FiltersDep, page: LongPageDep, response: Response
) -> list[Prompt]:
    """The prompts of the caller's servers, newest first."""
    rows = await catalogue.page(db, caller, ["prompt"], filters, page)
    shown = page.cut(response, rows, catalogue.place, found=catalogue.counted(rows))
    return [offers.prompt(row) for row in shown]


@prompts.get("/{prompt_id}")
async def find_prompt(prompt_id: UUID, caller: CallerDep, db: Db) -> Prompt:
    """One prompt."""
    return offers.prompt(await catalogue.find(db, caller, prompt_id, ["prompt"]))


@prompts.post("/{prompt_id}/render")
async def render_prompt(
    prompt_id: UUID,
    caller: CallerDep,
    db: Db,
    settings: SettingsDep,
    connections: ConnectionsDep,
    arguments: Annotated[
        dict[str, Any] | None, Body(description="The arguments of the prompt, by name.")
    ] = None,
) -> Rendered:
    """Have a prompt rendered by its server."""
    return await reading.render(db, connections, caller, prompt_id, arguments or {}, settings)


router = APIRouter()
for part in (servers, tools, resources, prompts):
    router.include_router(part)
