"""What goes over the wire of registered keys."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from llmring_core.api_keys import MAX_OVERLAP_HOURS, SCOPES, Scope
from llmring_core.quantities import Label, Name, no_truth_value

# The last second that there is; asyncpg takes the last microsecond for infinity.
LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return min(moment.astimezone(UTC), LATEST)
    except OverflowError:
        raise PydanticCustomError("range", "In UTC it lies beyond the years 1 to 9999") from None


Expiry = Annotated[datetime, AfterValidator(_in_utc)]
Overlap = Annotated[int, Field(ge=0, le=MAX_OVERLAP_HOURS), BeforeValidator(no_truth_value)]


class NewKey(BaseModel):
    """A key to make."""

    # A misspelt limit that went unheeded would make a key that may do everything, for ever.
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"project": "billing", "scopes": ["log:write"]}]},
    )

    project: Name = Field(description="Keys of one project see the same rows.")
    name: Label = Field("", description="Who has the key, or where it is used.")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))] = Field(
        list(SCOPES), description="What the key may do; everything when absent."
    )
    expires_at: Expiry | None = Field(None, description="Never when absent; UTC without a zone.")
    open_key: Annotated[SecretStr, Field(min_length=1, max_length=255)] | None = Field(
        None,
        description="The key under which a server in open mode kept the rows of this project, to "
        "go on with them.",
    )


class RegisteredKey(BaseModel):
    """What is known of a key, which is not the key itself."""

    key_id: UUID
    api_key_id: str = Field(
        description="The project, as its rows have it, and log lines as `project_id`. Never a key."
    )
    project: str
    name: str
    scopes: list[str]
    hint: str = Field(description="The first characters of the key.")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_at: datetime | None = Field(description="When a key was made in its place.")
    last_used_at: datetime | None = Field(description="To within a minute.")


class MadeKey(RegisteredKey):
    """A key that was just made."""

    key: str = Field(description="The key, shown this once.", repr=False)


class Successor(MadeKey):
    """A key that was just made in the place of another."""

    old_key_opens_until: datetime = Field(description="When the key in whose place it is ends.")


class Rotation(BaseModel):
    """How a key is replaced by a new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: Overlap = Field(24, description="How long the old key still opens.")
