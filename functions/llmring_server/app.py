"""All groups in one app: standalone, or as a library inside somebody else's."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI

from llmring_core import telemetry
from llmring_core.background import repeat
from llmring_core.connection import HostPool
from llmring_core.database import Database
from llmring_core.dependencies import hold_keys
from llmring_core.errors import StartRefused, Unavailable
from llmring_core.local_postgres import LocalPostgres
from llmring_core.migrate import migrate
from llmring_core.settings import Settings
from llmring_core.web import build_app
from llmring_server.admin.routes import router as admin
from llmring_server.conversations.container import prepare as prepare_conversations
from llmring_server.conversations.retention import forget_old_messages
from llmring_server.conversations.routes import router as conversations
from llmring_server.embedded import data_folder
from llmring_server.jobs.upkeep import upkeep
from llmring_server.mcp.connections import hold_connections
from llmring_server.mcp.recording import sweep
from llmring_server.mcp.routes import router as mcp
from llmring_server.meta.routes import router as meta
from llmring_server.meta.scraping import look_at_pool
from llmring_server.meta.scraping import router as scraping
from llmring_server.receipts.routes import router as receipts
from llmring_server.registry.routes import router as registry
from llmring_server.registry.short_paths import add_short_paths as add_paths_of_registry
from llmring_server.templates.routes import router as templates
from llmring_server.usage.container import prepare as prepare_usage
from llmring_server.usage.routes import router as usage
from llmring_server.usage.summing import fold

log = logging.getLogger("llmring.app")

GROUPS = (registry, usage, receipts, conversations, mcp, templates, admin)


HOUR = 3600.0
FOLD_SECONDS = 5.0
LOOK_SECONDS = 5.0

PREPARE = (
    prepare_usage,
    add_paths_of_registry,
    prepare_conversations,
    hold_keys,
    hold_connections,
)


def create_app(
    db_manager: Database | HostPool | None = None,
    run_migrations: bool = True,
    schema: str | None = None,
    settings: Settings | None = None,
    standalone: bool = True,
    include_meta_routes: bool = True,
) -> FastAPI:
    """Make an app with every endpoint.

    Args:
        db_manager: the database: an `asyncpg.Pool`, a connected `pgdbm.AsyncDatabaseManager` or
            our own `Database`. The host keeps owning it. Needed when `standalone` is false.
        run_migrations: bring the schema up to date before the first request that touches data is
            answered, also where nobody runs the lifespan of a mounted app.
        schema: the PostgreSQL schema; default that of a pgdbm manager, else of the settings.
        settings: default those of the environment.
        standalone: open and close a database of its own (the embedded PostgreSQL when
            `LLMRING_DATABASE_URL` is not set), derive the project from the API key, answer
            cross-origin requests. When false, the API key is the `api_key_id` as it came, and
            cross-origin rules are the host's.
        include_meta_routes: serve `/` and `/health`, and `/metrics` if the settings say so.

    Raises:
        StartRefused: a setting is wrong, or a library app got no database.
    """
    settings = settings or Settings.from_env()
    database = _database(db_manager, run_migrations, schema, settings, standalone)
    app = build_app(
        *(_meta_groups(settings) if include_meta_routes else ()),
        *GROUPS,
        settings=settings,
        database=database,
        keys_are_ids=not standalone,
        cors=standalone,
        lifespan=_standalone if standalone else None,
    )
    for prepare in PREPARE:
        prepare(app)
    return app


def _meta_groups(settings: Settings) -> tuple[APIRouter, ...]:
    return (meta, scraping) if settings.metrics else (meta,)


def _database(
    db_manager: Database | HostPool | None,
    run_migrations: bool,
    schema: str | None,
    settings: Settings,
    standalone: bool,
) -> Database:
    if isinstance(db_manager, Database):
        if schema not in (None, db_manager.schema):
            raise StartRefused("The schema is another than that of the db_manager.")
        if run_migrations:
            db_manager.prepare_with(migrate)
        return db_manager
    if db_manager is None and not standalone:
        raise StartRefused("create_app(standalone=False) needs the db_manager of its host.")
    return Database(
        settings,
        host_pool=db_manager,
        schema=schema or getattr(db_manager, "schema", None),
        before_first_use=migrate if run_migrations else None,
    )


@asynccontextmanager
async def _standalone(app: FastAPI) -> AsyncIterator[None]:
    """What a standalone server does around its requests; a host has a lifespan of its own."""
    settings: Settings = app.state.settings
    database: Database = app.state.database
    telemetry.log_to_terminal(settings.log_level, as_json=settings.log_format == "json")
    async with AsyncExitStack() as stack:
        if not database.has_somewhere_to_go:
            local = await asyncio.to_thread(LocalPostgres.open, data_folder(settings))
            stack.push_async_callback(asyncio.to_thread, local.close)
            database.go_to(local.url)
        stack.push_async_callback(database.close)
        stack.push_async_callback(app.state.registry.close)
        stack.push_async_callback(app.state.mcp.close)
        stack.push_async_callback(app.state.rate_limits.close)
        await _prepare(database)
        app.state.registry.renew_soon()
        for job in _jobs(database, settings):
            stack.callback(asyncio.create_task(job).cancel)
        yield


def _jobs(database: Database, settings: Settings) -> Iterator[Coroutine[Any, Any, None]]:
    """What a standalone server does again and again; on AWS these are functions on schedules."""
    tidy = partial(upkeep, database, usage_days=settings.usage_retention_days)
    forget = partial(forget_old_messages, database, days=settings.message_retention_days)
    yield repeat(HOUR, "the upkeep", tidy)
    yield repeat(HOUR, "deleting old messages", forget)
    yield repeat(HOUR, "marking lost tool executions", partial(sweep, database))
    yield repeat(FOLD_SECONDS, "folding into the sums", partial(fold, database))
    if settings.metrics:
        # Another process may be the one that is scraped.
        yield repeat(LOOK_SECONDS, "looking at the pool", partial(look_at_pool, database))


async def _prepare(database: Database) -> None:
    """Migrate now; a database that is away delays it to the first request that reaches it."""
    try:
        await database.ready()
    except Unavailable as error:
        log.warning("%s The server goes on and answers 503 until it does.", error)
