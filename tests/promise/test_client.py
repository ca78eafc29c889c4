"""The published llmring client works against us, unchanged."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from llmring.logging.decorators import log_llm_call
from llmring.mcp.client.conversation_manager_async import AsyncConversationManager
from llmring.mcp.http_client import MCPHttpClient
from llmring.schemas import LLMRequest, LLMResponse, Message
from llmring.server_client import ServerClient
from llmring.service_extended import LLMRingSession
from llmring.services.logging_service import LoggingService

from llmring_server import create_app

KEY = "llmr_pk_0123456789abcdef0123456789abcdef"


@pytest.fixture
async def server(settings) -> Iterator[str]:
    """A server on a loopback port, by URL."""
    config = uvicorn.Config(create_app(settings=settings), port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient() as http:
        await http.get(f"{url}/registry")  # so that it has prices
    yield url
    server.should_exit = True
    thread.join()


@pytest.fixture
async def client(server):
    async with ServerClient(server, api_key=KEY) as client:
        yield client


def run_cli(server, *arguments):
    environment = {**os.environ, "LLMRING_SERVER_URL": server, "LLMRING_API_KEY": KEY}
    command = [sys.executable, "-m", "llmring.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


async def test_server_status_says_healthy(server):
    output = run_cli(server, "server", "status").stdout
    assert "status=healthy database=connected" in output
    assert "API key accepted" in output


async def test_server_logs_lists_what_was_logged(server, client):
    await client.post("/api/v1/log", json=a_call(cost=0.25, alias="fast"))
    output = run_cli(server, "server", "logs").stdout
    assert ":: fast 1000→100" in output
    assert "0.2500" in output


async def test_server_logs_lists_an_unpriced_call_too(server, client):
    await client.post("/api/v1/log", json=a_call(model="gpt-99"))
    assert "0.0000" in run_cli(server, "server", "logs").stdout


async def test_server_stats_as_json_is_the_documented_answer(server, client):
    await client.post("/api/v1/log", json=a_call(cost=0.25))
    output = run_cli(server, "server", "stats", "--json").stdout
    assert json.loads(output[output.index("{") :])["summary"]["total_cost"] == 0.25


async def test_the_logging_service_logs_usage(client):
    service = LoggingService(client, log_metadata=True, log_conversations=False, origin="test")
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    await service.log_request_response(
        LLMRequest(messages=[Message(role="user", content="hello")], model="fast"),
        LLMResponse(content="hi", model="gpt-4.1", usage=usage, finish_reason="stop"),
        alias="fast",
        provider="openai",
        model="gpt-4.1",
        cost_info={"total_cost": 0.0028},
        profile="default",
    )
    (row,) = await client.get("/api/v1/logs")
    assert (row["alias"], row["profile"], row["cost"]) == ("fast", "default", 0.0028)
    assert row["metadata"]["finish_reason"] == "stop"


async def test_the_logging_service_logs_a_call_with_its_conversation_once(client):
    service = LoggingService(client, log_metadata=True, log_conversations=True, origin="test")
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "cached_tokens": None}
    for _ in range(2):
        await service.log_request_response(
            LLMRequest(messages=[Message(role="user", content="hello")], model="fast"),
            LLMResponse(content="hi", model="gpt-4.1", usage=usage, finish_reason="stop"),
            alias="fast",
            provider="openai",
            model="gpt-4.1",
            cost_info={"total_cost": 0.0028, "input_cost": 0.002, "output_cost": 0.0008},
            profile=None,
        )
    rows = await client.get("/api/v1/logs")
    conversations = await client.get("/conversations")
    assert [row["cost"] for row in rows] == [0.0028, 0.0028]
    assert [row["id_at_origin"] for row in rows] == [each["id"] for each in conversations]
    assert [each["total_cost"] for each in conversations] == [0.0028, 0.0028]


# The client leaves the connection of a decorated call to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_the_decorator_logs_a_call_with_its_conversation(server, client):
    @log_llm_call(server_url=server, api_key=KEY, provider="openai", log_conversations=True)
    async def call(messages):
        return an_openai_answer()

    await call(messages=[{"role": "user", "content": "hello"}])
    (conversation,) = await eventually(lambda: client.get("/conversations"))
    shown = await client.get(f"/conversations/{conversation['id']}")
    (row,) = await client.get("/api/v1/logs")
    assert [each["content"] for each in shown["messages"]] == ["hello", "hi"]
    assert (row["model"], row["cost"], row["origin"]) == ("gpt-4.1", 0.0028, "llmring-decorator")
    gc.collect()


# The client leaves the connection of a decorated call to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_the_decorator_logs_a_call_that_we_price(server, client):
    @log_llm_call(server_url=server, api_key=KEY, provider="openai")
    async def call(messages):
        return an_openai_answer()

    await call(messages=[{"role": "user", "content": "hello"}])
    rows = await eventually(lambda: client.get("/api/v1/logs"))
    assert [(row["model"], row["cost"]) for row in rows] == [("gpt-4.1", 0.0028)]
    gc.collect()


def a_call(**members):
    return {
        "provider": "openai",
        "model": "gpt-4.1",
        "input_tokens": 1000,
        "output_tokens": 100,
        "cached_input_tokens": None,
        **members,
    }


def an_openai_answer():
    message = SimpleNamespace(content="hi", tool_calls=None)
    choice = SimpleNamespace(message=message, finish_reason="stop")
    usage = SimpleNamespace(
        prompt_tokens=1000, completion_tokens=100, total_tokens=1100, prompt_tokens_details=None
    )
    return SimpleNamespace(choices=[choice], model="gpt-4.1", usage=usage, id="x")


async def eventually(ask, attempts=500):
    """The first answer that is not empty: the decorator logs behind the caller's back."""
    for _ in range(attempts):
        if answer := await ask():
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was logged")


