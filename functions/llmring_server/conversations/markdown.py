"""Messages as Markdown, to be read."""

import json
import re
from typing import Any

from llmring_server.conversations.models import Message

# A message that is larger or deeper is not indented: that would be most of what is written.
MAX_INDENTED_CHARACTERS = 64 * 1024
MAX_INDENTED_DEPTH = 20


def section(message: Message) -> str:
    """A message under a heading of its own."""
    return f"\n## {message.role} ({message.timestamp.isoformat()})\n\n{_said(message)}\n"


def _said(message: Message) -> str:
    """What was said, as far as it was kept; what is not text stands in a block of JSON."""
    if message.content is None and message.content_length is not None:
        return f"*{message.content_length} characters, not kept*"
    parts = message.content if isinstance(message.content, list) else [message.content]
    others = [each for each in (message.tool_calls, message.tool_results) if each]
    indent = _indent([parts, others])
    said = [_part(part, indent) for part in parts if part is not None]
    return "\n\n".join([*said, *(_block(each, indent) for each in others)])


def _indent(values: list[list[Any]]) -> int | None:
    is_large = len(json.dumps(values, ensure_ascii=False)) > MAX_INDENTED_CHARACTERS
    return None if is_large or _depth(values) > 2 + MAX_INDENTED_DEPTH else 2


def _depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    within = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, within), default=0)


def _part(part: object, indent: int | None) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    return _block(part, indent)


def _block(value: object, indent: int | None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # Longer than any run of backticks inside (CommonMark, section 4.5).
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}json\n{text}\n{fence}"
