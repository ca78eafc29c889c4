"""What the published client reports: what it found on a server, and what it ran there."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonValue
from pydantic_core import PydanticCustomError

from llmring_core.quantities import Label, Milliseconds
from llmring_server.mcp.definitions import Found, Kind
from llmring_server.mcp.values import MAX_VALUES, values_in

MAX_FOUND = 5000
Text = Annotated[str, Field(max_length=100_000)]
Identity = Annotated[str, Field(min_length=1, max_length=2048)]


class _Item(BaseModel):
    """A definition, in the spelling of the protocol or in snake_case; other members are kept."""

    model_config = ConfigDict(extra="allow")

    def definition(self) -> dict[str, Any]:
        """The definition as the protocol writes it, without null members."""
        members = self.model_dump(exclude_none=True)
        return {_PROTOCOL_NAMES.get(name, name): value for name, value in members.items()}


_PROTOCOL_NAMES = {
    "input_schema": "inputSchema",
    "output_schema": "outputSchema",
    "mime_type": "mimeType",
    "uri_template": "uriTemplate",
}


class FoundTool(_Item):
    """A tool that a client found."""

    name: Identity
    description: Text | None = None


class FoundResource(_Item):
    """A resource that a client found."""

    uri: Identity
    name: Text | None = None
    description: Text | None = None


class FoundPrompt(_Item):
    """A prompt that a client found."""

    name: Identity
    description: Text | None = None


# What the published client tells of a definition; the rest it leaves out.
_TOLD = {"name", "description", "inputSchema", "uri", "mimeType", "arguments"}


def completed(found: Found, kept: Mapping[str, Any] | None) -> Found:
    """What a client found, with the members of the kept definition that clients never tell."""
    untold = {name: each for name, each in (kept or {}).items() if name not in _TOLD}
    return Found(found.kind, {**untold, **found.definition})


Items = Field(None, max_length=MAX_FOUND)


_KINDS = ("tools", "resources", "prompts")
_NAMES_A_KIND: list[JsonValue] = [
    {"maxProperties": 0},
    {"required": ["tools"]},
    {"required": ["resources"]},
    {"required": ["prompts"]},
]


class Discovery(BaseModel):
    """What a client found on a server; the kinds that it does not name stay as they are."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _NAMES_A_KIND})

    tools: list[FoundTool] | None = Items
    resources: list[FoundResource] | None = Items
    prompts: list[FoundPrompt] | None = Items

    @model_validator(mode="before")
    @classmethod
    def _names_a_kind(cls, value: Any) -> Any:
        if isinstance(value, dict) and value and not value.keys() & _KINDS:
            raise PydanticCustomError(
                "no_kind", "Name tools, resources or prompts, or send no body"
            )
        if isinstance(value, dict) and values_in(json.dumps(value).encode()) > MAX_VALUES:
            # Each is written in its canonical form, which takes seconds of millions.
            raise PydanticCustomError("too_many", "The report has more than 500 000 values")
        return value

    def kinds(self) -> list[Kind]:
        """The kinds that were looked for."""
        by_kind: dict[Kind, object] = {
            "tool": self.tools,
            "resource": self.resources,
            "prompt": self.prompts,
        }
        return [kind for kind, items in by_kind.items() if items is not None]

    def found(self) -> list[Found]:
        """What was found."""
        return [
            *(Found("tool", each.definition()) for each in self.tools or []),
            *(Found("resource", each.definition()) for each in self.resources or []),
            *(Found("prompt", each.definition()) for each in self.prompts or []),
        ]


class Execution(BaseModel):
    """A tool to be run, or the report of a client that ran it.

    It is a report if it has any of the members `output`, `error` and `duration_ms`, even as null;
    then it is only recorded.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": {"city": "Madrid"}, "timeout_ms": 10_000}]}
    )

    input: dict[str, Any] = {}
    conversation_id: Label | None = None
    timeout_ms: Annotated[int, Field(ge=1, le=600_000)] | None = Field(
        None, description="Milliseconds; half a minute when absent."
    )
    output: Any = Field(None, description="Of a report only.")
    error: Any = Field(None, description="Of a report only.")
    duration_ms: Milliseconds | None = Field(None, description="Milliseconds; of a report only.")

    @property
    def is_report(self) -> bool:
        """Whether a client says what it ran itself."""
        return bool({"output", "error", "duration_ms"} & self.model_fields_set)
