"""Tasks and the event loops they belong to."""

import asyncio
from typing import Any


def is_over(task: asyncio.Future[Any] | None) -> bool:
    """Whether a task has ended, or can never end because its event loop is another."""
    return task is None or task.done() or task.get_loop() is not asyncio.get_running_loop()
