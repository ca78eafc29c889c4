"""The rows of MCP servers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query

from llmring_core import clock, ids
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.dependencies import from_query
from llmring_core.errors import NotFound, Unprocessable
from llmring_core.pages import LAST, PAGE_BYTES, Page, Place
from llmring_core.queries import load
from llmring_core.settings import Settings
from llmring_server.mcp.credentials import sealed
from llmring_server.mcp.servers import (
    Configured,
    NewServer,
    Server,
    ServerChanges,
    origin_of,
    url_problem,
)

SQL = load("llmring_server.mcp")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which servers are wanted; None means any."""

    is_active: bool | None = None
    project_id: Annotated[str | None, Query(max_length=255)] = None


FiltersDep = Annotated[Filters, Depends(from_query(Filters))]


async def add(runner: Runner, caller: Caller, new: NewServer, settings: Settings) -> Server:
    """Register a server; raises NotConfigured if its credentials cannot be sealed."""
    now = clock.now()
    row = await runner.fetch_row(
        SQL["add_server"], caller.api_key_id, ids.new_id(now), now, *_values(new, settings)
    )
    return _server(row)


async def find(runner: Runner, caller: Caller, server_id: UUID) -> Server:
    """One server; raises NotFound if the caller has none of this id."""
    return _server(await runner.fetch_row(SQL["find_server"], caller.api_key_id, server_id))


async def page(
    runner: Runner, caller: Caller, filters: Filters, page: Page
) -> tuple[list[Server], int]:
    """One page of servers, newest first, and one more if there is a next page.

    A page of large ones is shorter; the count says how many there would be otherwise.
    """
    after = page.after or LAST
    wanted = (after.moment, after.id, filters.is_active, filters.project_id)
    part = (page.limit + 1, page.offset, PAGE_BYTES)
    rows = await runner.fetch(SQL["list_servers"], caller.api_key_id, *wanted, *part)
    return [_server(row) for row in rows], rows[0]["found"] if rows else 0


def place(server: Server) -> Place:
    """Where a server stands in the list."""
    return Place(server.created_at, server.id)


async def change(
    tx: Runner, caller: Caller, server_id: UUID, changes: ServerChanges, settings: Settings
) -> Server:
    """Change the members that are given, in a transaction.

    Raises:
        NotFound: the caller has no such server.
        Unprocessable: its URL and transport would not go together, or its credentials would go
            where they were not given for.
        NotConfigured: its credentials cannot be sealed.
    """
    if changes.url is not None or changes.transport_type is not None:
        await tx.execute(SQL["hold_server"], caller.api_key_id, server_id)
        _refuse_unfit(await find(tx, caller, server_id), changes)
    names = sorted(changes.model_fields_set)
    values = (server_id, names, *_values(changes, settings), changes.is_active)
    return _server(await tx.fetch_row(SQL["change_server"], caller.api_key_id, *values))


def _refuse_unfit(now: Server, changes: ServerChanges) -> None:
    url, transport = changes.url or now.url, changes.transport_type or now.transport_type
    if problem := url_problem(url, transport):
        raise Unprocessable(f"{problem}.")
    keeps_credentials = (
        now.auth_config is not None and "auth_config" not in changes.model_fields_set
    )
    if keeps_credentials and origin_of(url) != origin_of(now.url):
        raise Unprocessable(
            "The credentials were given for another origin: send auth_config with the new URL, "
            "or null to go without."
        )


async def delete(runner: Runner, caller: Caller, server_id: UUID) -> str:
    """Delete a server and its credentials; what was run on it stays.

    Returns the URL that it had.

    Raises:
        NotFound: the caller has no such server.
    """
    url: str | None = await runner.fetch_value(SQL["delete_server"], caller.api_key_id, server_id)
    if url is None:
        raise NotFound
    return url


def _values(members: NewServer | ServerChanges, settings: Settings) -> tuple[object, ...]:
    """The values of the statements `add_server` and `change_server`, in their order."""
    credentials = members.auth_config
    return (
        members.name,
        members.url,
        members.transport_type,
        credentials.type if credentials else None,
        sealed(credentials, settings),
        to_json(members.capabilities),
        members.project_id,
        members.policy,
    )


def _server(row: Row | None) -> Server:
    if row is None:
        raise NotFound
    members: dict[str, Any] = {
        **row,
        "capabilities": from_json(row["capabilities"]),
        "server_info": from_json(row["server_info"]),
        "auth_config": Configured(type=row["auth_type"]) if row["auth_type"] else None,
    }
    return Server.model_validate(members)


def to_json(value: Mapping[str, Any] | None) -> str | None:
    """Write a value as JSON; None stays nothing at all."""
    return None if value is None else json.dumps(value)


def from_json(text: str | None) -> Any:
    """Read JSON; nothing at all is None."""
    return None if text is None else json.loads(text)
