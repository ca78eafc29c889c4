"""Work that nobody waits for: what prevents it is logged, and stops nothing else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

from llmring_core.errors import LLMRingError

log = logging.getLogger("llmring.background")

T = TypeVar("T")
Work = Callable[[], Awaitable[object]]


async def run_or_log(what: str, work: Work) -> None:
    """Do something once; what prevents it is logged under the name of `what` it is."""
    try:
        await work()
    except LLMRingError as error:
        log.warning("%s has to wait: %s", what, error)
    except Exception:
        log.exception("%s failed", what)


async def repeat(seconds: float, what: str, work: Work) -> None:
    """Do something every so many seconds, until cancelled, whatever became of it before."""
    while True:
        await run_or_log(what, work)
        await asyncio.sleep(seconds)


def of_nobody(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin something whose log lines name no request, though one of them happened to begin it."""
    return asyncio.get_running_loop().create_task(work, context=Context())
