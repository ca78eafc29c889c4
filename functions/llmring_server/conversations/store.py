"""The rows of conversations."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from llmring_core import ids
from llmring_core.callers import Caller
from llmring_core.connection import Runner
from llmring_core.database import Database
from llmring_core.dependencies import from_query
from llmring_core.errors import NotFound
from llmring_core.pages import LAST, PAGE_BYTES, Page, Place
from llmring_core.queries import load
from llmring_server.conversations.models import Conversation, ConversationChanges
from llmring_server.conversations.rows import conversation, to_json

SQL = load("llmring_server.conversations")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which conversations are wanted; None means any."""

    project_id: Annotated[str | None, Query(max_length=255)] = None
    q: Annotated[
        str | None,
        Query(
            max_length=1000,
            description="Whole words that the title, or one message, has all of; `-not`, `or`, "
            '`"a phrase"`.',
        ),
    ] = None


FiltersDep = Annotated[Filters, Depends(from_query(Filters))]


async def add(
    runner: Runner, caller: Caller, new: ConversationChanges, now: datetime
) -> Conversation:
    """Begin a conversation; its id carries the time."""
    row = await runner.fetch_row(SQL["add"], caller.api_key_id, ids.new_id(now), now, *_values(new))
    assert row is not None  # noqa: S101 - the statement always returns the row it adds
    return conversation(row)


async def find(runner: Runner, caller: Caller, conversation_id: UUID) -> Conversation:
    """One conversation; raises NotFound if the caller has none of this id."""
    row = await runner.fetch_row(SQL["find"], caller.api_key_id, conversation_id)
    if row is None:
        raise NotFound
    return conversation(row)


async def page(
    runner: Runner, caller: Caller, filters: Filters, page: Page
) -> tuple[list[Conversation], int]:
    """One page of conversations, newest first, and one more if there is a next page.

    A page of large ones is shorter; the count says how many there would be otherwise.
    """
    after = page.after or LAST
    place = (after.moment, after.id, filters.project_id, page.limit + 1, page.offset)
    values = (caller.api_key_id, *place, PAGE_BYTES)
    if filters.q is None:
        rows = await runner.fetch(SQL["list"], *values)
    else:
        rows = await runner.fetch(SQL["search"], *values, _searchable(filters.q))
    return [conversation(row) for row in rows], rows[0]["found"] if rows else 0


def _searchable(q: str) -> str:
    """A question without runs of dashes, each of which PostgreSQL reads as one more `not`."""
    return re.sub(r"-[-\s]*-", " ", q)


def place(conversation: Conversation) -> Place:
    """Where a conversation stands in the list."""
    return Place(conversation.created_at, conversation.id)


async def change(
    runner: Runner, caller: Caller, conversation_id: UUID, changes: ConversationChanges
) -> Conversation:
    """Change the members that are given; raises NotFound if the caller has none of this id."""
    names = sorted(changes.model_fields_set)
    row = await runner.fetch_row(
        SQL["change"], caller.api_key_id, conversation_id, names, *_values(changes)
    )
    if row is None:
        raise NotFound
    return conversation(row)


async def delete(database: Database, caller: Caller, conversation_id: UUID) -> None:
    """Delete a conversation with its messages; raises NotFound if the caller has none.

    It is held first, so that no batch adds messages between the two deletions.
    """
    which = (caller.api_key_id, conversation_id)

    async def hold_and_delete(tx: Runner) -> None:
        if await tx.fetch_value(SQL["hold"], *which) is None:
            raise NotFound
        await tx.execute(SQL["delete_messages"], *which)
        await tx.execute(SQL["delete"], *which)

    await database.transact(hold_and_delete)


def _values(members: ConversationChanges) -> tuple[object, ...]:
    """The values of the statements `add` and `change`, in their order."""
    return (
        members.title,
        members.system_prompt,
        members.model_alias,
        members.temperature,
        members.max_tokens,
        to_json(members.metadata),
        members.project_id,
        members.origin,
    )
