"""What Prometheus is told: only where the operator asks for it, and nothing of any project."""

import asyncio
import time

import httpx
import pytest
from pydantic import SecretStr

from conftest import client_of, started
from llmring_server import create_app
from llmring_server.meta import scraping
from llmring_server.usage.summing import fold
from support.projects import RECEIPTS, a_call, a_receipt
from support.scraped import Scraped

REQUESTS = "llmring_http_request_duration_seconds_count"


@pytest.fixture
async def scraped(settings):
    with_metrics = settings.model_copy(update={"metrics": True})
    async with started(with_metrics) as app, client_of(httpx.ASGITransport(app)) as client:
        yield Scraped(client)


async def test_without_the_setting_there_are_none(local):
    assert (await local.get("/metrics")).status_code == 404


async def test_a_request_is_counted_by_its_route_and_status(scraped):
    asked = {"method": "POST", "route": "/api/v1/log", "status": "200"}
    assert await scraped.growth(scraped.alice.logs, REQUESTS, **asked) == 1


@pytest.mark.parametrize("query", ["", "?message_limit=1", "?nothing=1"])
async def test_the_short_and_the_long_way_of_a_route_are_counted_alike(scraped, query):
    async def ask():
        created = await scraped.alice.ask("POST", "/api/v1/conversations", json={})
        path = f"/api/v1/conversations/{created.json()['id']}{query}"
        assert (await scraped.alice.ask("GET", path)).status_code == 200

    asked = {"method": "GET", "route": "/api/v1/conversations/*", "status": "200"}
    assert await scraped.growth(ask, REQUESTS, **asked) == 1


async def test_paths_that_nobody_serves_are_counted_as_one(scraped):
    async def ask():
        for path in ("/.env", "/wp-login.php"):
            await scraped.http.get(path)

    assert await scraped.growth(ask, REQUESTS, route="unmatched", status="404") == 2


async def test_a_signed_receipt_is_counted(scraped):
    async def sign():
        response = await scraped.alice.ask("POST", f"{RECEIPTS}/issue", json=a_receipt())
        assert response.status_code == 200, response.text

    assert await scraped.growth(sign, "llmring_receipts_signed_total") == 1


async def test_the_connections_to_the_database_are_told(scraped):
    await scraped.alice.logs()
    assert await scraped.value("llmring_database_connections", state="idle") >= 1
    assert await scraped.value("llmring_database_up") == 1


async def test_who_has_a_connection_and_who_waits_for_one_is_told(settings, monkeypatch):
    monkeypatch.setattr(scraping, "DATABASE_SECONDS", 0.1)  # it would wait for one itself
    few = settings.model_copy(update={"metrics": True, "database_pool_size": 1})
    async with started(few) as app, client_of(httpx.ASGITransport(app)) as client:
        scraped, database = Scraped(client), app.state.database
        async with database.transaction():
            waiting = asyncio.create_task(scraped.alice.logs())
            while not database.pool_use.waiting:
                await asyncio.sleep(0.005)
            assert await scraped.value("llmring_database_waiting") >= 1
            assert await scraped.value("llmring_database_connections", state="busy") == 1
        await waiting


async def test_changes_that_wait_for_the_sums_are_told(scraped):
    grown = await scraped.growth(scraped.alice.logs, "llmring_rollup_pending_changes")
    assert grown >= 1


async def test_when_changes_were_last_folded_is_told(settings, database):
    counting = settings.model_copy(update={"metrics": True})
    app = create_app(database, settings=counting)  # not started: nobody else folds here
    before = time.time()
    await fold(database)
    async with client_of(httpx.ASGITransport(app)) as client:
        told = await Scraped(client).value("llmring_rollup_last_success_timestamp_seconds")
    assert told >= before


async def test_no_project_is_told(scraped):
    await scraped.alice.logs(a_call(alias="a-secret-alias"))
    text = (await scraped.http.get("/metrics")).text
    assert "alice" not in text
    assert "a-secret-alias" not in text


async def test_openmetrics_is_spoken_to_who_asks_for_it(scraped):
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = await scraped.http.get("/metrics", headers=headers)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


async def test_while_the_database_is_away_the_rest_is_told(settings):
    nowhere = {
        "metrics": True,
        "database_url": SecretStr("postgresql://127.0.0.1:9/x"),
    }
    changed = settings.model_copy(update=nowhere)
    async with started(changed) as app, client_of(httpx.ASGITransport(app)) as client:
        assert await Scraped(client).value("llmring_database_up") == 0
