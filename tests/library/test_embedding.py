"""The server inside somebody else's app: on the host's pool, under the host's path."""

import asyncio
import inspect
import json
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pgdbm
import pytest
from fastapi import FastAPI

from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.migrate import shipped
from llmring_server import create_app
from support.projects import Project, a_call


async def set_codecs(connection):
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads
        )


@asynccontextmanager
async def an_asyncpg_pool(settings, **options):
    url = settings.database_url.get_secret_value()
    async with asyncpg.create_pool(url, min_size=0, **options) as pool:
        yield pool


def a_pool_with_codecs(settings):
    return an_asyncpg_pool(settings, init=set_codecs)


def a_pool_of_one(settings):
    return an_asyncpg_pool(settings, max_size=1)


@asynccontextmanager
async def a_pgdbm_manager(settings):
    url = settings.database_url.get_secret_value()
    config = pgdbm.DatabaseConfig(connection_string=url, schema="ours", min_connections=1)
    manager = pgdbm.AsyncDatabaseManager(config)
    await manager.connect()
    yield manager
    await manager.disconnect()


@asynccontextmanager
async def a_pgdbm_manager_of_a_pool(settings):
    async with an_asyncpg_pool(settings) as pool:
        yield pgdbm.AsyncDatabaseManager(pool=pool, schema="ours")


@asynccontextmanager
async def our_database(settings):
    database = Database(settings)
    yield database
    await database.close()


MANAGERS = [
    an_asyncpg_pool,
    a_pool_with_codecs,
    a_pool_of_one,
    a_pgdbm_manager,
    a_pgdbm_manager_of_a_pool,
    our_database,
]


@pytest.fixture
def empty(settings, empty_database_url):
    """Settings with a database that has nothing in it."""
    return type(settings)(
        _env_file=None,
        database_url=empty_database_url,
        registry_base_url=settings.registry_base_url,
        log_level="warning",
    )


@pytest.fixture(params=MANAGERS, ids=lambda each: each.__name__)
async def manager(request, empty):
    """Every kind of database that a host may hand over, empty."""
    async with request.param(empty) as manager:
        yield manager


@pytest.fixture
async def pool(empty):
    async with an_asyncpg_pool(empty) as pool:
        yield pool


@asynccontextmanager
async def mounted(**apps):
    """A client of a host that has our apps under paths; a host runs no lifespan of theirs."""
    host = FastAPI()
    for name, app in apps.items():
        host.mount(f"/{name}", app)
    transport = httpx.ASGITransport(host)
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as http:
        yield http
    for app in apps.values():
        await app.state.registry.close()


def library(manager, settings, **options):
    return create_app(db_manager=manager, settings=settings, standalone=False, **options)


async def log(http, key="alice", path="/llm", **members):
    headers = {"X-API-Key": key}
    return await http.post(f"{path}/api/v1/log", json=a_call(**members), headers=headers)


async def test_the_first_request_finds_the_schema_migrated(manager, empty):
    async with mounted(llm=library(manager, empty)) as http:
        answer = await log(http)
        assert answer.status_code == 200, answer.text


