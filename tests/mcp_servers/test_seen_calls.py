"""Calls of MCP servers as operators see them: counted by how they ended, each a span."""

import httpx
import pytest
from pydantic import SecretStr

from conftest import client_of, started
from llmring_core import tracing
from support.mcp import KEYS, LOOPBACK, MCP, refreshed, registered, runs, tool_of
from support.scraped import Scraped
from support.traced import spans, traced_project

CALLS = "llmring_mcp_call_duration_seconds_count"


@pytest.fixture
def calling(settings):
    """The settings of a server that may call those on this machine."""
    more = {"mcp_allowed_networks": LOOPBACK, "secrets_key": SecretStr(KEYS[0])}
    return settings.model_copy(update=more)


@pytest.fixture
async def scraped(calling):
    counting = calling.model_copy(update={"metrics": True})
    async with started(counting) as app, client_of(httpx.ASGITransport(app)) as client:
        yield Scraped(client)


@pytest.fixture
async def traced(calling, monkeypatch):
    monkeypatch.setattr(tracing, "_tracer", None)
    async with traced_project(calling) as traced:
        yield traced


async def added_tool(project, demo):
    await refreshed(project, await registered(project, demo.url))
    return await tool_of(project, "add")


async def run(project, tool):
    answer = await runs(project, tool, {"input": {"a": 1, "b": 2}})
    assert answer.status_code == 200, answer.text


async def test_a_call_that_a_server_answers_is_counted(scraped, demo):
    tool = await added_tool(scraped.alice, demo)
    assert await scraped.growth(lambda: run(scraped.alice, tool), CALLS, result="answered") == 1


async def test_a_call_of_a_server_that_is_down_is_counted_as_failed(scraped):
    server = await registered(scraped.alice, "http://127.0.0.1:9/mcp")

    async def call():
        answer = await scraped.alice.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
        assert answer.status_code == 502

    assert await scraped.growth(call, CALLS, result="failed") == 1


async def test_a_call_is_a_span_of_the_request_that_asked_for_it(traced, demo):
    alice, exporter = traced
    tool = await added_tool(alice, demo)
    exporter.clear()
    await run(alice, tool)
    (call,) = spans(exporter, "mcp call")
    (request,) = spans(exporter, f"POST {MCP}/tools/{{tool_id}}/execute")
    assert call.context.trace_id == request.context.trace_id
