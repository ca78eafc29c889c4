"""A server with its embedded PostgreSQL, as durable as by default, under a load, to be hurt."""

import asyncio
import os
import random
import secrets
import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg

from llmring_core.signing import PrivateKey
from support.ledger import Findings, compare, url_of
from support.load import REFUSALS, Load, Write, unresolved
from support.processes import Server, at_work_in, postgres_of, until

CLIENTS = 100


class Household:
    """Everything that chance decides follows from `seed`; FAULT_SEED repeats one."""

    def __init__(self, folder: Path, tool_url: str, **variables: str) -> None:
        self.seed = int(os.environ.get("FAULT_SEED") or secrets.randbits(32))
        self.folder, self.random = folder, random.Random(self.seed)
        key = PrivateKey.generate().seed_text()
        self._variables = {"LLMRING_RECEIPTS_PRIVATE_KEY_B64": key, **variables}
        self._tool_url = tool_url
        self.servers: list[Server] = []
        self._load: Load | None = None
        self._clients = ThreadPoolExecutor(CLIENTS)

    @property
    def server(self) -> Server:
        return self.servers[-1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def load(self) -> Load:
        """The load, which prepares itself at the first need."""
        if self._load is None:
            self._load = Load(self.seed, self.url, self._tool_url)
        return self._load

    def start(self, **variables: str) -> None:
        """Start a server, and turn the load to it."""
        self._variables |= variables
        self.servers.append(Server(data_dir=self.folder, **self._variables))
        try:
            until(self.server.is_healthy)
        except AssertionError as error:
            raise AssertionError(self.trace("the server did not start")) from error
        if self._load is not None:
            self._load.url = self.url

    def close(self) -> None:
        self._clients.shutdown()
        if self._load is not None:
            self._load.close()
        for server in self.servers:
            server.close()

    def postgres(self) -> list[int]:
        """The processes of PostgreSQL."""
        return at_work_in(self.folder)

    def kill_postgres(self) -> None:
        """Kill the head of PostgreSQL, or one of its children, or all, until it is back."""
        everybody, head = set(self.postgres()), postgres_of(self.folder)
        children = sorted(everybody - {head})
        victims = self.random.choice(([head], [self.random.choice(children)], sorted(everybody)))
        kill(victims)
        # Whichever of them is killed, none goes on: the head, if it lives, ends the others.
        gone = everybody if head in victims else everybody - {head}
        until(lambda: not gone & set(self.postgres()))
        until(self.server.is_healthy)

    def kill_server(self) -> None:
        kill([self.server.process.pid])
        self.server.process.wait()
        self.start()

    def kill_both(self) -> None:
        kill([self.server.process.pid, *self.postgres()])
        self.server.process.wait()
        self.start()

    async def sent(self, write: Write) -> int:
        """Send a write, beside others; its status."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._clients, write.send, self.load.http, self.url)

    def sql(self, statement: str) -> Any:
        """Run a statement in the embedded database, also if that can only be read; its value."""

        async def run() -> Any:
            may_write = {"default_transaction_read_only": "off"}
            connection = await asyncpg.connect(url_of(self.folder), server_settings=may_write)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(run())

    def compare(self) -> Findings:
        """Compare what was told with what is there, and expect that it is the same."""
        findings = compare(self.folder, self.load.writes)
        assert findings.is_clean, self.trace(findings)
        return findings

    def assert_honest(self) -> Findings:
        """Compare once more, and expect that clients were told what they can act on."""
        findings, statuses = self.compare(), self.load.statuses()
        assert set(statuses) <= REFUSALS | {200}, self.trace(statuses)
        assert not unresolved(self.load.writes)
        assert not [write.unhelpful for write in self.load.writes if write.unhelpful]
        return findings

    def trace(self, what: Any) -> str:
        """All that is needed to find out why."""
        outputs = "".join(server.output.read_text()[-3000:] for server in self.servers[-2:])
        postgres = (self.folder / "postgres.log").read_text()[-3000:]
        return f"seed {self.seed}: {what}\n{outputs}\n{postgres}"


def kill(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
