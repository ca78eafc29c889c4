"""What HTTP sees of templates."""

from typing import Any
from uuid import UUID

from fastapi import Response

from llmring_core.auth import ConversationsReaderDep, ConversationsWriterDep
from llmring_core.connection import Runner
from llmring_core.dependencies import Db
from llmring_core.errors import AlreadyExists, raises
from llmring_core.idempotency import OnceDep
from llmring_core.pages import PageDep
from llmring_core.web import group_router
from llmring_server.templates import store
from llmring_server.templates.models import (
    NewTemplate,
    Template,
    TemplateChanges,
    TemplateStats,
    Use,
)
from llmring_server.templates.store import FiltersDep
from llmring_server.templates.using import use

router = group_router("templates", prefix="/api/v1/templates")


@router.post("", response_model=Template)
@raises(AlreadyExists)
async def create_template(
    template: NewTemplate, caller: ConversationsWriterDep, db: Db, once: OnceDep
) -> Any:
    """Keep a template that conversations may begin with."""

    async def add(runner: Runner) -> Template:
        return await store.add(runner, caller, template)

    return await once.write(db, add)


@router.get("")
async def list_templates(
    caller: ConversationsReaderDep, db: Db, filters: FiltersDep, page: PageDep, response: Response
) -> list[Template]:
    """The templates of the caller, newest first; the way to the next page is in the headers."""
    templates, found = await store.page(db, caller, filters, page)
    return page.cut(response, templates, store.place, found=found)


@router.get("/stats")
async def get_template_stats(caller: ConversationsReaderDep, db: Db) -> TemplateStats:
    """How often the templates of the caller were used."""
    return await store.stats(db, caller)


@router.get("/{template_id}")
async def find_template(template_id: UUID, caller: ConversationsReaderDep, db: Db) -> Template:
    """One template of the caller."""
    return await store.find(db, caller, template_id)


@router.put("/{template_id}", operation_id="put_template")
@router.patch("/{template_id}")
@raises(AlreadyExists)
async def update_template(
    template_id: UUID, changes: TemplateChanges, caller: ConversationsWriterDep, db: Db
) -> Template:
    """Change the members of a template that are given; the others stay."""
    return await store.change(db, caller, template_id, changes)


@router.delete("/{template_id}", status_code=204)
async def delete_template(template_id: UUID, caller: ConversationsWriterDep, db: Db) -> None:
    """Delete a template."""
    await store.delete(db, caller, template_id)


@router.post("/{template_id}/use", response_model=Template)
async def use_template(
    template_id: UUID, caller: ConversationsWriterDep, db: Db, once: OnceDep, how: Use | None = None
) -> Any:
    """Count a use of a template and return it, its blanks filled in if there are values."""

    async def do(runner: Runner) -> Template:
        return await use(runner, caller, template_id, how or Use())

    return await once.write(db, do)
