"""What tests are handed: a database of their own, an app on it, and projects that use it."""

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from llmring_core.database import Database
from llmring_core.settings import Settings
from llmring_core.signing import PrivateKey
from llmring_server import create_app
from support import upstream as upstream_module
from support.built import BuiltTransport, needs_built
from support.functions import FunctionsTransport
from support.postgres import TestPostgres, new_database
from support.projects import Project
from support.upstream import Upstream

Serve = Callable[..., Awaitable[httpx.AsyncClient]]

_postgres: TestPostgres | None = None


def pytest_configure(config: pytest.Config) -> None:
    global _postgres  # noqa: PLW0603 - pytest gives its hooks no other place
    if hasattr(config, "workerinput"):
        return
    for name in [name for name in os.environ if name.startswith("LLMRING_")]:
        del os.environ[name]  # what is set for a server of yours is none of the tests' business
    _postgres = TestPostgres()


def pytest_unconfigure() -> None:
    if _postgres is not None:
        _postgres.close()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database_url() -> AsyncIterator[str]:
    """A migrated database that nobody else uses."""
    async with new_database() as url:
        yield url


@pytest.fixture
async def empty_database_url() -> AsyncIterator[str]:
    """A database without anything in it."""
    async with new_database(template=None) as url:
        yield url


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """The public registry."""
    with upstream_module.serving() as upstream:
        yield upstream


@pytest.fixture
def settings(database_url: str, upstream: Upstream) -> Settings:
    return Settings(
        _env_file=None,
        database_url=database_url,
        registry_base_url=upstream.url,
        receipts_private_key_b64=PrivateKey.generate().seed_text(),
        log_level="warning",
    )


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.close()


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[FastAPI]:
    """The standalone server, started, with the registry at hand."""
    app = create_app(settings=settings)
    async with app.router.lifespan_context(app):
        await app.state.registry.renew()
        yield app


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The standalone server."""
    async with started(settings) as app:
        yield app


@asynccontextmanager
async def served(kind: str, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the standalone server, or one of the Lambda functions: the same promise."""
    if kind == "standalone":
        async with started(settings) as app, client_of(httpx.ASGITransport(app)) as client:
            yield client
    else:
        of_kind = BuiltTransport if kind == "built" else FunctionsTransport
        async with client_of(of_kind(settings)) as client:
            await client.get("/registry")  # once fetched, every function finds it stored
            yield client


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have a test of a promise run against the standalone server and the functions.

    Modules that say so, or all with `--kinds`, run against the built functions too.
    """
    marks = metafunc.definition.iter_markers("parametrize")
    if "kind" not in metafunc.fixturenames or any(mark.args[0] == "kind" for mark in marks):
        return
    kinds: list[Any] = ["standalone", "functions"]
    if asked := metafunc.config.getoption("kinds"):
        kinds = asked.split(",")
    elif getattr(metafunc.module, "BUILT_TOO", False):
        kinds.append("built")
    marked = [pytest.param(each, marks=needs_built) if each == "built" else each for each in kinds]
    metafunc.parametrize("kind", marked, indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """How the server is run."""
    return str(request.param)


@pytest.fixture
async def http(kind: str, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server, however it is run."""
    async with served(kind, settings) as client:
        yield client


@pytest.fixture
async def serve(kind: str, settings: Settings) -> AsyncIterator[Serve]:
    """Starts more servers on the same database, with other settings."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> httpx.AsyncClient:
            changed = settings.model_copy(update=changes)
            return await stack.enter_async_context(served(kind, changed))

        yield start


def client_of(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60)


@pytest.fixture
async def local(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the standalone server only."""
    async with client_of(httpx.ASGITransport(app)) as client:
        yield client


@pytest.fixture
def alice(http: httpx.AsyncClient) -> Project:
    return Project(http, f"alice-{uuid.uuid4().hex}")


@pytest.fixture
def bob(http: httpx.AsyncClient) -> Project:
    return Project(http, f"bob-{uuid.uuid4().hex}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kinds", help="run promises against these: standalone,functions,built")
    parser.addoption(
        "--schema-examples", type=int, help="ask each operation so often, and all that OpenAPI says"
    )
    parser.addoption(
        "--draw-schema", action="store_true", help="write schema.sql anew from the migrations"
    )
