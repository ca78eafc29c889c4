"""Real servers as processes of their own, and what they leave behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeVar

import httpx
import psutil

T = TypeVar("T")

DEADLINE_SECONDS = 60.0  # of what takes a second on a machine that is not busy
CALL = {"provider": "openai", "model": "gpt-4.1", "input_tokens": 10, "output_tokens": 1}
HEADERS = {"X-API-Key": "key"}
COMMAND = [sys.executable, "-m", "llmring_server.cli"]


def until(ask: Callable[[], T]) -> T:
    """Ask until the answer is true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return answer


@contextmanager
def data_folder() -> Iterator[Path]:
    """A short folder that the account PostgreSQL runs as can reach; nobody is left in it."""
    folder = Path(tempfile.mkdtemp(prefix="lr-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        until(lambda: not at_work_in(folder))
        rmtree(folder)


def at_work_in(data_dir: Path) -> list[int]:
    """The ids of the live PostgreSQL processes of a data folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(
                data_dir / "postgres"
            ):
                found.append(process.pid)
    return found


def postgres_of(data_dir: Path) -> int:
    """The process id of the PostgreSQL of a data folder."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


class Server:
    """An `llmring-server` process."""

    command = COMMAND

    def __init__(self, *options: str, data_dir: Path, **variables: str) -> None:
        self.port = free_port()
        self.data_dir = data_dir
        self.output = data_dir / f"output-{self.port}"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*self.command, "--port", str(self.port), *options],
                env=environment(data_dir, **variables),
                cwd=data_dir,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)

    def first_lines(self) -> str:
        """What it prints until it says how to try it."""
        until(lambda: "input_tokens" in self.output.read_text())
        return self.output.read_text()

    def is_healthy(self) -> bool:
        with suppress(httpx.HTTPError):
            return self.http.get("/health").status_code == 200
        return False

    def logs(self) -> str | None:
        """Log a call; the id of the row, if it was acknowledged."""
        with suppress(httpx.HTTPError):
            response = self.http.post("/api/v1/log", json=CALL, headers=HEADERS)
            if response.status_code == 200:
                return response.json()["log_id"]
        return None

    def rows(self) -> list[str]:
        """The ids of all rows, as soon as they can be had."""
        until(self.is_healthy)
        answer = self.http.get("/api/v1/logs/export", headers=HEADERS).raise_for_status()
        return [json.loads(line)["log_id"] for line in answer.text.splitlines()]

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to the process, or to all of its group as a terminal does."""
        (os.killpg if group else os.kill)(self.process.pid, number)

    def ends(self) -> int:
        """Its exit status, once it has ended by itself."""
        return self.process.wait(DEADLINE_SECONDS)

    def close(self) -> None:
        self.http.close()
        with suppress(ProcessLookupError, PermissionError):
            self.signal(signal.SIGKILL, group=True)
        self.process.wait()


@contextmanager
def servers_on(data_dir: Path, **variables: str) -> Iterator[Callable[..., Server]]:
    """Starts servers on a data folder, each healthy; they end with the block."""
    with ExitStack() as stack:

        def start(*options: str, **more: str) -> Server:
            server = Server(*options, data_dir=data_dir, **variables, **more)
            stack.callback(server.close)
            until(server.is_healthy)
            return server

        yield start


def run(*arguments: str, data_dir: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(data_dir, **variables),
        cwd=data_dir,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def environment(data_dir: Path, **variables: str) -> dict[str, Any]:
    """A clean environment whose registry is out of reach."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("LLMRING_")
    }
    ours = {
        "LLMRING_DATA_DIR": str(data_dir),
        "LLMRING_REGISTRY_BASE_URL": "http://127.0.0.1:9/",
        "PYTHONWARNINGS": "",
    }
    return {**inherited, **ours, **variables}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
