"""What HTTP sees of the resources and prompts of MCP servers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Query, Response

from llmring_core.auth import McpExecutorDep, McpReaderDep
from llmring_core.dependencies import Db
from llmring_core.errors import raises
from llmring_core.pages import LongPageDep
from llmring_core.web import group_router
from llmring_server.mcp import catalogue, offers, reading
from llmring_server.mcp.connections import ANY_FAILURE, ConnectionsDep
from llmring_server.mcp.contents import Contents, Rendered
from llmring_server.mcp.listings import Prompt, Resource

resources = group_router("mcp resources", prefix="/api/v1/mcp/resources")
prompts = group_router("mcp prompts", prefix="/api/v1/mcp/prompts")


@resources.get("")
async def list_resources(
    caller: McpReaderDep,
    db: Db,
    filters: catalogue.FiltersDep,
    page: LongPageDep,
    response: Response,
) -> list[Resource]:
    """The resources and resource templates of the caller's servers, newest first."""
    rows = await catalogue.page(db, caller, reading.RESOURCES, filters, page)
    shown = page.cut(response, rows, catalogue.place, found=catalogue.counted(rows))
    return [offers.resource(row) for row in shown]


@resources.get("/{resource_id}")
async def find_resource(resource_id: UUID, caller: McpReaderDep, db: Db) -> Resource:
    """One resource or resource template."""
    return offers.resource(await catalogue.find(db, caller, resource_id, reading.RESOURCES))


@resources.get("/{resource_id}/content")
@raises(*ANY_FAILURE)
async def read_resource(
    resource_id: UUID,
    caller: McpExecutorDep,
    db: Db,
    connections: ConnectionsDep,
    uri: Annotated[
        str | None, Query(max_length=2048, description="Of a template: the URI, filled in.")
    ] = None,
) -> Contents:
    """Read a resource now, from its server: text, or binary as base64 with its MIME type."""
    return await reading.read(db, connections, caller, resource_id, uri)


@prompts.get("")
async def list_prompts(
    caller: McpReaderDep,
    db: Db,
    filters: catalogue.FiltersDep,
    page: LongPageDep,
    response: Response,
) -> list[Prompt]:
    """The prompts of the caller's servers, newest first."""
    rows = await catalogue.page(db, caller, ["prompt"], filters, page)
    shown = page.cut(response, rows, catalogue.place, found=catalogue.counted(rows))
    return [offers.prompt(row) for row in shown]


@prompts.get("/{prompt_id}")
async def find_prompt(prompt_id: UUID, caller: McpReaderDep, db: Db) -> Prompt:
    """One prompt."""
    return offers.prompt(await catalogue.find(db, caller, prompt_id, ["prompt"]))


@prompts.post("/{prompt_id}/render")
@raises(*ANY_FAILURE)
async def render_prompt(
    prompt_id: UUID,
    caller: McpExecutorDep,
    db: Db,
    connections: ConnectionsDep,
    arguments: Annotated[
        dict[str, Any] | None, Body(description="The arguments of the prompt, by name.")
    ] = None,
) -> Rendered:
    """Have a prompt rendered by its server."""
    return await reading.render(db, connections, caller, prompt_id, arguments or {})
