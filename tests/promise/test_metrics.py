"""What Prometheus is told: only where the operator asks for it, and nothing of any project."""

import uuid

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from conftest import client_of, started
from support.projects import RECEIPTS, Project, a_call, a_receipt

REQUESTS = "llmring_http_request_duration_seconds_count"


class Scraped:
    """A server with `/metrics`, and how its figures grow."""

    def __init__(self, http):
        self.http = http
        self.alice = Project(http, f"alice-{uuid.uuid4().hex}")

    async def value(self, name, **labels):
        text = (await self.http.get("/metrics")).raise_for_status().text
        samples = (
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        )
        return sum(
            sample.value
            for sample in samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def growth(self, done, name, **labels):
        before = await self.value(name, **labels)
        await done()
        return await self.value(name, **labels) - before


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


async def test_changes_that_wait_for_the_sums_are_told(scraped):
    grown = await scraped.growth(scraped.alice.logs, "llmring_rollup_pending_changes")
    assert grown >= 1


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
