"""What keeps the tables in order: partitions made ahead, what is over forgotten."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from llmring_core import partitions, usage_log
from llmring_core.database import Database
from llmring_core.errors import LLMRingError
from llmring_core.idempotency import forget_old

log = logging.getLogger("llmring.upkeep")

Job = Callable[[Database], Awaitable[object]]

EVERY_SECONDS = 3600.0


async def upkeep(database: Database) -> None:
    """Do what is due; harmless to repeat, and to do from many processes at once.

    Raises:
        Unavailable: the database does not answer.
    """
    async with database.transaction(is_long=True) as tx:
        await partitions.make_ahead(tx)
    await forget_old(database)
    await usage_log.forget_awaited(database)


async def keep_up(database: Database, *others: Job) -> None:
    """Do what is due every hour, here and in other jobs, until cancelled."""
    while True:
        try:
            for job in (upkeep, *others):
                await job(database)
        except LLMRingError as error:
            log.warning("upkeep has to wait: %s", error)
        await asyncio.sleep(EVERY_SECONDS)
