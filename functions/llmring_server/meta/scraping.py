"""What Prometheus sees: `/metrics`, there only where `LLMRING_METRICS` asks for it."""

import asyncio
import logging
from typing import Annotated

from fastapi import Header, Response

from llmring_core import metrics
from llmring_core.database import Database
from llmring_core.dependencies import Db
from llmring_core.errors import LLMRingError
from llmring_core.queries import load
from llmring_core.web import group_router

SQL = load("llmring_server.meta", "queries.sql")
log = logging.getLogger("llmring.metrics")
router = group_router("meta")

DATABASE_SECONDS = 2.0


@router.get("/metrics", response_class=Response)
async def get_metrics(db: Db, accept: Annotated[str, Header()] = "") -> Response:
    """All metrics of this server, in the text format of Prometheus or as OpenMetrics."""
    await look_at_pool(db)
    metrics.database_answered(pending_changes=await _pending_changes(db))
    body, media_type = metrics.exposition(accept)
    return Response(body, media_type=media_type)


async def look_at_pool(database: Database) -> None:
    """Note what our own connections do."""
    if (use := database.pool_use) is not None:
        metrics.pool_used(use)


async def _pending_changes(database: Database) -> int | None:
    """How many changes wait to be folded; None if the database does not answer."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return int(await database.fetch_value(SQL["pending_changes"]))
    except (LLMRingError, TimeoutError) as error:
        log.warning("the database was not asked for metrics: %s", error)
        return None
