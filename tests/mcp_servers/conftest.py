"""A real server for a module, and a project that may call it."""

import pytest
from pydantic import SecretStr

from support.mcp import (
    KEYS,
    LOOPBACK,
    Demo,
    Misbehaving,
    Watching,
    demo_server,
    refreshed,
    registered,
    serving,
)
from support.projects import Project


@pytest.fixture(scope="module")
def demos():
    """One server, at streamable HTTP and at SSE."""
    demo = Demo()
    http, sse = demo_server(demo).streamable_http_app(), demo_server(demo).sse_app()
    apps = [Watching(Misbehaving(http, demo), demo), Watching(sse, demo)]
    with serving(apps[0]) as port, serving(apps[1]) as sse_port:
        demo.url, demo.sse_url = f"http://127.0.0.1:{port}/mcp", f"http://127.0.0.1:{sse_port}/sse"
        yield demo


@pytest.fixture
def demo(demos):
    """The same, as if nobody had called it yet."""
    demos.calls.clear()
    demos.headers.clear()
    demos.release.set()
    demos.answers_with = None
    return demos


@pytest.fixture
async def alice(serve):
    http = await serve(mcp_allowed_networks=LOOPBACK, secrets_key=SecretStr(KEYS[0]))
    return Project(http, "alice")


@pytest.fixture
async def added(alice, demo):
    """A server of alice's, discovered."""
    server = await registered(alice, demo.url)
    await refreshed(alice, server)
    return server
