"""What HTTP sees of conversations.

The product page has them at `/conversations`, the published client asks at
`/api/v1/conversations`: the same routes answer both. `/docs` lists the first and names the second.
"""

from collections.abc import Callable
from copy import copy
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from starlette.routing import compile_path

from llmring_core import clock
from llmring_core.auth import ConversationsReaderDep, ConversationsWriterDep
from llmring_core.connection import Runner
from llmring_core.dependencies import Db, RegistryDep
from llmring_core.errors import Forbidden, InProgress, raises
from llmring_core.idempotency import OnceDep
from llmring_core.pages import MAX_LIMIT, PageDep
from llmring_core.web import SettingsDep, StrictRoute, group_router, note_usage
from llmring_server.conversations import adding, calls, exports, messages, store
from llmring_server.conversations.latest import LatestDep
from llmring_server.conversations.logged_calls import CallLog, LoggedCall
from llmring_server.conversations.models import (
    Batch,
    Conversation,
    ConversationChanges,
    ConversationWithMessages,
    Forgotten,
    Message,
    OneMessage,
    StoredBatch,
)
from llmring_server.conversations.privacy import permitted, refuse_if_off
from llmring_server.conversations.retention import forget_old_messages
from llmring_server.conversations.store import FiltersDep


@raises(Forbidden)
async def _tracking(settings: SettingsDep) -> None:
    refuse_if_off(settings)


class RouteWithAlias(StrictRoute):
    """A route that answers under `/api/v1` too, and says so."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add the alias to the description."""
        super().__init__(path, endpoint, **options)
        self.description += f"\n\nAlso at `{ALIAS_ROOT}{path}`."


ALIAS_ROOT = "/api/v1"
conversations = group_router("conversations", prefix="/conversations", route_class=RouteWithAlias)
conversations.dependencies.append(Depends(_tracking))


def aliased(route: RouteWithAlias) -> RouteWithAlias:
    """The same route under `/api/v1`; a copy, as building it again would slow down cold starts."""
    alias = copy(route)
    alias.path, alias.include_in_schema = f"{ALIAS_ROOT}{route.path}", False
    alias.unique_id = f"{route.unique_id}_v1"
    alias.path_regex, alias.path_format, alias.param_convertors = compile_path(alias.path)
    return alias


@conversations.post("", response_model=Conversation)
async def create_conversation(
    caller: ConversationsWriterDep,
    db: Db,
    settings: SettingsDep,
    once: OnceDep,
    new: ConversationChanges | None = None,
) -> Any:
    """Begin a conversation."""
    kept = permitted(new or ConversationChanges(), settings)

    async def add(runner: Runner) -> Conversation:
        return await store.add(runner, caller, kept, clock.now())

    return await once.write(db, add)


@conversations.get("")
async def list_conversations(
    caller: ConversationsReaderDep, db: Db, filters: FiltersDep, page: PageDep, response: Response
) -> list[Conversation]:
    """The conversations of the caller, newest first; the way to the next page is in the headers."""
    conversations, found = await store.page(db, caller, filters, page)
    return page.cut(response, conversations, store.place, found=found)


@conversations.post("/log", response_model=LoggedCall, dependencies=[Depends(note_usage)])
async def log_call(
    call: CallLog,
    caller: ConversationsWriterDep,
    db: Db,
    registry: RegistryDep,
    settings: SettingsDep,
    once: OnceDep,
) -> Any:
    """Log a model call with all that was said: a conversation, its messages and one usage row.

    A `POST /api/v1/log` of the same call, whose `id_at_origin` and `metadata.conversation_id` both
    name the conversation, completes that row instead of adding a second.
    """
    prices = await registry.prices()

    async def add(tx: Runner) -> LoggedCall:
        return await calls.log_call(tx, caller, call, prices, settings)

    answer = await once.write(db, add, in_transaction=True)
    registry.tell_if_late(prices)
    return answer


