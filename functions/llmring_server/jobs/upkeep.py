"""What keeps the tables in order: partitions made ahead, what is over forgotten."""

import logging
from functools import partial

from llmring_core import partitions, usage_log
from llmring_core.database import Database
from llmring_core.idempotency import forget_old

log = logging.getLogger("llmring.upkeep")


async def upkeep(database: Database, *, usage_days: int = 0) -> None:
    """Do what is due; harmless to repeat, and to do from many processes at once.

    Months of usage logs and of tool executions that are older than `usage_days` leave, if that is
    not 0. Every step is taken, whatever became of those before; the first failure is raised at
    the end.

    Raises:
        Unavailable: the database does not answer.
    """
    failures: list[Exception] = []
    for step in (_make_ahead, forget_old, usage_log.forget_awaited, partial(_drop, usage_days)):
        try:
            await step(database)
        except Exception as error:  # noqa: BLE001 - it is raised below
            failures.append(error)
    if failures:
        raise failures[0]


async def _make_ahead(database: Database) -> None:
    async with database.transaction(is_long=True) as tx:
        await partitions.make_ahead(tx, hurried=True)


async def _drop(days: int, database: Database) -> None:
    """The last step, as it waits for who reads those months, and is refused while they do."""
    if dropped := await partitions.drop_old(database, days=days):
        log.info("dropped %s", ", ".join(dropped))
