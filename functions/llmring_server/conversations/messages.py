"""The rows of messages."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from llmring_core import clock, ids
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.errors import NotFound
from llmring_core.pages import FIRST, PAGE_BYTES, Page, Place
from llmring_core.settings import LoggingLevel
from llmring_server.conversations.models import Message, NewMessage
from llmring_server.conversations.privacy import Kept
from llmring_server.conversations.rows import message
from llmring_server.conversations.store import SQL

# Of a conversation, where nobody says how many.
MESSAGES_SHOWN = 100
READ_AT_ONCE = 500
EXPORT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Messages:
    """Some messages with their places, and how many there would be if they were smaller."""

    rows: list[tuple[Place, Message]]
    found: int


async def add(
    runner: Runner,
    caller: Caller,
    conversation_id: UUID,
    messages: Sequence[NewMessage],
    kept: Sequence[Kept],
    level: LoggingLevel,
) -> list[tuple[UUID, datetime]]:
    """Store messages in one statement, all or none; returns their ids and times.

    The statement first moves the conversation's counters, and by that locks its row: positions
    of a batch are next to each other, in the order in which batches were committed.

    Raises:
        NotFound: the caller has no such conversation.
    """
    now = clock.now()
    times = [each.timestamp or now for each in messages]
    names = [ids.new_id(moment) for moment in times]
    rows = list(map(_row, names, times, messages, kept))
    stored = await runner.fetch(
        SQL["add_messages"],
        caller.api_key_id,
        conversation_id,
        len(messages),
        sum(each.input_tokens or 0 for each in messages),
        sum(each.output_tokens or 0 for each in messages),
        max(times),
        to_json(rows).decode(),
        level,
    )
    if not stored:
        raise NotFound
    return list(zip(names, times, strict=True))


async def page(runner: Runner, caller: Caller, conversation_id: UUID, page: Page) -> Messages:
    """One page of messages, oldest first, and one more if there is a next page.

    Raises:
        NotFound: the caller has no such conversation.
    """
    span = await runner.fetch_row(SQL["span"], caller.api_key_id, conversation_id)
    if span is None:
        raise NotFound
    after, offset = _start(span, page)
    part = (page.limit + 1, offset, PAGE_BYTES)
    return await _some(runner, caller, conversation_id, after, *part)


def _start(span: Row, page: Page) -> tuple[int, int]:
    """The position after which a page begins, and how many messages to pass over there.

    None are passed over one by one where there are no gaps (retention can leave some): then the
    offset is a difference of positions, and a page far on costs no more than the first.
    """
    after = page.after.id.int if page.after else 0
    before_first = span["first_position"] - 1
    if span["message_count"] < span["last_position"] - before_first:
        return after, page.offset
    return max(after, before_first) + page.offset, 0


async def pages(
    runner: Runner, caller: Caller, conversation_id: UUID
) -> AsyncIterator[list[Message]]:
    """All messages, oldest first, page by page; no connection is held between two pages."""
    after, part = 0, (READ_AT_ONCE, 0, EXPORT_BYTES)
    while rows := (await _some(runner, caller, conversation_id, after, *part)).rows:
        yield [each for _, each in rows]
        after = rows[-1][0].id.int


async def _some(
    runner: Runner, caller: Caller, conversation_id: UUID, after: int, *part: int
) -> Messages:
    """A part of the messages after a position; `part` is its limit, offset and bytes."""
    # A cursor that is none of ours may name a place that no position can be.
    after = min(after, 2**62)
    rows = await runner.fetch(SQL["messages"], caller.api_key_id, conversation_id, after, *part)
    placed = [(_place(row["position"]), message(row)) for row in rows]
    return Messages(placed, rows[0]["found"] if rows else 0)


def place(found: tuple[Place, Message]) -> Place:
    """Where a message stands in its conversation."""
    return found[0]


def _place(position: int) -> Place:
    """A place in a conversation, which is ordered by position alone."""
    return Place(FIRST.moment, UUID(int=position))


def _row(name: UUID, moment: datetime, message: NewMessage, kept: Kept) -> dict[str, Any]:
    """A message in the document of the statement `add_messages`."""
    return {
        "message_id": name,
        "role": message.role,
        "content": kept.content,
        "tool_calls": kept.tool_calls,
        "tool_results": kept.tool_results,
        "tool_call_id": kept.tool_call_id,
        "input_tokens": message.input_tokens,
        "output_tokens": message.output_tokens,
        "metadata": kept.metadata,
        "timestamp": moment,
        "content_hash": kept.content_hash,
        "content_length": kept.content_length,
        "searched": kept.searched,
    }
