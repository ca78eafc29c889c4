"""What HTTP sees of usage logs."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Response
from fastapi.responses import StreamingResponse

from llmring_core.auth import StatsReaderDep
from llmring_core.calls import LoggedUsage, UsageEntry
from llmring_core.costs import cost_of
from llmring_core.dependencies import Db, RegistryDep
from llmring_core.pages import PageDep
from llmring_core.periods import ZONE_NAME, PeriodDep
from llmring_core.web import group_router, note_usage
from llmring_server.usage import exports, store
from llmring_server.usage.batches import Entries, answered, priced, read_batch, the_only_one
from llmring_server.usage.intake import IntakeDep
from llmring_server.usage.models import (
    ExplainedUsage,
    LoggedBatch,
    UsageRow,
    UsageStats,
)
from llmring_server.usage.statistics import Grouping, statistics
from llmring_server.usage.store import FiltersDep

router = group_router("usage", prefix="/api/v1")

NOTED = [Depends(note_usage)]
QUEUED: dict[int | str, dict[str, Any]] = {
    202: {"description": "Taken, and on its way through the queue; the body is the same."}
}


@router.post("/log", response_model=LoggedUsage, responses=QUEUED, dependencies=NOTED)
async def log_usage(entry: UsageEntry, registry: RegistryDep, intake: IntakeDep) -> Response:
    """Record one model call of the caller; its cost is worked out when it is not given."""
    prices = await registry.prices()
    answer = await intake.take([(entry, cost_of(entry, prices))], the_only_one)
    registry.tell_if_late(prices)
    return answer


@router.post("/log/batch", response_model=LoggedBatch, responses=QUEUED, dependencies=NOTED)
async def log_usage_batch(
    entries: Entries,
    registry: RegistryDep,
    intake: IntakeDep,
    atomic: Annotated[bool, Query(description="Store all entries or none.")] = False,
) -> Response:
    """Record up to 1000 model calls in one transaction; bad ones are reported by their index."""
    prices = await registry.prices()
    batch = read_batch(entries, atomic)
    answer = await intake.take(priced(batch.good, prices), partial(answered, batch), atomic=atomic)
    registry.tell_if_late(prices)
    return answer


@router.get("/logs")
async def list_logs(
    caller: StatsReaderDep,
    db: Db,
    period: PeriodDep,
    filters: FiltersDep,
    page: PageDep,
    response: Response,
) -> list[UsageRow]:
    """The calls of the caller, newest first; the way to the next page is in the headers."""
    rows, found = await store.page(db, caller, period, filters, page)
    return page.cut(response, rows, store.place, found=found)


@router.get("/logs/export", response_class=StreamingResponse)
async def export_logs(
    caller: StatsReaderDep,
    db: Db,
    period: PeriodDep,
    filters: FiltersDep,
    format: exports.Format = "ndjson",  # noqa: A002 - its name on the wire
) -> StreamingResponse:
    """All calls of the caller as NDJSON or CSV, newest first, streamed."""
    pages = store.pages(db, caller, period, filters)
    return StreamingResponse(
        await exports.begun(exports.written(pages, format)),
        media_type=exports.MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="usage-logs.{format}"'},
    )


@router.get("/logs/{log_id}")
async def find_log(log_id: UUID, caller: StatsReaderDep, db: Db) -> ExplainedUsage:
    """One call of the caller, its cost explained line by line."""
    return await store.find(db, caller, log_id)


@router.get("/stats")
async def get_usage_stats(
    caller: StatsReaderDep,
    db: Db,
    period: PeriodDep,
    group_by: Grouping = "day",
    tz: Annotated[str, Query(max_length=64, json_schema_extra=ZONE_NAME)] = "UTC",
) -> UsageStats:
    """Statistics over the calls of the caller, up to the last acknowledged one."""
    return await statistics(db, caller, period, group_by, tz)
