"""A stranger for each test, who must leave nothing behind; servers that start when they are to."""

import httpx
import pytest

from llmring_core.settings import Settings
from llmring_server import create_app
from support.stranger import Stranger


@pytest.fixture
async def stranger(local, database_url):
    stranger = Stranger(local, database_url)
    yield stranger
    await stranger.left_nothing_else()


@pytest.fixture
async def starts(settings):
    """Starts servers on the same database; each returns a client."""
    running = []

    async def start(**changes):
        values = {**settings.model_dump(), **changes}
        app = create_app(settings=Settings(_env_file=None, **values))
        context = app.router.lifespan_context(app)
        await context.__aenter__()
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
        running.append((context, client))
        client.app = app
        return client

    yield start
    for context, client in running:
        await client.aclose()
        await context.__aexit__(None, None, None)
