"""Connections to MCP servers: which are kept, shared, limited; and what is held meanwhile."""

import asyncio

import pytest

from llmring_core.queries import Statement
from llmring_server.mcp import remote
from support.functions import Context
from support.mcp import (
    LOOPBACK,
    MCP,
    refreshed,
    registered,
    runs,
    tool_of,
)
from support.projects import Project


async def test_no_connection_is_held_while_a_tool_runs(alice, added, demo, database):
    busy = Statement(
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and state <> 'idle' and pid <> pg_backend_pid()"
    )
    demo.release.clear()
    running = asyncio.create_task(runs(alice, await tool_of(alice, "wait"), {"input": {}}))
    while not demo.calls:
        await asyncio.sleep(0.01)
    assert await database.fetch_value(busy) == 0
    demo.release.set()
    assert (await running).status_code == 200


async def test_a_connection_is_kept_by_a_process_that_lives_on(kind, alice, added, demo):
    tool = await tool_of(alice, "add")
    demo.headers.clear()
    for _ in range(5):
        assert (await runs(alice, tool, {"input": {"a": 1, "b": 2}})).status_code == 200
    opened = [each for each in demo.headers if each.get("mcp-method") == "server/discover"]
    assert len(opened) == (0 if kind == "standalone" else 5)


async def test_servers_with_other_credentials_have_other_connections(alice, demo):
    for token in ("one", "two"):
        server = await registered(
            alice, demo.url, auth_config={"type": "bearer", "token": token}, name=token
        )
        await refreshed(alice, server)
        assert demo.headers[-1]["authorization"] == f"Bearer {token}"


# The standalone server lives on.
@pytest.mark.parametrize("kind", ["functions"])
async def test_a_tool_is_given_no_longer_than_the_function_lives(
    kind, alice, added, demo, monkeypatch
):
    demo.release.clear()
    tool = await tool_of(alice, "wait")
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda _: 1300)
    answer = await runs(alice, tool, {"input": {}, "timeout_ms": 20_000})
    demo.release.set()
    (told,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert (answer.status_code, told["status"]) == (504, "unknown")
    assert told["duration_ms"] < 10_000


async def test_two_projects_share_no_connection(alice, added, demo):
    demo.headers.clear()
    bob = Project(alice.http, "bob")
    await refreshed(bob, await registered(bob, demo.url))
    assert "server/discover" in {each.get("mcp-method") for each in demo.headers}


# A container runs one at a time.
@pytest.mark.parametrize("kind", ["standalone"])
async def test_many_tools_run_at_once_on_few_database_connections(serve, kind, demo):
    http = await serve(mcp_allowed_networks=LOOPBACK, database_pool_size=5)
    alice = Project(http, "alice")
    await refreshed(alice, await registered(alice, demo.url))
    demo.release.clear()
    tool = await tool_of(alice, "wait")
    running = [asyncio.create_task(runs(alice, tool, {"input": {}})) for _ in range(64)]
    while len(demo.calls) < 64:
        await asyncio.sleep(0.01)
    demo.release.set()
    assert {(await each).json()["status"] for each in running} == {"succeeded"}


async def test_a_large_result_comes_over_sse_too(alice, demo):
    await refreshed(alice, await registered(alice, demo.sse_url, transport_type="sse"))
    tool = await tool_of(alice, "large")
    sizes = [
        (await runs(alice, tool, {"input": {"size": 6 * 2**20}})).json()["output_bytes"]
        for _ in range(2)
    ]
    assert min(sizes) > 6 * 2**20


# A container runs one at a time.
@pytest.mark.parametrize("kind", ["standalone"])
async def test_a_server_that_was_changed_during_a_refresh_is_to_be_refreshed_again(
    kind, alice, demo, monkeypatch
):
    server = await registered(alice, demo.url)
    path = f"{MCP}/servers/{server['id']}"
    discover = remote.discover

    async def slowly(client):
        offer = await discover(client)
        await alice.ask("PUT", path, json={"url": "https://example.org/mcp"})
        return offer

    monkeypatch.setattr(remote, "discover", slowly)
    answer = await alice.ask("POST", f"{path}/refresh")
    assert (answer.status_code, await alice.reads(f"{MCP}/tools")) == (409, [])
