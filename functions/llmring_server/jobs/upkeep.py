"""What keeps the tables in order: partitions made ahead, old idempotency keys forgotten."""

import asyncio
import logging

from llmring_core import partitions
from llmring_core.database import Database
from llmring_core.errors import LLMRingError
from llmring_core.idempotency import forget_old

log = logging.getLogger("llmring.upkeep")

EVERY_SECONDS = 3600.0


async def upkeep(database: Database) -> None:
    """Do what is due; harmless to repeat, and to do from many processes at once.

    Raises:
        Unavailable: the database does not answer.
    """
    async with database.transaction() as tx:
        await partitions.make_ahead(tx)
    await forget_old(database)


async def keep_up(database: Database) -> None:
    """Do what is due every hour, until cancelled."""
    while True:
        try:
            await upkeep(database)
        except LLMRingError as error:
            log.warning("upkeep has to wait: %s", error)
        await asyncio.sleep(EVERY_SECONDS)
