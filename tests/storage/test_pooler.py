"""Through a transaction-mode pooler: no session state, no prepared statement left behind."""

import asyncio
import os
import shutil
import subprocess
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from llmring_core.settings import Settings
from llmring_server import create_app
from support.processes import data_folder, free_port, until
from support.projects import Project, a_call

pytestmark = pytest.mark.skipif(not shutil.which("pgbouncer"), reason="pgbouncer is not installed")

CONFIGURATION = """
[databases]
pooled = host={host} port=5432 dbname={name} user=llmring
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@pytest.fixture
async def pooled_url(empty_database_url):
    """A new database behind PgBouncer, which has three connections to it."""
    url = urlsplit(empty_database_url)
    host, port = parse_qs(url.query)["host"][0], free_port()
    with data_folder() as folder:
        file = folder / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(host=host, name=url.path[1:], port=port))
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [shutil.which("pgbouncer"), "-q", *user, str(file)]
        pooler = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        try:
            until(lambda: answers(port))
            yield f"postgresql://llmring@127.0.0.1:{port}/pooled"
        finally:
            pooler.terminate()
            pooler.wait()


def answers(port):
    try:
        httpx.get(f"http://127.0.0.1:{port}", timeout=1)
    except httpx.ConnectError:
        return False
    except httpx.HTTPError:
        return True
    return True


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
