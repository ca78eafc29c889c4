"""A model call: what a client reports of it, and what it is answered. Costs are in USD."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from llmring_core.pricing import Tokens
from llmring_core.quantities import (
    Cached,
    CostStatus,
    Count,
    GivenCost,
    Label,
    Milliseconds,
    Moment,
    Name,
    Usd,
)

# The member of a call's metadata that names its conversation.
CONVERSATION = "conversation_id"
# As RFC 9562, section 4, writes it; Python reads more.
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class UsageEntry(BaseModel):
    """One model call, as a client reports it. Members that are not named here are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "provider": "openai",
                    "model": "gpt-4.1",
                    "input_tokens": 1200,
                    "output_tokens": 350,
                    "cached_input_tokens": 200,
                    "alias": "summarizer",
                    "origin": "my-app",
                }
            ]
        }
    )

    provider: Name
    model: Name = Field(description="With or without the provider before it (`openai:gpt-4.1`).")
    input_tokens: Count
    output_tokens: Count
    cached_input_tokens: Cached = Field(
        0, description="The part of input_tokens that came from the provider's cache."
    )
    alias: Label | None = None
    profile: Label | None = None
    cost: GivenCost | None = Field(
        None, description="USD; worked out from the registry when absent."
    )
    latency_ms: Milliseconds | None = Field(
        None, description="Milliseconds; rounded to whole ones."
    )
    origin: Label | None = None
    id_at_origin: Label | None = Field(None, description="Need not be unique.")
    metadata: dict[str, Any] | None = Field(
        None, description="A `conversation_id` in it names the conversation of the call."
    )
    timestamp: Moment | None = Field(
        None, description="When the call was made; now when absent, UTC when it names no zone."
    )

    @model_validator(mode="after")
    def _cached_is_part_of_input(self) -> Self:
        refuse_more_cached_than_input(self.cached_input_tokens, self.input_tokens)
        return self

    @property
    def tokens(self) -> Tokens:
        """The tokens that the cost is made of."""
        return Tokens(self.input_tokens, self.output_tokens, self.cached_input_tokens)

    @property
    def conversation_id(self) -> UUID | None:
        """The conversation that `metadata` names; None if it names none of the form of ours."""
        return _uuid((self.metadata or {}).get(CONVERSATION))

    @property
    def names_conversation_twice(self) -> bool:
        """Whether `id_at_origin` names that conversation too, as the published client does."""
        return self.conversation_id is not None and _uuid(self.id_at_origin) == self.conversation_id


class Logged(NamedTuple):
    """What a logged call became: its id, its cost in USD (None: unknown), its time, and why."""

    log_id: UUID
    cost: Decimal | None
    timestamp: datetime
    cost_status: CostStatus

    def members(self) -> dict[str, Any]:
        """The members of `LoggedUsage`, as they are written."""
        return {
            "log_id": self.log_id,
            "cost": None if self.cost is None else float(self.cost),
            "timestamp": self.timestamp,
            "cost_status": self.cost_status,
        }


class LoggedUsage(BaseModel):
    """The answer to a logged call."""

    log_id: UUID = Field(description="A UUIDv7.")
    cost: Usd | None
    timestamp: datetime
    cost_status: CostStatus


def refuse_more_cached_than_input(cached: int, input_tokens: int) -> None:
    """A check of models: the cached tokens are part of the input."""
    if cached > input_tokens:
        raise PydanticCustomError(
            "cached_exceeds_input", "cached_input_tokens is larger than input_tokens"
        )


def _uuid(value: object) -> UUID | None:
    return UUID(value) if isinstance(value, str) and _UUID.fullmatch(value) else None
