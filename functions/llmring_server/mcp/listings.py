"""What goes over the wire of what servers offer: tools, resources, prompts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class ServerName(BaseModel):
    """The server that something is of."""

    id: UUID
    name: str
    is_active: bool


class Definition(BaseModel):
    """What is kept of everything that a server offers."""

    id: UUID
    server_id: UUID
    server: ServerName
    is_active: bool = Field(description="Whether the server still offered it when last asked.")
    version: int = Field(description="From 1; one more with every change of the definition.")
    digest: str = Field(
        description="SHA-256 of the canonical JSON of the definition, in hexadecimal."
    )
    first_seen_at: datetime
    last_seen_at: datetime
    description: str | None
    definition: dict[str, Any] = Field(description="All of it, as the protocol writes it.")


class Tool(Definition):
    """A tool."""

    name: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    annotations: dict[str, Any] | None
    is_approved: bool = Field(
        description="Whether the definition is the one that was approved last, or the first one."
    )


class Resource(Definition):
    """A resource, or a template of resources."""

    uri: str = Field(description="The URI, or the URI template (RFC 6570).")
    name: str | None
    mime_type: str | None
    is_template: bool


class Prompt(Definition):
    """A prompt."""

    name: str
    arguments: list[Any] | dict[str, Any]
