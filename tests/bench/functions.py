"""The built functions beside a bare one (FastAPI, Mangum, asyncpg, one route, the same layer).

Interleaved rounds in one run, on an embedded PostgreSQL of its own. Run it with
`make bench-lambda`. Compare ratios within a run, not figures of two runs.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import asyncpg

from llmring_core.database import Database
from llmring_core.local_postgres import LocalPostgres
from llmring_core.migrate import migrate
from llmring_core.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.built import container
from support.events import a_log, http_api
from support.projects import a_call
from support.runtime_api import BUILT, PYTHON, Function

COLD_ROUNDS = 15
WARM = 1000
NAMES = ["Meta", "Registry", "Usage", "Receipts", "Conversations", "Templates", "Ingest", "Mcp"]


def main():
    with tempfile.TemporaryDirectory(prefix="llmring-bench-") as folder:
        Path(folder).chmod(0o755)
        bare = Path(folder) / "bare"
        shutil.copytree(Path(__file__).parent / "bare", bare)
        compile_like_ours(bare)
        with LocalPostgres.open(Path(folder) / "data") as local:
            asyncio.run(migrated(local.url))
            environment = {
                "LLMRING_DATABASE_URL": local.url,
                "LLMRING_DATABASE_POOL_SIZE": "1",
                "LLMRING_DATABASE_STATEMENT_CACHE": "0",
                "LLMRING_REGISTRY_BASE_URL": "http://127.0.0.1:9/",
            }
            cold(bare, environment)
            warm(bare, environment, local.url)


def compile_like_ours(folder):
    """With the Python that runs it."""
    words = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    subprocess.run([PYTHON, *words], check=True)


async def migrated(url):
    database = Database(Settings(_env_file=None, database_url=url))
    await migrate(database)
    await database.close()


def bare_function(bare, environment):
    return Function("bare", "bare.handler", bare, [BUILT / "CoreLayer"], environment)


def cold(bare, environment):
    """How long a container takes until it asks for its first event."""
    took = {name: [] for name in ("bare", *NAMES)}
    for _ in range(COLD_ROUNDS):
        for name, seconds in took.items():
            is_bare = name == "bare"
            one = bare_function(bare, environment) if is_bare else container(name, environment)
            seconds.append(one.started())
            one.close()
    sys.stdout.write("cold start           ms  × bare\n")
    for name, seconds in took.items():
        ratio = median(seconds) / median(took["bare"])
        sys.stdout.write(f"{name:18}{median(seconds) * 1000:6.0f}  {ratio:6.2f}\n")


def warm(bare, environment, url):
    """How long a warm container takes to answer, and how many connections it opens."""
    one, ours = bare_function(bare, environment), container("Usage", environment)
    root, log = http_api("/"), a_log(http_api, json.dumps(a_call(cost=0.25)))
    stats = http_api("/api/v1/stats", headers={"X-API-Key": "alice"})
    prepares = container("Usage", environment | {"LLMRING_DATABASE_STATEMENT_CACHE": "100"})
    questions = {
        "bare": (one, root),
        "POST /log": (ours, log),
        "the same, prepared": (prepares, log),
        "GET /stats": (ours, stats),
    }
    took = {name: [] for name in questions}
    for function, event in questions.values():
        function.invoke(event)
    before = asyncio.run(sessions(url))
    for _ in range(WARM):
        for name, (function, event) in questions.items():
            began = time.perf_counter()
            assert function.invoke(event)["statusCode"] == 200
            took[name].append(time.perf_counter() - began)
    opened = asyncio.run(sessions(url)) - before - 1  # the one that asks
    one.close()
    ours.close()
    prepares.close()
    sys.stdout.write("\nwarm, median             ms  × bare\n")
    for name, seconds in took.items():
        ratio = median(seconds) / median(took["bare"])
        sys.stdout.write(f"{name:20}{median(seconds) * 1000:8.2f}  {ratio:6.2f}\n")
    sys.stdout.write(f"connections opened by {WARM} warm rounds: {opened}\n")


async def sessions(url):
    """How many connections were ever opened to the database."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(
            "select sessions from pg_stat_database where datname = current_database()"
        )
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
