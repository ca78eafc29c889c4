"""A queue for each test, and a project whose calls go through it."""

import asyncio
import importlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmring_core.database import Database
from support.aws import Queues, serving_aws
from support.projects import Project


@pytest.fixture(scope="module")
def aws():
    with serving_aws() as address:
        yield address


@pytest.fixture
def queues(aws, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    return Queues(aws)


@pytest.fixture
async def alice(serve, queues):
    return Project(await serve(ingest_mode="queue", ingest_queue_url=queues.url), "alice")


@pytest.fixture
async def ingest(settings, monkeypatch):
    """The ingestion function, in a container: hands it an event and gives its answer."""
    monkeypatch.setenv("LLMRING_DATABASE_URL", settings.database_url.get_secret_value())
    with ThreadPoolExecutor(max_workers=1) as thread:
        module = thread.submit(importlib.import_module, "llmring_server.ingest.handler").result()
        module._loop.close()
        module._database, module._loop = Database(settings), asyncio.new_event_loop()

        async def ingest(event):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(thread, module.ingest, event, None)

        yield ingest
        thread.submit(module._loop.run_until_complete, module._database.close()).result()
        module._loop.close()
