"""What goes over the wire of refreshes, and of what they changed."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field


class Change(BaseModel):
    """A definition that became another one."""

    kind: Literal["tool", "resource", "resource_template", "prompt"]
    id: UUID
    name: str
    version: int = Field(description="That it became.")
    changed_at: datetime
    previous_digest: str
    digest: str
    is_approved: bool | None = Field(
        description="Of a tool: whether this version is the approved one."
    )
    diff: str = Field(
        description="The two versions compared, as a unified diff of their JSON; or why not."
    )


class Counted(BaseModel):
    """The names of definitions by kind."""

    tools: list[str] = []
    resources: list[str] = []
    resource_templates: list[str] = []
    prompts: list[str] = []


class Refreshed(BaseModel):
    """What a refresh found."""

    server_id: UUID
    added: Counted
    changed: Counted
    removed: Counted
    unchanged: int
