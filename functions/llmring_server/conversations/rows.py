"""Between rows of the database and what goes over the wire."""

import json
from typing import Any

from llmring_core.connection import Row
from llmring_server.conversations.models import Conversation, Message


def conversation(row: Row) -> Conversation:
    """Read a row of a conversation."""
    total = row["input_tokens"] + row["output_tokens"]
    return Conversation.model_validate(
        {**row, "metadata": from_json(row["metadata"]), "total_tokens": total}
    )


def message(row: Row) -> Message:
    """Read a row of a message."""
    counts = [count for count in (row["input_tokens"], row["output_tokens"]) if count is not None]
    parsed = {
        name: from_json(row[name]) for name in ("content", "tool_calls", "tool_results", "metadata")
    }
    return Message.model_validate({**row, **parsed, "token_count": sum(counts) if counts else None})


def to_json(value: Any) -> str | None:
    """Write a value as JSON; None stays nothing at all."""
    return None if value is None else json.dumps(value)


def from_json(text: str | None) -> Any:
    """Read JSON; nothing at all is None."""
    return None if text is None else json.loads(text)
