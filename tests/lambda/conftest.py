"""Built functions on a database that the tests of a module share."""

import asyncio

import pytest
from pydantic import SecretStr

from llmring_core.settings import Settings
from support.built import BuiltTransport, container, environment_of
from support.postgres import new_database


@pytest.fixture(scope="module")
def shared_database_url():
    loop = asyncio.new_event_loop()
    database = new_database()
    yield loop.run_until_complete(database.__aenter__())
    loop.run_until_complete(database.__aexit__(None, None, None))
    loop.close()


@pytest.fixture(scope="module")
def built(shared_database_url):
    """Starts functions, one container of each; hands them events by name."""
    settings = Settings(
        _env_file=None,
        database_url=SecretStr(shared_database_url),
        registry_base_url="http://127.0.0.1:9/",
    )
    transport = BuiltTransport(settings)
    yield transport
    asyncio.run(transport.aclose())


@pytest.fixture
def start(database_url):
    """Starts containers of functions on a database of the test's own."""
    started = []

    def start(name, url=database_url, **environment):
        settings = Settings(
            _env_file=None, database_url=SecretStr(url), registry_base_url="http://127.0.0.1:9/"
        )
        small = {"LLMRING_DATABASE_POOL_SIZE": "1", "LLMRING_DATABASE_STATEMENT_CACHE": "0"}
        started.append(container(name, environment_of(settings) | small | environment))
        return started[-1]

    yield start
    for each in started:
        each.close()
