"""Tasks and the event loops they belong to."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from llmring_core.errors import LLMRingError

log = logging.getLogger("llmring.jobs")


def is_over(task: asyncio.Future[Any] | None) -> bool:
    """Whether a task has ended, or can never end because its event loop is another."""
    return task is None or task.done() or task.get_loop() is not asyncio.get_running_loop()


async def run_or_log(job: Awaitable[object], name: str) -> None:
    """Run a job that nobody waits for: what prevents it is logged, and it comes again."""
    try:
        await job
    except LLMRingError as error:
        log.warning("%s has to wait: %s", name, error)
    except Exception:
        log.exception("%s failed", name)