async def test_the_conversation_manager_keeps_and_reads_a_conversation(server):
    manager = AsyncConversationManager(server, KEY)
    identifier = await manager.create_conversation("ann", title="T", system_prompt="Be brief.")
    message_id = await manager.add_message(identifier, "user", "Hello", metadata={"k": 1})
    await manager.add_message(identifier, "assistant", "Hi")
    conversation = await manager.get_conversation(identifier)
    (later,) = await manager.get_conversation_messages(identifier, offset=1)
    await manager.close()
    assert [(each.role, each.content) for each in conversation.messages] == [
        ("user", "Hello"),
        ("assistant", "Hi"),
    ]
    assert conversation.messages[0].id == message_id
    assert (conversation.messages[0].metadata, later.content) == ({"k": 1}, "Hi")


async def test_the_session_begins_lists_and_reads_conversations(server, client, tmp_path):
    session = LLMRingSession(server_url=server, api_key=KEY, lockfile_path=lockfile(tmp_path))
    identifier = await session.create_conversation(title="T", model_alias="fast", max_tokens=5)
    batch = {
        "conversation_id": str(identifier),
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "look"}],
                "metadata": {"model_requested": "fast", "temperature": None},
            },
            {
                "role": "assistant",
                "content": "I see",
                "input_tokens": 10,
                "output_tokens": 2,
                "metadata": {"model_used": "m", "finish_reason": "stop", "tool_calls": None},
            },
        ],
        "logging_level": "full",
    }
    await client.post(f"/api/v1/conversations/{identifier}/messages/batch", json=batch)
    (listed,) = await session.list_conversations()
    history = await session.get_conversation_history(identifier)
    await session.close()
    await session.server_client.close()  # which its own close leaves open
    assert (listed["id"], listed["title"], listed["model_alias"]) == (str(identifier), "T", "fast")
    assert [each["content"] for each in history["messages"]] == [
        [{"type": "text", "text": "look"}],
        "I see",
    ]
    assert (history["input_tokens"], history["output_tokens"]) == (10, 2)


async def test_server_conversations_lists_and_shows_them(server, client):
    created = await client.post("/api/v1/conversations", json={"title": "My talk"})
    path = f"/api/v1/conversations/{created['id']}/messages"
    await client.post(path, json={"role": "user", "content": "Hello there", "metadata": None})
    assert "My talk" in run_cli(server, "server", "conversations").stdout
    shown = run_cli(
        server, "server", "conversations", "--conversation-id", created["id"], "--messages"
    )
    assert "Hello there" in shown.stdout


async def test_the_mcp_client_registers_reports_and_reads(server):
    mcp = MCPHttpClient(server, KEY)
    registered = await mcp.register_server("demo", "http://localhost:9/mcp")
    tools = [{"name": f"t{n}", "description": "d", "inputSchema": {}} for n in range(60)]
    resources = [{"uri": "memo://one", "name": "one", "mimeType": "text/plain"}]
    prompts = [{"name": "greet", "description": None, "arguments": [{"name": "name"}]}]
    await mcp.refresh_server_capabilities(registered["id"], tools, resources, prompts)
    await mcp.update_server(registered["id"], name="renamed")
    (listed,) = await mcp.list_servers()
    last = await mcp.get_tool_by_name("t0", server_id=registered["id"])
    await mcp.record_tool_execution(last["id"], {"a": 1}, output={"b": 2}, duration_ms=3)
    (execution,) = await mcp.get_tool_history(last["id"])
    (resource,), (prompt,) = await mcp.list_resources(), await mcp.list_prompts()
    assert (listed["name"], last["server"]["name"]) == ("renamed", "renamed")
    assert (execution["output"], execution["duration_ms"]) == ({"b": 2}, 3)
    assert (await mcp.get_resource(resource["id"]))["uri"] == "memo://one"
    assert (await mcp.get_prompt(prompt["id"]))["name"] == "greet"
    assert await mcp.delete_server(registered["id"])
    assert await mcp.list_tools() == []
    await mcp.close()


def lockfile(folder):
    """A lockfile of the client's, without which it does not start."""
    path = folder / "llmring.lock"
    path.write_text('version = "1.0"\n\n[profiles.default]\nname = "default"\nbindings = []\n')
    return str(path)
