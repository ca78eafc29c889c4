"""What goes over the wire: batches, logged calls and statistics. Costs are in USD."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from llmring_core.calls import LoggedUsage
from llmring_core.quantities import CostStatus, ListedCost, Usd


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
