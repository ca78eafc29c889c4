"""What goes over the wire when a call is logged with all that was said. Costs are in USD."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from llmring_core.calls import UsageEntry, refuse_more_cached_than_input
from llmring_core.prices import names_of
from llmring_core.pricing import Tokens
from llmring_core.quantities import Count, GivenCost, Label, Name
from llmring_core.settings import LoggingLevel
from llmring_server.conversations.models import Content, NewMessage

MAX_MESSAGES = 10_000


class CallUsage(BaseModel):
    """The tokens of a call as its provider's answer counts them."""

    model_config = ConfigDict(extra="allow")

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    cached_tokens: Count | None = None


class CallResponse(BaseModel):
    """What the model answered."""

    content: Content = None
    model: Name | None = None
    finish_reason: Label | None = None
    tool_calls: list[Any] | None = None
    usage: CallUsage | None = None


class CallMetadata(BaseModel):
    """Which model was called, by whom, and what it took."""

    provider: Name
    model: Name | None = Field(None, description="That of the response when absent.")
    alias: Label | None = None
    profile: Label | None = None
    origin: Label | None = None
    cost: GivenCost | None = Field(
        None, description="USD; worked out from the registry when absent."
    )
    input_tokens: Count | None = Field(None, description="`response.usage` has it when absent.")
    output_tokens: Count | None = Field(None, description="`response.usage` has it when absent.")
    cached_tokens: Count | None = Field(
        None, description="The part of input_tokens that came from the provider's cache."
    )


# One of two says which model was called.
_NAMES_MODEL: JsonDict = {"required": ["model"], "properties": {"model": {"type": "string"}}}


class CallLog(BaseModel):
    """A model call, with all that was said. Members that are not named here are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "messages": [{"role": "user", "content": "What is a receipt?"}],
                    "response": {
                        "content": "A signed record of a call.",
                        "model": "gpt-4.1",
                        "finish_reason": "stop",
                        "usage": {"prompt_tokens": 12, "completion_tokens": 7},
                    },
                    "metadata": {
                        "provider": "openai",
                        "model": "gpt-4.1",
                        "alias": "summarizer",
                        "origin": "my-app",
                    },
                }
            ],
            "anyOf": [
                {"properties": {"metadata": _NAMES_MODEL}},
                {"properties": {"response": _NAMES_MODEL}},
            ],
        }
    )

    messages: Annotated[list[NewMessage], Field(max_length=MAX_MESSAGES)]
    response: CallResponse
    metadata: CallMetadata
    logging_level: LoggingLevel | None = Field(
        None, description="What to keep of the messages; at most what the server allows."
    )

    @model_validator(mode="after")
    def _makes_a_usage_row(self) -> Self:
        if self.metadata.model is None and self.response.model is None:
            raise PydanticCustomError("missing_model", "metadata.model says which model was called")
        refuse_more_cached_than_input(self.tokens.cached_input, self.tokens.input)
        return self

    @property
    def model(self) -> str:
        """The model that was called."""
        return self.metadata.model or self.response.model or ""

    @property
    def tokens(self) -> Tokens:
        """The tokens of the call: what the metadata says, else the usage, else none."""
        said, usage = self.metadata, self.response.usage or CallUsage()
        return Tokens(
            _first(said.input_tokens, usage.prompt_tokens),
            _first(said.output_tokens, usage.completion_tokens),
            _first(said.cached_tokens, usage.cached_tokens),
        )

    @property
    def knows_tokens(self) -> bool:
        """Whether anything was said of the tokens."""
        said, usage = self.metadata, self.response.usage or CallUsage()
        known = (
            said.input_tokens,
            said.output_tokens,
            usage.prompt_tokens,
            usage.completion_tokens,
        )
        return any(count is not None for count in known)

    def all_messages(self) -> list[NewMessage]:
        """The messages and, as the last of them, the response, which bears the tokens."""
        response, tokens = self.response, self.tokens
        kept = response.model_dump(include={"model", "finish_reason", "usage"}, exclude_none=True)
        answer = NewMessage(
            role="assistant",
            content=response.content,
            tool_calls=response.tool_calls,
            input_tokens=tokens.input if self.knows_tokens else None,
            output_tokens=tokens.output if self.knows_tokens else None,
            metadata=kept,
        )
        return [*self.messages, answer]

    def usage_entry(self, conversation_id: UUID, now: datetime) -> UsageEntry:
        """The call as the published client reports it to `POST /log` right after."""
        said, tokens = self.metadata, self.tokens
        return UsageEntry(
            provider=said.provider,
            model=self.model,
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cached_input_tokens=tokens.cached_input,
            alias=said.alias,
            profile=said.profile,
            cost=said.cost,
            origin=said.origin,
            id_at_origin=str(conversation_id),
            metadata={
                "model_alias": ":".join(names_of(said.provider, self.model)),
                "finish_reason": self.response.finish_reason,
                "conversation_id": str(conversation_id),
            },
            timestamp=now,
        )


class LoggedCall(BaseModel):
    """The answer to a call that was logged with all that was said."""

    conversation_id: UUID
    message_id: UUID | None = Field(
        description="The response's; null where no messages are kept at all."
    )
    log_id: UUID = Field(description="The usage row: `GET /api/v1/logs/{log_id}`.")


def _first(*counts: int | None) -> int:
    return next((count for count in counts if count is not None), 0)
