"""Servers under measurement, each a process of its own."""

import http.client
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from bench.environments import with_our_server
from support.processes import environment, free_port, until

TESTS = Path(__file__).parents[1]
STOP_SECONDS = 15
CALM_PERCENT = 8.0
SLOW_SECONDS = 90


class Served:
    """A server process at a port of its own."""

    def __init__(self, command, folder, **variables):
        self.port = free_port()
        self.output = folder / f"output-{self.port}"
        self.began = time.perf_counter()
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                env=environment(folder, **variables),
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def ready(self, path="/health"):
        """Wait for the first 200; the seconds it took from the start of the process."""
        deadline = self.began + SLOW_SECONDS
        while self._status(path) != 200:
            assert self.process.poll() is None, f"it ended:\n{self.output.read_text()[-2000:]}"
            assert time.perf_counter() < deadline, f"no 200:\n{self.output.read_text()[-2000:]}"
            time.sleep(0.003)
        return time.perf_counter() - self.began

    def _status(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with suppress(OSError):
            connection.request("GET", path)
            return connection.getresponse().status
        return None

    def memory(self):
        """Resident megabytes, with its children."""
        own = psutil.Process(self.process.pid)
        return sum(each.memory_info().rss for each in (own, *own.children(recursive=True))) / 2**20

    def settle(self):
        """Wait until it has finished what a load generator left under way."""
        own = psutil.Process(self.process.pid)
        until(lambda: own.cpu_percent(0.1) < CALM_PERCENT)

    def complaints(self):
        """The lines of its output that tell of a fault, the first few."""
        words = ("Traceback", "ERROR", "error:", "Exception")
        lines = self.output.read_text(errors="replace").splitlines()
        return [line[:200] for line in lines if any(word in line for word in words)]

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def ours(folder, database_url, registry_url):
    """Our server on a database, with one worker."""
    return Served(
        [str(with_our_server()), "-m", "llmring_server.cli"],
        folder,
        PYTHONPATH="",  # where the checkout may be
        LLMRING_DATABASE_URL=database_url,
        LLMRING_REGISTRY_BASE_URL=registry_url,
    )


def constant(folder, app, body=b"{}"):
    """An app of `constant.py` that answers these bytes."""
    answer = folder / f"answer-{app}"
    answer.write_bytes(body)
    return Served(
        [sys.executable, "-m", "uvicorn", f"bench.constant:{app}", "--no-access-log"],
        folder,
        PYTHONPATH=str(TESTS),
        BENCH_ANSWER=str(answer),
    )
