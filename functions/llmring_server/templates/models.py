"""What goes over the wire: templates and how often they are used."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from llmring_core.quantities import Count, Label, Name, Prompt, Temperature

MAX_VARIABLES = 1000


def _not_too_many(value: object) -> object:
    """Refuse too many as a whole: pydantic counts a list before it reads it, but no object."""
    if isinstance(value, dict) and len(value) > MAX_VARIABLES:
        size = {"max_length": MAX_VARIABLES, "actual_length": len(value)}
        raise PydanticKnownError("too_long", {"field_type": "Dictionary", **size})
    return value


Variables = Annotated[
    dict[str, str], Field(max_length=MAX_VARIABLES), BeforeValidator(_not_too_many)
]


class TemplateMembers(BaseModel):
    """What a conversation begins with, all of it optional."""

    description: Annotated[str, Field(max_length=10_000)] | None = None
    system_prompt: Prompt | None = Field(
        None, description="May have blanks, `{{name}}`, that are filled in when it is used."
    )
    model_alias: Label | None = None
    temperature: Temperature | None = None
    max_tokens: Count | None = None
    tool_config: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    created_by: Label | None = Field(None, description="Any text of the client's, a user's name.")


class NewTemplate(TemplateMembers):
    """A template to be kept."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "translator",
                    "system_prompt": "Translate into {{language}}.",
                    "model_alias": "fast",
                    "temperature": 0.2,
                }
            ]
        }
    )

    name: Name = Field(description="Unique within the project.")


class TemplateChanges(TemplateMembers):
    """The members to be changed; those that are not there stay, null takes one away."""

    name: Name | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if "name" in self.model_fields_set and self.name is None:
            raise PydanticCustomError("name", "A template has a name: it cannot be null")
        return self


class Template(TemplateMembers):
    """A template."""

    id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    usage_count: int
    last_used_at: datetime | None


class Use(BaseModel):
    """How a template is used."""

    variables: Variables | None = Field(
        None, description="The values of the blanks; without them the blanks are left as they are."
    )


class TemplateUsage(BaseModel):
    """How often one template was used."""

    id: UUID
    name: str
    usage_count: int
    last_used_at: datetime | None


class TemplateStats(BaseModel):
    """How often the templates of a project were used."""

    total_templates: int
    total_uses: int
    unused_templates: int
    most_used: list[TemplateUsage] = Field(description="Ten at most, the most used first.")
