"""What goes over the wire of MCP servers themselves."""

import re
import shlex
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from llmring_core.quantities import Label, Name
from llmring_server.mcp.credentials import Credentials

Transport = Literal["http", "sse", "stdio"]
Policy = Annotated[
    Literal["warn", "block"],
    Field(
        description="What becomes of a tool whose definition changed: `warn` runs it all the same, "
        "`block` not until it is approved."
    ),
]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2048,
        description="Of http or https; for `stdio` a command line.",
        json_schema_extra={"format": "server-url"},
    ),
]


class NewServer(BaseModel):
    """An MCP server to be registered. Members that are not named here are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "weather",
                    "url": "https://mcp.example.org/mcp",
                    "auth_config": {"type": "bearer", "token": "…"},
                }
            ]
        }
    )

    name: Name
    url: Url
    transport_type: Transport = Field(
        "http", description="`http`: streamable HTTP, or SSE where the server has only that."
    )
    auth_config: Credentials | None = Field(
        None, description="Kept sealed, sent to this server only, never shown again."
    )
    capabilities: dict[str, Any] | None = None
    project_id: Label | None = Field(None, description="Any text of the client's, a user's name.")
    policy: Policy = "warn"

    @model_validator(mode="after")
    def _has_a_url_of_its_transport(self) -> Self:
        if problem := url_problem(self.url, self.transport_type):
            raise PydanticCustomError("url", problem)
        return self


class ServerChanges(BaseModel):
    """The members of a server to be changed; those that are not there stay."""

    name: Name | SkipJsonSchema[None] = None
    url: Url | SkipJsonSchema[None] = None
    transport_type: Transport | SkipJsonSchema[None] = None
    auth_config: Credentials | None = Field(None, description="Null takes the credentials away.")
    capabilities: dict[str, Any] | None = None
    project_id: Label | None = None
    policy: Policy | SkipJsonSchema[None] = None
    is_active: StrictBool | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _keeps_what_every_server_has(self) -> Self:
        for name in ("name", "url", "transport_type", "policy", "is_active"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise PydanticCustomError("null", f"{name} cannot be null")
        return self


class Configured(BaseModel):
    """That there are credentials, and of which kind; nothing else of them."""

    type: str
    configured: Literal[True] = True


class Server(BaseModel):
    """An MCP server."""

    id: UUID
    name: str
    url: str
    transport_type: Transport
    auth_config: Configured | None
    capabilities: dict[str, Any] | None
    project_id: str | None
    policy: Policy
    is_active: bool
    created_at: datetime
    updated_at: datetime
    protocol_version: str | None = Field(description="As negotiated at the last refresh.")
    server_info: dict[str, Any] | None = Field(description="What the server calls itself.")
    refreshed_at: datetime | None
    refresh_error: str | None = Field(
        description="Why the last refresh failed; null if it did not."
    )
    refresh_failed_at: datetime | None


def url_problem(url: str, transport: Transport) -> str | None:
    """Why a client of this transport cannot connect to a URL; None if it can.

    Whether it may is asked when it is connected to, of the address that it leads to then.
    """
    if transport == "stdio":
        return _command_problem(url)
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return "A URL has visible ASCII characters only"
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        return "The URL is not one of http or https"
    if parts.username is not None or parts.password is not None:
        return "Credentials belong into auth_config, not into the URL"
    return "The URL has a fragment, which no server sees" if parts.fragment else None


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """The scheme, host and port of a URL (RFC 6454), as they are compared; a command is its own."""
    if not re.match("https?://", url, re.IGNORECASE):
        return url, None, None
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


def _command_problem(line: str) -> str | None:
    try:
        words = shlex.split(line)
    except ValueError:
        return "The command line has a quotation mark without an end"
    return None if words else "The command line is empty"
