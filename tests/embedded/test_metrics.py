"""Metrics of a server that is several processes."""

import subprocess
import sys

from llmring_core import metrics
from support.processes import until
from support.scraped import sum_of

# A process that has three connections at work until it is told to end.
WORKER = """
import sys
from llmring_core import metrics
from llmring_core.own_pool import PoolUse

metrics.start()
metrics.pool_used(PoolUse(busy=3, idle=0, waiting=0))
print("counted", flush=True)
sys.stdin.read()
"""


def test_workers_add_up_what_they_count(start):
    server = start("--workers", "2", LLMRING_METRICS="true")
    for _ in range(20):
        assert server.logs()

    def counted():
        text = server.http.get("/metrics").raise_for_status().text
        name = "llmring_http_request_duration_seconds_count"
        return sum_of(text, name, route="/api/v1/log")

    until(lambda: counted() == 20)


def test_the_connections_of_a_worker_that_is_gone_are_counted_no_longer(tmp_path, monkeypatch):
    monkeypatch.setenv(metrics.SHARED_FOLDER, str(tmp_path))

    def busy():
        return sum_of(
            metrics.exposition("")[0].decode(), "llmring_database_connections", state="busy"
        )

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WORKER], **pipes) as worker:
        assert worker.stdout.readline() == b"counted\n"
        assert busy() == 3
    assert busy() == 0
