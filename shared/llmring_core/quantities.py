"""The quantities of a model call: tokens, USD, milliseconds, times; what each may be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from llmring_core import clock

# The largest integer that every JSON reader keeps exact (RFC 7493, section 2.2).
MAX_COUNT = 2**53 - 1
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(hours=24)


def no_truth_value(value: object) -> object:
    """Refuse true and false, which Python would count as one and zero."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a number, not true or false")
    return value


def _positive_zero(cost: Decimal) -> Decimal:
    return cost + Decimal(0) if cost.is_zero() else cost


Count = Annotated[int, Field(ge=0, le=MAX_COUNT), BeforeValidator(no_truth_value)]
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
Prompt = Annotated[str, Field(max_length=1_000_000)]
Temperature = Annotated[
    float, Field(ge=0, le=100, allow_inf_nan=False), BeforeValidator(no_truth_value)
]
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


Cached = Annotated[
    Count,
    BeforeValidator(_zero_if_null),
    WithJsonSchema({"type": ["integer", "null"], "minimum": 0, "maximum": MAX_COUNT}),
]
Milliseconds = Annotated[
    Count,
    BeforeValidator(_whole),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_COUNT}),
]
ListedCost = Annotated[Usd, BeforeValidator(_zero_if_null)]


def in_utc(moment: datetime) -> datetime:
    """Read a time without a zone as UTC, and refuse one that cannot be."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not EARLIEST <= moment <= clock.now() + CLOCK_SKEW:
        raise PydanticCustomError(
            "timestamp_range", "The timestamp lies before 1970 or more than a day in the future"
        )
    return moment.astimezone(UTC)


def _no_number(value: object) -> object:
    if not isinstance(value, str | datetime) or (isinstance(value, str) and "-" not in value[:9]):
        raise PydanticCustomError(
            "timestamp", "A timestamp is written as ISO 8601 says, 2026-11-30T12:00:00Z"
        )
    return value


# Pydantic would read a number as seconds, or milliseconds, or microseconds.
Moment = Annotated[datetime, AfterValidator(in_utc), BeforeValidator(_no_number)]
