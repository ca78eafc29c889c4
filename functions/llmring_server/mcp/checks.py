"""Checks that may take for ever: asked of processes of their own, which can be ended.

A schema can be made so that checking takes for ever: by a pattern (CWE-1333), by references that
double, by comparing all elements. Our own process would stand still meanwhile.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from llmring_core import deadline
from llmring_core.errors import BadGateway, Unavailable, Unprocessable
from llmring_server.mcp import schemas
from llmring_server.mcp.check_process import answer_of, ended, started
from llmring_server.mcp.schemas import Errors

CHECK_SECONDS = 3.0
# How long a question waits until one of the processes is free, or has started.
WAIT_SECONDS = 10.0
AT_ONCE = 4
# So many of them for one project, so that its schemas do not hold up all others.
AT_ONCE_PER_PROJECT = 2
NOT_CHECKED = "The input could not be checked against the tool's schema: that {}."


class Checks:
    """The processes that check for one app: started when needed, kept, ended when too slow."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)
        self._room_of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._idle: list[asyncio.subprocess.Process] = []

    async def check(
        self, api_key_id: str, arguments: Mapping[str, Any], schema: Any, seconds: float
    ) -> None:
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
        question = json.dumps([arguments, schema]).encode() + b"\n"
        async with self._room_for_one(api_key_id, seconds):
            schemas.refuse(await self._asked(question, min(CHECK_SECONDS, seconds)))

    async def close(self) -> None:
        """End the processes."""
        while self._idle:
            await ended(self._idle.pop())

    @asynccontextmanager
    async def _room_for_one(self, api_key_id: str, seconds: float) -> AsyncIterator[None]:
        own = self._room_of.setdefault(api_key_id, asyncio.Semaphore(AT_ONCE_PER_PROJECT))
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(deadline.at_most(min(WAIT_SECONDS, seconds))):
                    await stack.enter_async_context(own)
                    await stack.enter_async_context(self._room)
            except TimeoutError as error:
                raise Unavailable("Too many inputs are being checked; try again.") from error
            yield

    async def _asked(self, question: bytes, seconds: float) -> Errors | None:
        while self._idle:
            told = await self._told_by(self._idle.pop(), question, seconds)
            if told:  # else it had died while it was idle
                return _read(told)
        told = await self._told_by(await started(), question, seconds)
        if not told:
            raise Unprocessable(NOT_CHECKED.format("takes too much memory"))
        return _read(told)

    async def _told_by(
        self, process: asyncio.subprocess.Process, question: bytes, seconds: float
    ) -> bytes:
        told = b""
        try:
            async with asyncio.timeout(deadline.at_most(seconds)):
                told = await answer_of(process, question)
        except TimeoutError as error:
            raise Unprocessable(NOT_CHECKED.format("takes too long")) from error
        except (OSError, ValueError):
            return b""
        finally:
            if told.endswith(b"\n"):
                self._idle.append(process)
            else:
                await ended(process)
        return told


def _read(told: bytes) -> Errors | None:
    answered: Errors | None = json.loads(told)
    return answered
