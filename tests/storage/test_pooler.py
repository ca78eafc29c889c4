"""Through a transaction-mode pooler: no session state, no prepared statement left behind."""

import asyncio

import httpx
import pytest

from llmring_core.settings import Settings
from llmring_server import create_app
from support.pooler import needs_pgbouncer, pooled
from support.projects import Project, a_call

pytestmark = needs_pgbouncer


@pytest.fixture
async def pooled_url(empty_database_url):
    """A new database behind PgBouncer."""
    with pooled(empty_database_url) as url:
        yield url


async def test_everything_works_with_the_statement_cache_off(pooled_url, upstream):
    settings = Settings(
        _env_file=None,
        database_url=pooled_url,
        database_statement_cache=0,
        registry_base_url=upstream.url,
    )
    app = create_app(settings=settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http,
    ):
        project = Project(http, "key")
        await asyncio.gather(*(project.logs(a_call(cost=0.1)) for _ in range(100)))
        await asyncio.gather(*(project.logs(None, **{"Idempotency-Key": str(n)}) for n in range(9)))
        await asyncio.gather(*(project.logs_batch([a_call(cost=0.1)] * 10) for _ in range(9)))
        assert (await project.reads_stats())["summary"]["total_requests"] == 199
        assert len(await project.reads_logs(limit=500)) == 199
