"""What of a message is kept, at most as much as the server allows."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from llmring_core.callers import Caller
from llmring_core.errors import Forbidden
from llmring_core.secrets_key import newest_key
from llmring_core.settings import LoggingLevel, Settings
from llmring_server.conversations.models import ConversationChanges, NewMessage

LEVELS: tuple[LoggingLevel, ...] = ("none", "metadata", "full")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a message; everything that says what was said is None below `full`."""

    content: Any = None
    tool_calls: Any = None
    tool_results: Any = None
    tool_call_id: str | None = None
    metadata: dict[str, Any] | None = None
    content_hash: str | None = None
    content_length: int | None = None
    searched: str | None = None


def refuse_if_off(settings: Settings) -> None:
    """Raises Forbidden where the server keeps no conversations."""
    if not settings.enable_conversation_tracking:
        raise Forbidden(
            "This server keeps no conversations: LLMRING_ENABLE_CONVERSATION_TRACKING is false."
        )


def allowed(asked: LoggingLevel | None, settings: Settings) -> LoggingLevel:
    """The level that was asked for, or the server's if that is lower."""
    cap = settings.message_logging_level
    return cap if asked is None else min(asked, cap, key=LEVELS.index)


def kept(message: NewMessage, level: LoggingLevel, caller: Caller, settings: Settings) -> Kept:
    """What is kept of a message at a level."""
    if level == "full":
        return Kept(
            content=message.content,
            tool_calls=message.tool_calls,
            tool_results=message.tool_results,
            tool_call_id=message.tool_call_id,
            metadata=message.metadata,
            searched=_said(message.content),
        )
    if message.content is None:
        return Kept()
    text = content_text(message.content)
    return Kept(content_hash=_keyed_hash(text, caller, settings), content_length=len(text))


def permitted(changes: ConversationChanges, settings: Settings) -> ConversationChanges:
    """What may be kept of a conversation: a system prompt is content, and kept at `full` only."""
    has_prompt = "system_prompt" in changes.model_fields_set
    if settings.message_logging_level == "full" or not has_prompt:
        return changes
    return changes.model_copy(update={"system_prompt": None})


def _said(content: Any) -> str | None:
    """The words of a content, for the search."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str)) or None


def content_text(content: Any) -> str:
    """A content as one text: itself, or its parts as JSON."""
    return content if isinstance(content, str) else json.dumps(content, sort_keys=True)


def _keyed_hash(text: str, caller: Caller, settings: Settings) -> str | None:
    """A hash that cannot be had from a guessed text without the key, and differs by project."""
    key = newest_key(settings)
    if key is None:
        return None
    of_project = hmac.digest(key, b"message content " + caller.api_key_id.encode(), hashlib.sha256)
    return hmac.new(of_project, text.encode(), hashlib.sha256).hexdigest()
