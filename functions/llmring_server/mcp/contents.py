"""What goes over the wire of resources that were read and prompts that were rendered."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class Content(BaseModel):
    """A part of a resource: `text`, or `blob` in base64."""

    uri: str
    mime_type: str | None
    text: str | None
    blob: str | None = Field(description="Base64.")


class Contents(BaseModel):
    """What a resource holds."""

    resource_id: UUID
    uri: str
    contents: list[Content]


class Rendered(BaseModel):
    """A prompt with its arguments put in."""

    prompt_id: UUID
    name: str
    description: str | None
    messages: list[dict[str, Any]] = Field(description="As the protocol writes them.")
