"""MCP servers that this server starts itself: only what is listed, limited, ended in time."""

import json
import sys
from pathlib import Path

import psutil
import pytest

from conftest import served
from support.mcp import MCP, refreshed, registered, runs, tool_of
from support.projects import Project

INHERITED = {"HOME", "LANG", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "USER"}
PROGRAM = f"""#!{sys.executable}
import os, resource, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from support.mcp import Demo, demo_server
server = demo_server(Demo())

@server.tool()
def process() -> dict:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return dict(pid=os.getpid(), arguments=sys.argv[1:], names=sorted(os.environ), files=files)

server.run("stdio")
"""


@pytest.fixture
def program(tmp_path):
    """A program that is an MCP server over stdin and stdout."""
    path = tmp_path / "demo-server"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    return str(path)


async def told_by(alice, line):
    """What the process of a command line says of itself."""
    await refreshed(alice, await registered(alice, line, transport_type="stdio"))
    answer = (await runs(alice, await tool_of(alice, "process"), {"input": {}})).json()
    return json.loads(answer["output"]["content"][0]["text"])


async def test_what_is_listed_is_started_with_limits_and_without_our_environment(serve, program):
    http = await serve(mcp_stdio="allow", mcp_stdio_commands=(program,))
    told = await told_by(Project(http, "alice"), f"{program} --any 'one argument'")
    assert told["arguments"] == ["--any", "one argument"]
    assert (set(told["names"]) <= INHERITED, told["files"]) == (True, 1024)


@pytest.mark.parametrize("kind", ["standalone", "functions"])
async def test_a_process_ends_with_its_server(settings, program, kind):
    changed = settings.model_copy(update={"mcp_stdio": "allow", "mcp_stdio_commands": (program,)})
    async with served(kind, changed) as http:
        pid = (await told_by(Project(http, "alice"), program))["pid"]
        assert psutil.pid_exists(pid) is (kind == "standalone")
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    "line",
    ["/bin/sh -c true", "demo-server", "{program}x", "./{program}", "'{program} x'"],
)
async def test_what_is_not_listed_is_not_started(serve, program, line):
    http = await serve(mcp_stdio="allow", mcp_stdio_commands=(program,))
    alice = Project(http, "alice")
    url = line.format(program=program) or " "
    server = await registered(alice, url, transport_type="stdio")
    answer = await alice.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
    assert (answer.status_code, "STDIO_COMMANDS" in answer.json()["detail"]) == (403, True)


async def test_a_command_that_is_not_there_is_a_broken_server(serve):
    http = await serve(mcp_stdio="allow", mcp_stdio_commands=("/nowhere/server",))
    alice = Project(http, "alice")
    server = await registered(alice, "/nowhere/server", transport_type="stdio")
    answer = await alice.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
    assert answer.status_code == 502


async def test_on_lambda_nothing_is_started(serve, program, monkeypatch):
    http = await serve(mcp_stdio="allow", mcp_stdio_commands=(program,))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "llmring")
    alice = Project(http, "alice")
    server = await registered(alice, program, transport_type="stdio")
    answer = await alice.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
    assert (answer.status_code, "LLMRING_MCP_STDIO" in answer.json()["detail"]) == (403, True)
