"""The rows of templates."""

import json
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query

from llmring_core import clock, ids
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.dependencies import from_query
from llmring_core.errors import NotFound
from llmring_core.pages import LAST, PAGE_BYTES, Page, Place
from llmring_core.queries import load
from llmring_server.templates.models import (
    NewTemplate,
    Template,
    TemplateChanges,
    TemplateMembers,
    TemplateStats,
    TemplateUsage,
)

SQL = load("llmring_server.templates")

Filter = Annotated[str | None, Query(max_length=255)]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which templates are wanted; None means any."""

    name: Filter = None
    created_by: Filter = None


FiltersDep = Annotated[Filters, Depends(from_query(Filters))]


async def add(runner: Runner, caller: Caller, template: NewTemplate) -> Template:
    """Keep a new template.

    Raises:
        AlreadyExists: the caller has one of the name.
    """
    now = clock.now()
    values = (ids.new_id(now), now, template.name, *_values(template))
    return _template(await runner.fetch_row(SQL["add"], caller.api_key_id, *values))


async def find(runner: Runner, caller: Caller, template_id: UUID) -> Template:
    """One template; raises NotFound if the caller has none of this id."""
    return _template(await runner.fetch_row(SQL["find"], caller.api_key_id, template_id))


async def page(
    runner: Runner, caller: Caller, filters: Filters, page: Page
) -> tuple[list[Template], int]:
    """One page of templates, newest first, and one more if there is a next page.

    A page of large ones is shorter; the count says how many there would be otherwise.
    """
    after = page.after or LAST
    wanted = (filters.name, filters.created_by)
    part = (page.limit + 1, page.offset, PAGE_BYTES)
    rows = await runner.fetch(
        SQL["list"], caller.api_key_id, after.moment, after.id, *wanted, *part
    )
    return [_template(row) for row in rows], rows[0]["found"] if rows else 0


def place(template: Template) -> Place:
    """Where a template stands in the list."""
    return Place(template.created_at, template.id)


async def change(
    runner: Runner, caller: Caller, template_id: UUID, changes: TemplateChanges
) -> Template:
    """Change the members that are given.

    Raises:
        NotFound: the caller has no such template.
        AlreadyExists: the caller has another one of the new name.
    """
    names = sorted(changes.model_fields_set)
    values = (template_id, names, changes.name, *_values(changes))
    return _template(await runner.fetch_row(SQL["change"], caller.api_key_id, *values))


async def count_use(runner: Runner, caller: Caller, template_id: UUID) -> Template:
    """Count a use and return the template; raises NotFound if the caller has none of this id."""
    return _template(await runner.fetch_row(SQL["use"], caller.api_key_id, template_id))


async def delete(runner: Runner, caller: Caller, template_id: UUID) -> None:
    """Delete a template; raises NotFound if the caller has none of this id."""
    if await runner.fetch_value(SQL["delete"], caller.api_key_id, template_id) is None:
        raise NotFound


async def stats(runner: Runner, caller: Caller) -> TemplateStats:
    """How often the templates were used."""
    totals = await runner.fetch_row(SQL["totals"], caller.api_key_id)
    most_used = await runner.fetch(SQL["most_used"], caller.api_key_id)
    return TemplateStats(
        **dict(totals or {}),
        most_used=[TemplateUsage.model_validate(dict(row)) for row in most_used],
    )


def _values(template: TemplateMembers) -> tuple[object, ...]:
    """The values of the statements `add` and `change`, in their order."""
    return (
        template.description,
        template.system_prompt,
        template.model_alias,
        template.temperature,
        template.max_tokens,
        _text(template.tool_config),
        _text(template.metadata),
        template.created_by,
    )


def _text(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)


def _template(row: Row | None) -> Template:
    if row is None:
        raise NotFound
    parsed = {name: json.loads(row[name]) for name in ("tool_config", "metadata") if row[name]}
    return Template.model_validate({**row, **parsed})