@conversations.delete("/old-messages")
@raises(InProgress)
async def delete_old_messages(
    caller: ConversationsWriterDep,
    db: Db,
    retention_days: Annotated[int, Query(ge=1, le=36_500, description="Older ones are deleted.")],
) -> Forgotten:
    """Delete the messages of the caller that are older than so many days."""
    deleted = await forget_old_messages(db, days=retention_days, caller=caller)
    return Forgotten(deleted=deleted, retention_days=retention_days)


@conversations.get("/{conversation_id}", response_model=ConversationWithMessages)
async def find_conversation(
    conversation_id: UUID,
    caller: ConversationsReaderDep,
    latest: LatestDep,
    include_messages: bool = True,
    message_limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="The latest messages, at most so many.")
    ] = messages.MESSAGES_SHOWN,
) -> Response:
    """One conversation of the caller with its latest messages, the oldest of them first."""
    limit = message_limit if include_messages else None
    found = await latest.find(caller, conversation_id, limit)
    return Response(found, media_type="application/json")


@conversations.patch("/{conversation_id}")
async def update_conversation(
    conversation_id: UUID,
    changes: ConversationChanges,
    caller: ConversationsWriterDep,
    db: Db,
    settings: SettingsDep,
) -> Conversation:
    """Change the members of a conversation that are given; the others stay."""
    return await store.change(db, caller, conversation_id, permitted(changes, settings))


@conversations.delete("/{conversation_id}", status_code=204)
async def delete_conversation(
    conversation_id: UUID, caller: ConversationsWriterDep, db: Db
) -> None:
    """Delete a conversation with its messages."""
    await store.delete(db, caller, conversation_id)


@conversations.get("/{conversation_id}/export", response_class=StreamingResponse)
async def export_conversation(
    conversation_id: UUID,
    caller: ConversationsReaderDep,
    db: Db,
    format: exports.Format = "json",  # noqa: A002 - its name on the wire
) -> StreamingResponse:
    """A conversation with all its messages, as JSON or as Markdown, streamed."""
    found = await store.find(db, caller, conversation_id)
    pages = messages.pages(db, caller, conversation_id)
    name = f"conversation-{conversation_id}.{exports.SUFFIXES[format]}"
    return StreamingResponse(
        exports.written(found, pages, format),
        media_type=exports.MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@conversations.get("/{conversation_id}/messages")
async def list_messages(
    conversation_id: UUID, caller: ConversationsReaderDep, db: Db, page: PageDep, response: Response
) -> list[Message]:
    """The messages of a conversation, oldest first."""
    found = await messages.page(db, caller, conversation_id, page)
    shown = page.cut(response, found.rows, messages.place, found=found.found)
    return [each for _, each in shown]


@conversations.post("/{conversation_id}/messages", response_model=Message)
async def add_message(
    conversation_id: UUID,
    message: OneMessage,
    caller: ConversationsWriterDep,
    db: Db,
    settings: SettingsDep,
    once: OnceDep,
) -> Any:
    """Store a message at the end of a conversation."""

    async def add(runner: Runner) -> Message:
        return await adding.add_one(runner, caller, conversation_id, message, settings)

    return await once.write(db, add)


@conversations.post("/{conversation_id}/messages/batch", response_model=StoredBatch)
async def add_messages(
    conversation_id: UUID,
    batch: Batch,
    caller: ConversationsWriterDep,
    db: Db,
    settings: SettingsDep,
    once: OnceDep,
) -> Any:
    """Store up to 1000 messages at the end of a conversation, all or none, in their order."""

    async def add(runner: Runner) -> StoredBatch:
        return await adding.add_all(
            runner, caller, conversation_id, batch.messages, batch.logging_level, settings
        )

    return await once.write(db, add)


router = APIRouter()
own = [route for route in conversations.routes if isinstance(route, RouteWithAlias)]
router.routes.extend([*own, *map(aliased, own)])
