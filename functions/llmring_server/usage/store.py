"""The rows of usage logs."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query

from llmring_core import ids
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.dependencies import from_query
from llmring_core.errors import NotFound
from llmring_core.pages import LAST, PAGE_BYTES, Page, Place
from llmring_core.periods import Period
from llmring_core.pricing import Tokens
from llmring_core.queries import load
from llmring_server.usage.explaining import explain
from llmring_server.usage.models import ExplainedUsage, UsageRow

SQL = load("llmring_server.usage")
# A reader that is slow holds a page in memory, as text and as rows.
EXPORT_PAGE = 250
EXPORT_BYTES = 512 * 1024

Filter = Annotated[str | None, Query(max_length=255)]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which calls are wanted; None means any."""

    alias: Filter = None
    model: Filter = None
    origin: Filter = None
    provider: Filter = None
    profile: Filter = None


FiltersDep = Annotated[Filters, Depends(from_query(Filters))]


async def find(runner: Runner, caller: Caller, log_id: UUID) -> ExplainedUsage:
    """One call with its cost explained.

    Raises:
        NotFound: the caller has no such call.
    """
    # The id says when it was made, and so in which partition it lies.
    since, until = ids.millisecond_of(log_id)
    row = await runner.fetch_row(SQL["find"], caller.api_key_id, since, until, log_id)
    if row is None:
        raise NotFound
    tokens = Tokens(row["input_tokens"], row["output_tokens"], row["cached_input_tokens"])
    pricing = explain(_json(row["pricing"]), tokens)
    return ExplainedUsage.model_validate({**_members(row), "pricing": pricing})


async def page(
    runner: Runner, caller: Caller, period: Period, filters: Filters, page: Page
) -> tuple[list[UsageRow], int]:
    """One page of calls, newest first, and one call more if there is a next page.

    A page ends before it gets too large; the number is that of the calls it would have had.
    """
    part = (page.limit + 1, page.offset, PAGE_BYTES)
    return await _some(runner, caller, period, filters, page.after, *part)


async def pages(
    runner: Runner, caller: Caller, period: Period, filters: Filters
) -> AsyncIterator[list[UsageRow]]:
    """All calls, newest first, page by page; no connection is held between two pages."""
    after: Place | None = None
    while True:
        part = (EXPORT_PAGE, 0, EXPORT_BYTES)
        rows, found = await _some(runner, caller, period, filters, after, *part)
        if rows:
            yield rows
        if found == len(rows) < EXPORT_PAGE:
            return
        after = place(rows[-1])


def place(row: UsageRow) -> Place:
    """Where a call stands in the list."""
    return Place(row.logged_at, row.log_id)


async def _some(
    runner: Runner,
    caller: Caller,
    period: Period,
    filters: Filters,
    after: Place | None,
    *part: int,
) -> tuple[list[UsageRow], int]:
    """A part of the calls after a place, and how many they are; `part` is limit, offset, bytes."""
    place = after or LAST
    wanted = (filters.alias, filters.model, filters.origin, filters.provider, filters.profile)
    rows = await runner.fetch(
        SQL["list"], caller.api_key_id, *period, place.moment, place.id, *wanted, *part
    )
    found = rows[0]["found"] if rows else 0
    return [UsageRow.model_validate(_members(row)) for row in rows], found


def _members(row: Row) -> dict[str, Any]:
    return {**row, "metadata": _json(row["metadata"])}


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)
