"""A conversation as Markdown is about as large as what was said, however that is nested."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from llmring_server.conversations.exports import written
from llmring_server.conversations.models import Conversation, Message

ID = UUID(int=1)


def markdown(content):
    """The export of a conversation in which this was said."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    conversation = Conversation.model_construct(title="t", system_prompt=None)
    members = dict.fromkeys(Message.model_fields)
    said = {"role": "user", "content": content, "timestamp": now}
    message = Message.model_construct(**{**members, **said})

    async def pages():
        yield [message]

    async def whole():
        return "".join([part async for part in written(conversation, pages(), "markdown")])

    return asyncio.run(whole())


def nested(value, depth):
    for _ in range(depth):
        value = [value]
    return value


def test_a_small_value_is_indented():
    assert '```json\n{\n  "a": [\n    1\n  ]\n}\n```' in markdown([{"a": [1]}])


@pytest.mark.parametrize(
    "content",
    [nested([0] * 10_000, 180), nested([0] * 50_000, 10), [nested([0] * 100, 15)] * 500],
    ids=["deep", "large", "many"],
)
def test_what_is_large_or_deep_grows_by_no_indent(content):
    assert len(markdown(content)) < 1.2 * len(json.dumps(content))
