"""What an execution costs beside a direct call with the SDK: interleaved rounds in one run.

On an embedded PostgreSQL of its own, through the server's own HTTP. Run it with `make bench`.
Compare ratios within a run, not figures of two runs.
"""

import asyncio
import logging
import sys
import tempfile
import time
from ipaddress import ip_network
from pathlib import Path
from statistics import median

import httpx
from mcp import Client

from llmring_core.local_postgres import LocalPostgres
from llmring_core.settings import Settings
from llmring_server import create_app

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.mcp import Demo, demo_server, refreshed, registered, runs, serving, tool_of
from support.projects import Project

ROUNDS = 100
AT_ONCE = 64
ARGUMENTS = {"a": 1, "b": 2}


def main():
    demo = Demo()
    logging.disable(logging.WARNING)  # the SDK's server would write every request to the terminal
    with tempfile.TemporaryDirectory(prefix="llmring-bench-") as folder:
        Path(folder).chmod(0o755)
        with (
            LocalPostgres.open(Path(folder) / "data") as local,
            serving(demo_server(demo).streamable_http_app()) as port,
        ):
            settings = Settings(
                _env_file=None,
                database_url=local.url,
                database_pool_size=5,
                registry_base_url="http://127.0.0.1:9/",
                mcp_allowed_networks=(ip_network("127.0.0.0/8"),),
                log_level="error",
            )
            with serving(create_app(settings=settings)) as ours:
                asyncio.run(measure(demo, f"http://127.0.0.1:{port}/mcp", ours))


async def measure(demo, url, port):
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
        Client(url) as direct,
    ):
        project = Project(http, "bench")
        await refreshed(project, await registered(project, url))
        add, wait = await tool_of(project, "add"), await tool_of(project, "wait")
        await overhead(direct, project, add)
        await at_once(demo, project, wait)


async def overhead(direct, project, tool):
    async def with_the_sdk():
        await direct.call_tool("add", ARGUMENTS)

    async def through_this_server():
        (await runs(project, tool, {"input": ARGUMENTS})).raise_for_status()

    took = {with_the_sdk: [], through_this_server: []}
    for call in took:
        await call()
    for _ in range(ROUNDS):
        for call, times in took.items():
            started = time.perf_counter()
            await call()
            times.append((time.perf_counter() - started) * 1000)
    for call, times in took.items():
        sys.stdout.write(f"{call.__name__.replace('_', ' '):24}{median(times):8.1f} ms\n")


async def at_once(demo, project, tool):
    """A tool that takes a second, many times at once, on five connections to the database."""
    asyncio.get_running_loop().call_later(1.0, demo.release.set)
    started = time.perf_counter()
    answers = await asyncio.gather(*(runs(project, tool, {"input": {}}) for _ in range(AT_ONCE)))
    assert {each.json()["status"] for each in answers} == {"succeeded"}
    took = time.perf_counter() - started
    sys.stdout.write(f"{AT_ONCE} executions of a tool of 1 s at once: {took:.2f} s\n")


if __name__ == "__main__":
    main()
