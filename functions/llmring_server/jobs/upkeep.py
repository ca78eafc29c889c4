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


async def upkeep(database: Database, *, usage_days: int = 0) -> None:
    """Do what is due; harmless to repeat, and to do from many processes at once.

    Months of usage logs that are older than `usage_days` leave, if that is not 0.

    Raises:
        Unavailable: the database does not answer.
    """
    async with database.transaction(is_long=True) as tx:
        await partitions.make_ahead(tx)
    await forget_old(database)
    await usage_log.forget_awaited(database)
    # The last, as it waits for who reads those months, and is refused while they do.
    dropped = await partitions.drop_old(database, days=usage_days)
    if dropped:
        log.info("dropped the usage logs of %s", ", ".join(dropped))


async def keep_up(database: Database, *jobs: Job) -> None:
    """Do jobs every hour, until cancelled; one that fails is tried again, and stops no other."""
    while True:
        for job in jobs:
            try:
                await job(database)
            except LLMRingError as error:
                log.warning("upkeep has to wait: %s", error)
            except Exception:
                log.exception("a job of the upkeep failed")
        await asyncio.sleep(EVERY_SECONDS)
