"""What goes over the wire: conversations and messages. Costs are in USD."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from llmring_core.quantities import Count, Label, Moment, Prompt, Temperature, Usd
from llmring_core.settings import LoggingLevel

MAX_BATCH = 1000

Title = Annotated[str, Field(max_length=1000)]
Role = Literal["system", "user", "assistant", "tool", "developer"]
# A text, or parts as multimodal models take them; null beside tool calls.
Content = str | list[Any] | dict[str, Any] | None


class ConversationChanges(BaseModel):
    """The members of a conversation that its project may set; null takes one away."""

    title: Title | None = None
    system_prompt: Prompt | None = Field(None, description="Kept at the level `full` only.")
    model_alias: Label | None = None
    temperature: Temperature | None = None
    max_tokens: Count | None = None
    metadata: dict[str, Any] | None = None
    project_id: Label | None = Field(None, description="Any text of the client's, a user's name.")
    origin: Label | None = None


class Conversation(ConversationChanges):
    """A conversation."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    message_count: int = Field(description="The messages that there are now.")
    input_tokens: int = Field(description="Of all messages there ever were.")
    output_tokens: int = Field(description="Of all messages there ever were.")
    total_tokens: int = Field(description="Input and output.")
    total_cost: Usd = Field(description="Of the calls that were logged with the conversation.")
    last_message_at: datetime | None = Field(
        description="The latest `timestamp` of all messages there ever were."
    )


class NewMessage(BaseModel):
    """A message to be stored. Members that are not named here are ignored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "user", "content": "What is a receipt?"}]}
    )

    role: Role
    content: Content = None
    tool_calls: list[Any] | None = None
    tool_results: list[Any] | dict[str, Any] | None = None
    tool_call_id: Label | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    metadata: dict[str, Any] | None = None
    timestamp: Moment | None = Field(
        None, description="Now when absent, UTC when it names no zone."
    )


class OneMessage(NewMessage):
    """A message that is stored by itself."""

    logging_level: LoggingLevel | None = Field(
        None, description="What to keep of it; at most what the server allows."
    )


class Batch(BaseModel):
    """Messages to be stored together, all or none, in their order."""

    messages: Annotated[list[NewMessage], Field(min_length=1, max_length=MAX_BATCH)]
    logging_level: LoggingLevel | None = Field(
        None, description="What to keep of them; at most what the server allows."
    )


class Message(BaseModel):
    """A message, as far as it was kept."""

    id: UUID | None = Field(description="A UUIDv7; null for one that was not kept at all.")
    conversation_id: UUID
    role: Role
    content: Content
    tool_calls: list[Any] | None
    tool_results: list[Any] | dict[str, Any] | None
    tool_call_id: str | None
    input_tokens: int | None
    output_tokens: int | None
    token_count: int | None = Field(description="Input and output, where either is known.")
    metadata: dict[str, Any] | None
    timestamp: datetime
    logging_level: LoggingLevel
    content_hash: str | None = Field(
        description="At the level `metadata`: a keyed hash of the content, which tells whether two "
        "contents of a project are equal, and nothing else. Null where the server has no "
        "LLMRING_SECRETS_KEY."
    )
    content_length: int | None = Field(
        description="At the level `metadata`: characters of the text, or of the parts as JSON."
    )


class ConversationWithMessages(Conversation):
    """A conversation with its latest messages, the oldest of them first."""

    messages: list[Message] | None = Field(description="Null if they were not asked for.")


class StoredBatch(BaseModel):
    """The answer to a batch."""

    conversation_id: UUID
    stored: int
    logging_level: LoggingLevel = Field(description="What was kept.")
    message_ids: list[UUID] = Field(description="In the order of the messages.")


class Forgotten(BaseModel):
    """The answer to a request to delete old messages."""

    deleted: int
    retention_days: int
