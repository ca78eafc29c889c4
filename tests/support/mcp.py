"""Real MCP servers, built with the official SDK, and what a project does with them."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer

from llmring_core.base64_text import to_base64url

MCP = "/api/v1/mcp"
LOOPBACK = (ip_network("127.0.0.0/8"),)
KEYS = [to_base64url(bytes([number]) * 32) for number in (1, 2)]


@dataclass
class Demo:
    """A server that runs, and what reached it."""

    url: str = ""
    sse_url: str = ""
    calls: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    # What a call of a tool is answered with, in place of what the server says: an ASGI app.
    answers_with: Any = None


def demo_server(demo: Demo) -> MCPServer:  # noqa: C901 - one function per thing it offers
    server = MCPServer("demo", version="1.2")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        demo.calls.append("add")
        return a + b

    @server.tool()
    def fail() -> str:
        """Say error."""
        demo.calls.append("fail")
        raise ValueError("it broke")

    @server.tool()
    async def wait() -> str:
        """Wait until it is let go."""
        demo.calls.append("wait")
        while not demo.release.is_set():
            await asyncio.sleep(0.01)
        return "done"

    @server.tool()
    def large(size: int) -> str:
        """Say much."""
        return "x" * size

    @server.tool()
    def odd() -> str:
        """Say what no database holds."""
        return "a\x00b"

    @server.resource("memo://one", mime_type="text/plain")
    def one() -> str:
        return "hello"

    @server.resource("memo://bytes", mime_type="image/png")
    def some_bytes() -> bytes:
        return b"\x89PNG"

    @server.resource("memo://{name}")
    def named(name: str) -> str:
        return f"hello {name}"

    @server.prompt()
    def greet(name: str, tone: str = "kindly") -> str:
        """Greet somebody."""
        return f"Greet {name} {tone}."

    return server


@contextmanager
def serving(app: Any, port: int = 0):
    """An ASGI app at a port, of its own by default, in a thread; the port."""
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


class Watching:
    """Notes the headers of each request."""

    def __init__(self, app: Any, demo: Demo) -> None:
        self._app, self._demo = app, demo

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            pairs = scope["headers"]
            self._demo.headers.append({name.decode(): value.decode() for name, value in pairs})
        await self._app(scope, receive, send)


class Misbehaving:
    """Answers the calls of tools, and who asks on, as the demo says; all else is the server's."""

    def __init__(self, app: Any, demo: Demo) -> None:
        self._app, self._demo = app, demo

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", []))
        is_call = headers.get(b"mcp-method") == b"tools/call" or b"last-event-id" in headers
        app = self._demo.answers_with if is_call and self._demo.answers_with else self._app
        await app(scope, receive, send)


async def registered(project: Any, url: str, **members: Any) -> dict[str, Any]:
    """Register a server and expect that it is."""
    body = {"name": "demo", "url": url, **members}
    response = await project.ask("POST", f"{MCP}/servers", json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def refreshed(project: Any, server: dict[str, Any], body: Any = None) -> dict[str, Any]:
    """Refresh a server and expect that it works."""
    response = await project.ask("POST", f"{MCP}/servers/{server['id']}/refresh", json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def tool_of(project: Any, name: str) -> dict[str, Any]:
    """The tool of a name."""
    (tool,) = [each for each in await project.reads(f"{MCP}/tools") if each["name"] == name]
    return tool


async def runs(project: Any, tool: dict[str, Any], body: Any) -> Any:
    """Ask for the execution of a tool."""
    return await project.ask("POST", f"{MCP}/tools/{tool['id']}/execute", json=body)
