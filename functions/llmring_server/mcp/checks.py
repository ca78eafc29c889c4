"""Checks that may take for ever: asked of processes of their own, which can be ended.

A schema can be made so that checking takes for ever: by a pattern (CWE-1333), by references that
double, by comparing all elements. Our own process would stand still meanwhile.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from llmring_core import deadline
from llmring_core.errors import BadGateway, Unavailable, Unprocessable
from llmring_server.mcp import schemas
from llmring_server.mcp.schemas import Errors

CHECK_SECONDS = 3.0
# How long a question waits until one of the processes is free.
WAIT_SECONDS = 10.0
AT_ONCE = 4
MAX_ANSWER_BYTES = 1024 * 1024
MAX_MEMORY_BYTES = 1024**3


class Checks:
    """The processes that check for one app: started when needed, kept, ended when too slow."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)
        self._idle: list[asyncio.subprocess.Process] = []

    async def check(self, arguments: Mapping[str, Any], schema: Any) -> None:
        """Let arguments pass that the schema of a tool allows; nothing is fetched for it.

        Raises:
            Unprocessable: they are not, with the places in `errors`; or it takes too long to tell.
            BadGateway: the schema is none, or refers to one elsewhere.
            Unavailable: too many are being checked.
        """
        if not schemas.is_schema(schema):
            raise BadGateway("The tool's own schema is not one.")
        if schemas.is_quick(arguments, schema):
            schemas.refuse(schemas.found(arguments, schema))
            return
        async with self._room_for_one():
            schemas.refuse(await self._asked(json.dumps([arguments, schema]).encode() + b"\n"))

    async def close(self) -> None:
        """End the processes."""
        while self._idle:
            await _end(self._idle.pop())

    @asynccontextmanager
    async def _room_for_one(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(deadline.at_most(WAIT_SECONDS)):
                await self._room.acquire()
        except TimeoutError as error:
            raise Unavailable("Too many inputs are being checked; try again shortly.") from error
        try:
            yield
        finally:
            self._room.release()

    async def _asked(self, question: bytes) -> Errors | None:
        process = await self._free()
        told = b""
        try:
            async with asyncio.timeout(deadline.at_most(CHECK_SECONDS)):
                told = await _answer_of(process, question)
        except (TimeoutError, OSError, ValueError) as error:
            raise Unprocessable(
                "The input could not be checked against the tool's schema: that takes too long."
            ) from error
        finally:
            if told.endswith(b"\n"):
                self._idle.append(process)
            else:
                await _end(process)
        if not told:
            raise Unprocessable(
                "The input could not be checked against the tool's schema: that takes too much."
            )
        answered: Errors | None = json.loads(told)
        return answered

    async def _free(self) -> asyncio.subprocess.Process:
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            f"from {__name__} import serve; serve()",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=MAX_ANSWER_BYTES,
            env={
                "PYTHONPATH": os.pathsep.join(sys.path),
                # Without it the Python of Lambda does not start.
                "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
            },
        )


async def _answer_of(process: asyncio.subprocess.Process, question: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - both were asked for
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(question)
    await process.stdin.drain()
    return await process.stdout.readline()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


def serve() -> None:
    """What such a process does: read arguments and schema, write what is wrong, line by line."""
    import resource  # which Windows has not

    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(schemas.found(*json.loads(line))) + "\n")
        sys.stdout.flush()