async def test_twenty_first_requests_at_once_are_all_answered(manager, empty):
    async with mounted(llm=library(manager, empty)) as http:
        answers = await asyncio.gather(*(log(http, id_at_origin=str(n)) for n in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        rows = (await http.get("/llm/api/v1/logs", headers={"X-API-Key": "alice"})).json()
        assert {row["id_at_origin"] for row in rows} == {str(n) for n in range(20)}


async def test_everything_works_on_the_databases_of_hosts(manager, empty):
    async with mounted(llm=library(manager, empty)) as http:
        http.base_url = "http://host/llm"
        alice = Project(http, "alice")
        await http.get("/registry")
        logged = await alice.logs(a_call(metadata={"a": [1, "ñ"]}), **{"Idempotency-Key": "one"})
        again = await alice.logs(a_call(metadata={"a": [1, "ñ"]}), **{"Idempotency-Key": "one"})
        assert logged == again
        assert (await alice.logs_batch([a_call(), a_call()])).json()["stored"] == 2
        explained = await alice.reads(f"/api/v1/logs/{logged['log_id']}")
        assert explained["metadata"] == {"a": [1, "ñ"]}
        assert (await alice.reads_stats())["summary"]["total_requests"] == 3


async def test_waiting_rows_are_priced_on_a_pool_with_codecs(empty, upstream):
    upstream.break_down()
    async with a_pool_with_codecs(empty) as pool:
        app = library(pool, empty)
        async with mounted(llm=app) as http:
            assert (await log(http)).json()["cost_status"] == "unpriced"
        upstream.recover()
        app = library(pool, empty)
        async with mounted(llm=app) as http:
            await app.state.registry.renew()
            await asyncio.gather(*app.state.registry._telling)
            rows = (await http.get("/llm/api/v1/logs", headers={"X-API-Key": "alice"})).json()
            assert [row["cost_status"] for row in rows] == ["priced"]


@pytest.mark.parametrize("key", ["alice", "proj_123", "Ωmega".encode(), "x" * 255])
async def test_the_key_is_the_api_key_id_as_it_came(pool, empty, key):
    async with mounted(llm=library(pool, empty)) as http:
        assert (await log(http, key)).status_code == 200
    expected = key.decode("latin-1") if isinstance(key, bytes) else key
    assert await pool.fetchval("select api_key_id from llmring.usage_logs") == expected


async def test_a_standalone_app_on_a_hosts_pool_keeps_no_key(pool, empty):
    async with mounted(llm=create_app(db_manager=pool, settings=empty)) as http:
        assert (await log(http)).status_code == 200
    assert await pool.fetchval("select api_key_id from llmring.usage_logs") != "alice"


@pytest.mark.parametrize("standalone", [False, True])
async def test_the_pool_of_a_host_is_never_closed(pool, empty, standalone):
    app = create_app(db_manager=pool, settings=empty, standalone=standalone)
    async with app.router.lifespan_context(app), mounted(llm=app) as http:
        assert (await log(http)).status_code == 200
    assert await pool.fetchval("select count(*) from llmring.usage_logs") == 1


async def test_two_apps_in_one_process_are_independent(pool, empty):
    apps = {name: library(pool, empty, schema=name) for name in ("one", "two")}
    async with mounted(**apps) as http:
        assert (await log(http, path="/one")).status_code == 200
        for name, count in (("one", 1), ("two", 0)):
            rows = await http.get(f"/{name}/api/v1/logs", headers={"X-API-Key": "alice"})
            assert len(rows.json()) == count


async def test_the_schema_of_a_pgdbm_manager_is_used(empty):
    async with a_pgdbm_manager(empty) as manager, an_asyncpg_pool(empty) as pool:
        async with mounted(llm=library(manager, empty)) as http:
            await log(http)
        assert await pool.fetchval("select count(*) from ours.usage_logs") == 1


async def test_a_named_schema_goes_before_that_of_the_manager(empty):
    async with a_pgdbm_manager(empty) as manager, an_asyncpg_pool(empty) as pool:
        async with mounted(llm=library(manager, empty, schema="named")) as http:
            await log(http)
        assert await pool.fetchval("select count(*) from named.usage_logs") == 1


async def test_a_host_that_migrates_by_itself_finds_its_database_untouched(pool, empty):
    async with mounted(llm=library(pool, empty, run_migrations=False)) as http:
        await http.get("/llm/")
        await http.get("/llm/health")
        await http.get("/llm/registry")
    schemas = "select count(*) from pg_namespace where nspname = 'llmring'"
    assert await pool.fetchval(schemas) == 0


async def test_a_host_that_migrated_by_itself_is_served(settings):
    async with an_asyncpg_pool(settings) as pool:
        async with mounted(llm=library(pool, settings, run_migrations=False)) as http:
            assert (await log(http)).status_code == 200
        ledger = await pool.fetchval("select count(*) from llmring.schema_migrations")
        assert ledger == len(shipped())


async def test_the_meta_routes_can_be_left_out(pool, empty):
    async with mounted(llm=library(pool, empty, include_meta_routes=False)) as http:
        paths = ("/", "/health", "/registry")
        answers = [(await http.get(f"/llm{path}")).status_code for path in paths]
        assert answers == [404, 404, 200]


async def test_cross_origin_rules_are_the_hosts(pool, empty):
    headers = {"Origin": "http://localhost:5173"}
    async with mounted(llm=library(pool, empty)) as http:
        answer = await http.get("/llm/", headers=headers)
        assert "access-control-allow-origin" not in answer.headers


async def test_the_next_page_is_under_the_path_of_the_host(pool, empty):
    async with mounted(llm=library(pool, empty)) as http:
        for _ in range(2):
            await log(http)
        answer = await http.get("/llm/api/v1/logs?limit=1", headers={"X-API-Key": "alice"})
        assert answer.links["next"]["url"].startswith("/llm/api/v1/logs?")


@pytest.mark.parametrize("path", ["/registry", "/api/v1/logs", "/health", "/openapi.json"])
async def test_paths_answer_with_and_without_a_slash_under_the_host(pool, empty, path):
    async with mounted(llm=library(pool, empty)) as http:
        for each in (path, f"{path}/"):
            answer = await http.get(f"/llm{each}", headers={"X-API-Key": "alice"})
            assert answer.status_code == 200


async def test_a_library_app_needs_the_database_of_its_host(settings):
    with pytest.raises(StartRefused, match="db_manager"):
        create_app(settings=settings, standalone=False)


def test_the_signature_is_the_documented_one():
    parameters = inspect.signature(create_app).parameters.values()
    assert [(each.name, each.default) for each in parameters] == [
        ("db_manager", None),
        ("run_migrations", True),
        ("schema", None),
        ("settings", None),
        ("standalone", True),
        ("include_meta_routes", True),
    ]
    assert {each.kind for each in parameters} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert inspect.signature(create_app).return_annotation is FastAPI


async def test_settings_that_were_handed_over_are_the_ones_used(settings, monkeypatch):
    monkeypatch.setenv("LLMRING_CACHE_TTL", "7")
    assert create_app(settings=settings).state.settings.cache_ttl == 3600
