"""What goes over the wire about executions of tools."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["running", "succeeded", "failed", "unknown"]


class Approval(BaseModel):
    """Which definition of a tool is approved."""

    # A misspelt digest would approve whatever there is.
    model_config = ConfigDict(extra="forbid")

    digest: str | None = Field(
        None, max_length=64, description="Only if it is still this one; the current when absent."
    )


class ToolExecution(BaseModel):
    """An execution of a tool, by this server or by a client that reported it."""

    id: UUID
    tool_id: UUID
    executed_at: datetime
    executed_by: Literal["server", "client"]
    status: Status = Field(description="`unknown`: whether the tool ran, nobody can say.")
    input: dict[str, Any]
    output: Any = Field(description="Null where it was larger than is kept; see the excerpt.")
    output_excerpt: str | None = Field(
        description="The first megabyte of an output that is not kept whole, as JSON."
    )
    output_bytes: int | None = Field(
        description="The size of the output as JSON: members sorted, no spaces, UTF-8."
    )
    output_hash: str | None = Field(description="SHA-256 of that JSON, in hexadecimal.")
    is_error: bool | None = Field(
        description="Whether the tool or its server said error, or could not be asked."
    )
    error: str | None
    duration_ms: int | None = Field(description="Milliseconds.")
    conversation_id: str | None
