"""The rows of what servers offer: definitions, their versions, and what changed in them."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from llmring_core import clock, ids
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.dependencies import from_query
from llmring_core.errors import AlreadyExists, NotFound
from llmring_core.pages import LAST, PAGE_BYTES, Page, Place
from llmring_server.mcp.comparing import Comparing
from llmring_server.mcp.definitions import Difference, Found, Kind, Known
from llmring_server.mcp.refreshes import Change
from llmring_server.mcp.store import SQL


@dataclass(frozen=True, slots=True)
class Filters:
    """Which definitions are wanted; None means any."""

    server_id: UUID | None = None
    is_active: bool | None = None
    project_id: Annotated[str | None, Query(max_length=255)] = None
    q: Annotated[
        str | None, Query(max_length=255, description="A part of the name or description.")
    ] = None


FiltersDep = Annotated[Filters, Depends(from_query(Filters))]


async def known(tx: Runner, caller: Caller, server_id: UUID) -> list[Known]:
    """What is kept of a server, which is held until the end of the transaction.

    Raises:
        NotFound: the caller has no such server.
    """
    if await tx.fetch_value(SQL["hold_server"], caller.api_key_id, server_id) is None:
        raise NotFound
    rows = await tx.fetch(SQL["known_definitions"], caller.api_key_id, server_id)
    return [Known(**row) for row in rows]


async def apply(tx: Runner, caller: Caller, server_id: UUID, what: Difference) -> None:
    """Keep what was found: ids stay, changes become versions, what vanished becomes inactive."""
    now = clock.now()
    of_server = (caller.api_key_id, server_id)
    if what.added:
        await tx.execute(SQL["add_definitions"], *of_server, now, *_columns(what.added, now))
    if what.changed:
        await tx.execute(SQL["change_definitions"], *of_server, now, *_columns(what.changed, now))
    if what.unchanged:
        await tx.execute(SQL["see_definitions"], *of_server, now, *_names(what.unchanged))
    if what.removed:
        await tx.execute(SQL["retire_definitions"], *of_server, *_names(what.removed))
    await tx.execute(SQL["note_refresh"], *of_server, now)


async def page(
    runner: Runner, caller: Caller, kinds: Sequence[Kind], filters: Filters, page: Page
) -> Sequence[Row]:
    """One page of definitions, newest first, and one more if there is a next page."""
    after = page.after or LAST
    wanted = (filters.server_id, filters.is_active, filters.project_id, _pattern(filters.q))
    place = (list(kinds), after.moment, after.id)
    part = (page.limit + 1, page.offset, PAGE_BYTES)
    return await runner.fetch(SQL["list_definitions"], caller.api_key_id, *place, *wanted, *part)


def place(row: Row) -> Place:
    """Where a definition stands in the list."""
    return Place(row["first_seen_at"], row["id"])


def place_of_change(found: tuple[Place, Change]) -> Place:
    """Where a change stands in the list."""
    return found[0]


async def find(runner: Runner, caller: Caller, identifier: UUID, kinds: Sequence[Kind]) -> Row:
    """One definition, also of a deleted server; raises NotFound if the caller has none."""
    row = await runner.fetch_row(SQL["find_definition"], caller.api_key_id, identifier, list(kinds))
    if row is None:
        raise NotFound
    return row


async def approve(runner: Runner, caller: Caller, tool_id: UUID, digest: str | None) -> None:
    """Approve the definition of a tool as it is now, or only if it has a digest.

    Raises:
        NotFound: the caller has no such tool.
        AlreadyExists: it changed to another digest in the meantime.
    """
    if await runner.fetch_value(SQL["approve"], caller.api_key_id, tool_id, digest) is None:
        await find(runner, caller, tool_id, ["tool"])
        raise AlreadyExists("The definition of the tool is another one by now: look at it again.")


async def changes(
    runner: Runner, caller: Caller, server_id: UUID, page: Page
) -> tuple[list[tuple[Place, Change]], int]:
    """One page of what changed on a server, newest first, and one more if there is a next page.

    A page of large ones is shorter; the count says how many there would be otherwise.
    """
    after = page.after or LAST
    place = (server_id, after.moment, after.id)
    part = (page.limit + 1, page.offset, PAGE_BYTES)
    rows = await runner.fetch(SQL["changes"], caller.api_key_id, *place, *part)
    # In a thread: comparing takes its time, of many long definitions even a second.
    return await asyncio.to_thread(_compared, rows), counted(rows)


def _compared(rows: Sequence[Row]) -> list[tuple[Place, Change]]:
    comparing = Comparing()
    return [(_place_of(row), _change(row, comparing)) for row in rows]


def _place_of(row: Row) -> Place:
    return Place(row["changed_at"], row["change_id"])


def counted(rows: Sequence[Row]) -> int:
    """How many rows of a page there would be if they were smaller."""
    return rows[0]["found"] if rows else 0


def _change(row: Row, comparing: Comparing) -> Change:
    is_approved = row["digest"] == row["approved_digest"] if row["kind"] == "tool" else None
    diff = comparing.diff(row["before"], row["after"], row["version"])
    return Change.model_validate({**row, "is_approved": is_approved, "diff": diff})


def _columns(found: Sequence[Found], now: datetime) -> list[list[object]]:
    rows = [
        (ids.new_id(now), each.kind, each.name, json.dumps(each.definition), each.digest)
        for each in found
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _names(which: Iterable[Found | Known]) -> list[list[object]]:
    return [
        list(column) for column in zip(*((each.kind, each.name) for each in which), strict=True)
    ]


def _pattern(q: str | None) -> str | None:
    """A pattern of LIKE that finds a text anywhere, with nothing in it that means more."""
    if q is None:
        return None
    return "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
