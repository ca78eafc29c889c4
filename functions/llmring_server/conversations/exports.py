"""A conversation written out, a few megabytes at a time: as JSON, or as Markdown to be read."""

from collections.abc import AsyncIterator
from typing import Literal

from llmring_server.conversations.markdown import section
from llmring_server.conversations.models import Conversation, Message

Format = Literal["json", "markdown"]
MEDIA_TYPES: dict[Format, str] = {"json": "application/json", "markdown": "text/markdown"}
SUFFIXES: dict[Format, str] = {"json": "json", "markdown": "md"}


def written(
    conversation: Conversation, pages: AsyncIterator[list[Message]], form: Format
) -> AsyncIterator[str]:
    """Write a conversation in a form."""
    return (_as_json if form == "json" else _as_markdown)(conversation, pages)


async def _as_json(
    conversation: Conversation, pages: AsyncIterator[list[Message]]
) -> AsyncIterator[str]:
    """One object: the members of the conversation, and its messages, the oldest first."""
    yield conversation.model_dump_json()[:-1] + ',"messages":['
    separator = ""
    async for page in pages:
        yield separator + ",".join(each.model_dump_json() for each in page)
        separator = ","
    yield "]}"


async def _as_markdown(
    conversation: Conversation, pages: AsyncIterator[list[Message]]
) -> AsyncIterator[str]:
    """A heading, and a section per message."""
    yield f"# {' '.join((conversation.title or 'Conversation').split())}\n"
    if conversation.system_prompt:
        yield f"\n{conversation.system_prompt}\n"
    async for page in pages:
        yield "".join(map(section, page))
