"""What goes over the wire: reported calls, logged calls and statistics. Costs are in USD."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from llmring_core import clock

# The largest integer that every JSON reader keeps exact (RFC 7493, section 2.2).
MAX_COUNT = 2**53 - 1
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(hours=24)


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a number, not true or false")
    return value


def _positive_zero(cost: Decimal) -> Decimal:
    return cost + Decimal(0) if cost.is_zero() else cost


Count = Annotated[int, Field(ge=0, le=MAX_COUNT), BeforeValidator(_no_truth_value)]
Usd = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]
GivenCost = Annotated[
    Decimal,
    Field(ge=0, le=10**9, max_digits=40, decimal_places=30, allow_inf_nan=False),
    AfterValidator(_positive_zero),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10**9}),
]
Label = Annotated[str, Field(max_length=255)]
Name = Annotated[str, Field(min_length=1, max_length=255)]
CostStatus = Annotated[
    Literal["given", "priced", "unpriced"],
    Field(
        description="`given`: the client said the cost; `priced`: worked out from the registry; "
        "`unpriced`: nobody knows the price, and the cost is null."
    ),
]


def _zero_if_null(value: object) -> object:
    return 0 if value is None else value


def _whole(value: object) -> object:
    return round(value) if isinstance(value, float) and abs(value) < MAX_COUNT else value


def _in_utc(moment: datetime) -> datetime:
    """Read a time without a zone as UTC, and refuse one that cannot be."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not EARLIEST <= moment <= clock.now() + CLOCK_SKEW:
        raise PydanticCustomError(
            "timestamp_range", "The timestamp lies before 1970 or more than a day in the future"
        )
    return moment.astimezone(UTC)


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
    cached_input_tokens: Annotated[Count, BeforeValidator(_zero_if_null)] = Field(
        0, description="The part of input_tokens that came from the provider's cache."
    )
    alias: Label | None = None
    profile: Label | None = None
    cost: GivenCost | None = Field(
        None, description="USD; worked out from the registry when absent."
    )
    latency_ms: Annotated[Count, BeforeValidator(_whole)] | None = Field(
        None, description="Milliseconds; rounded to whole ones."
    )
    origin: Label | None = None
    id_at_origin: Label | None = Field(None, description="Need not be unique.")
    metadata: dict[str, Any] | None = None
    timestamp: Annotated[datetime, AfterValidator(_in_utc)] | None = Field(
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
    cost: Annotated[Usd, BeforeValidator(_zero_if_null)] = Field(
        description="0 for an unpriced row; see cost_status."
    )
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
