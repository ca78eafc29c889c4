"""What HTTP sees of MCP servers."""

from typing import Any
from uuid import UUID

from fastapi import Response

from llmring_core.auth import McpExecutorDep, McpReaderDep
from llmring_core.connection import Runner
from llmring_core.dependencies import Db
from llmring_core.errors import NotConfigured, raises
from llmring_core.idempotency import OnceDep
from llmring_core.pages import LongPageDep, PageDep
from llmring_core.web import SettingsDep, group_router
from llmring_server.mcp import catalogue, refreshing, store
from llmring_server.mcp.connections import ANY_FAILURE, ConnectionsDep
from llmring_server.mcp.refreshes import Change, Refreshed
from llmring_server.mcp.reports import Discovery
from llmring_server.mcp.servers import NewServer, Server, ServerChanges

servers = group_router("mcp servers", prefix="/api/v1/mcp/servers")


@servers.post("", response_model=Server)
@raises(NotConfigured)
async def register_server(
    new: NewServer, caller: McpExecutorDep, db: Db, settings: SettingsDep, once: OnceDep
) -> Any:
    """Register an MCP server; nothing connects to it yet."""

    async def add(runner: Runner) -> Server:
        return await store.add(runner, caller, new, settings)

    return await once.write(db, add)


@servers.get("")
async def list_servers(
    caller: McpReaderDep, db: Db, filters: store.FiltersDep, page: LongPageDep, response: Response
) -> list[Server]:
    """The servers of the caller, newest first; the way to the next page is in the headers."""
    rows, found = await store.page(db, caller, filters, page)
    return page.cut(response, rows, store.place, found=found)


@servers.get("/{server_id}")
async def find_server(server_id: UUID, caller: McpReaderDep, db: Db) -> Server:
    """One server of the caller."""
    return await store.find(db, caller, server_id)


@servers.put("/{server_id}", operation_id="put_server")
@servers.patch("/{server_id}")
@raises(NotConfigured)
async def update_server(
    server_id: UUID,
    changes: ServerChanges,
    caller: McpExecutorDep,
    db: Db,
    settings: SettingsDep,
    connections: ConnectionsDep,
) -> Server:
    """Change the members of a server that are given; the others stay.

    Credentials are for the origin that they were given for: with a URL of another one, send
    `auth_config` again, or null.
    """
    server = await db.transact(lambda tx: store.change(tx, caller, server_id, changes, settings))
    if not server.is_active:
        connections.forget(caller.api_key_id, server.url)
    return server


@servers.delete("/{server_id}", status_code=204)
async def delete_server(
    server_id: UUID, caller: McpExecutorDep, db: Db, connections: ConnectionsDep
) -> None:
    """Delete a server with its credentials; the history of its tools stays."""
    connections.forget(caller.api_key_id, await store.delete(db, caller, server_id))


@servers.post("/{server_id}/refresh")
@raises(*ANY_FAILURE)
async def refresh_server(
    server_id: UUID,
    caller: McpExecutorDep,
    db: Db,
    connections: ConnectionsDep,
    report: Discovery | None = None,
) -> Refreshed:
    """Ask a server what it offers and keep that; or, with a body, keep what a client found.

    Ids survive a refresh. What changed becomes a new version, what vanished becomes inactive. A
    refresh that fails changes nothing.
    """
    if report is None or not report.kinds():
        return await refreshing.discover_and_refresh(db, connections, caller, server_id)
    return await db.transact(lambda tx: refreshing.keep_report(tx, caller, server_id, report))


@servers.get("/{server_id}/changes")
async def list_changes(
    server_id: UUID, caller: McpReaderDep, db: Db, page: PageDep, response: Response
) -> list[Change]:
    """What changed in the definitions of a server, newest first, each with a diff."""
    await store.find(db, caller, server_id)
    changes, found = await catalogue.changes(db, caller, server_id, page)
    shown = page.cut(response, changes, catalogue.place_of_change, found=found)
    return [each for _, each in shown]
