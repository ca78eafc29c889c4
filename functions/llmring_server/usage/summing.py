"""Sums of usage logs: kept up behind the writes, and counted anew to see that they are right.

Each write to the logs notes, in its own transaction and in rows of its own, what it changes in the
sums of an hour (a trigger of the table, so that no way of writing can forget it). Writers therefore
never wait for one another, be it a group writer or fifty functions of Lambda. Now and then one
process folds the notes into the sums; statistics add up both, in one statement, so they are exact
at every moment, however late that is.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from llmring_core import metrics
from llmring_core.background import of_nobody, run_or_log
from llmring_core.connection import Row
from llmring_core.database import Database
from llmring_core.loops import is_over
from llmring_core.queries import load

SQL = load("llmring_server.usage", "sums.sql")

CHANGES_AT_ONCE = 20_000
# Where nobody folds on a schedule, as in a host's app, whoever wrote so many times does.
MANY_CHANGES = 1000


async def fold(database: Database) -> int:
    """Fold what was noted into the sums; returns how many notes that were.

    One process does so at a time; the others leave it to that one.

    Raises:
        Unavailable: the database does not answer.
    """
    count = 0
    while (folded := await _fold_some(database)) is not None:
        count += folded
        if folded < CHANGES_AT_ONCE:
            metrics.folded()
            break
    return count


async def _fold_some(database: Database) -> int | None:
    async with database.transaction() as tx:
        if not await tx.fetch_value(SQL["may_fold"]):
            return None
        return int(await tx.fetch_value(SQL["fold"], CHANGES_AT_ONCE))


class Notes:
    """Counts the writes of a process, and folds their notes now and then, behind the requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    def came(self) -> None:
        """A write made notes."""
        self._count += 1
        if self._count > MANY_CHANGES and is_over(self._task):
            self._count = 0
            work = run_or_log("folding into the sums", partial(fold, self._database))
            self._task = of_nobody(work)


async def recount(database: Database, *, repair: bool = False) -> Sequence[Row]:
    """Count all rows, and say where the sums are not what they add up to; empty if all is well.

    It takes a while, as it reads every row of every project. `repair` puts the sums right. Months
    without any row are left as they are: their rows left, and their sums were to stay.
    """
    async with database.transaction(is_long=True) as tx:
        if repair:
            await tx.execute(SQL["one_folds"])
        return await tx.fetch(SQL["recount"], repair)
