"""What goes over the wire: reported calls, logged calls and statistics. Costs are in USD."""

from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from llmring_core.quantities import (
    Cached,
    CostStatus,
    Count,
    GivenCost,
    Label,
    ListedCost,
    Milliseconds,
    Moment,
    Name,
    Usd,
)


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
    metadata: dict[str, Any] | None = None
    timestamp: Moment | None = Field(
        None, description="When the call was made; now when absent, UTC when it names no zone."
    )

    @model_validator(mode="after")
    def _cached_is_part_of_input(self) -> Self:
        if self.cached_input_tokens > self.input_tokens:
            raise PydanticCustomError(
                "cached_exceeds_input", "cached_input_tokens is larger than input_tokens"
            )
        return self


class LoggedUsage(BaseModel):
    """The answer to a logged call."""

    log_id: UUID = Field(description="A UUIDv7.")
    cost: Usd | None
    timestamp: datetime
    cost_status: CostStatus


class RejectedUsage(BaseModel):
    """An entry of a batch that was not stored, and why."""

    index: int = Field(description="Its place in the batch, from 0.")
    status: Literal["rejected"] = "rejected"
    errors: list[dict[str, Any]]


class StoredUsage(LoggedUsage):
    """An entry of a batch that was stored."""

    index: int = Field(description="Its place in the batch, from 0.")
    status: Literal["stored"] = "stored"


class LoggedBatch(BaseModel):
    """The answer to a batch: a result per entry, in their order."""

    stored: int
    rejected: int
    results: list[StoredUsage | RejectedUsage]


class UsageRow(BaseModel):
    """A logged call, as lists show it."""

    log_id: UUID
    logged_at: datetime
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cost: ListedCost = Field(description="0 for an unpriced row; see cost_status.")
    cost_status: CostStatus
    latency_ms: int | None
    alias: str | None
    profile: str | None
    origin: str | None
    id_at_origin: str | None
    metadata: dict[str, Any] | None


class CostLine(BaseModel):
    """One line of an explained cost: tokens times the price of a million."""

    item: str
    tokens: int
    price_field: str = Field(description="The registry field that the price stands in.")
    dollars_per_million_tokens: Usd
    cost: Usd


class CostExplanation(BaseModel):
    """How a cost came about."""

    registry_version: int | None = None
    provider: str | None = None
    model: str | None = Field(None, description="The registry's name for the model.")
    lines: list[CostLine] = []
    reason: str | None = Field(None, description="Why there are no lines.")


class ExplainedUsage(UsageRow):
    """A logged call with its cost explained line by line."""

    cost: Usd | None  # type: ignore[assignment]  # here, unlike in lists, an unknown cost is null
    pricing: CostExplanation


class Totals(BaseModel):
    """Sums over some of the calls. The cost leaves out the unpriced ones, which are counted."""

    requests: int
    cost: Usd
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    total_tokens: int = Field(description="Input and output.")
    unpriced_requests: int


class PeriodTotals(Totals):
    """Sums over a day, a week (from Monday) or a month."""

    date: date
    top_model: str = Field(description="The model called most often.")


class Summary(BaseModel):
    """Sums over all the calls in question."""

    total_requests: int
    total_cost: Usd
    total_tokens: int = Field(description="Input and output.")
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    unique_models: int
    unique_origins: int
    unpriced_requests: int = Field(description="Calls whose cost nobody knows; not in the sums.")


class UsageStats(BaseModel):
    """Statistics over the calls of a project."""

    summary: Summary
    by_day: list[PeriodTotals] = Field(description="Newest first; by `group_by`.")
    by_model: dict[str, Totals]
    by_origin: dict[str, Totals]
    by_alias: dict[str, Totals]
