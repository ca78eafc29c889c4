"""Messages come in: how much of them is kept, and what is answered."""

from collections.abc import Sequence
from uuid import UUID

from llmring_core import clock
from llmring_core.callers import Caller
from llmring_core.connection import Runner
from llmring_core.settings import LoggingLevel, Settings
from llmring_server.conversations import messages, store
from llmring_server.conversations.models import Message, NewMessage, OneMessage, StoredBatch
from llmring_server.conversations.privacy import Kept, allowed, kept


async def add_all(
    runner: Runner,
    caller: Caller,
    conversation_id: UUID,
    new: Sequence[NewMessage],
    asked: LoggingLevel | None,
    settings: Settings,
) -> StoredBatch:
    """Store messages as far as the level allows, all or none; raises NotFound."""
    level = allowed(asked, settings)
    if level == "none":
        await store.find(runner, caller, conversation_id)
        return StoredBatch(
            conversation_id=conversation_id, stored=0, logging_level=level, message_ids=[]
        )
    parts = [kept(each, level, caller, settings) for each in new]
    stored = await messages.add(runner, caller, conversation_id, new, parts, level)
    return StoredBatch(
        conversation_id=conversation_id,
        stored=len(stored),
        logging_level=level,
        message_ids=[name for name, _ in stored],
    )


async def add_one(
    runner: Runner, caller: Caller, conversation_id: UUID, new: OneMessage, settings: Settings
) -> Message:
    """Store a message as far as the level allows, and say what was kept; raises NotFound."""
    level = allowed(new.logging_level, settings)
    name, moment, part = None, new.timestamp or clock.now(), Kept()
    if level == "none":
        await store.find(runner, caller, conversation_id)
    else:
        part = kept(new, level, caller, settings)
        ((name, moment),) = await messages.add(
            runner, caller, conversation_id, [new], [part], level
        )
    return _answer(name, conversation_id, new, part, moment, level)


def _answer(
    name: UUID | None,
    conversation_id: UUID,
    new: OneMessage,
    part: Kept,
    moment: object,
    level: LoggingLevel,
) -> Message:
    counts = [count for count in (new.input_tokens, new.output_tokens) if count is not None]
    return Message.model_validate(
        {
            "id": name,
            "conversation_id": conversation_id,
            "role": new.role,
            "content": part.content,
            "tool_calls": part.tool_calls,
            "tool_results": part.tool_results,
            "tool_call_id": part.tool_call_id,
            "input_tokens": new.input_tokens,
            "output_tokens": new.output_tokens,
            "token_count": sum(counts) if counts else None,
            "metadata": part.metadata,
            "timestamp": moment,
            "logging_level": level,
            "content_hash": part.content_hash,
            "content_length": part.content_length,
        }
    )
