"""Messages are forgotten when they are old enough, few at a time."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from llmring_core import clock
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.database import Database
from llmring_core.errors import InProgress
from llmring_server.conversations.store import SQL

log = logging.getLogger("llmring.conversations")

AT_ONCE = 1000


async def forget_old_messages(
    database: Database, *, days: int, caller: Caller | None = None
) -> int:
    """Delete the messages of a project, or of all, whose time is over; returns how many.

    What counts is the `timestamp` of a message. Each step is a short transaction of its own. One
    process at a time looks after all projects; another one that comes meanwhile leaves it to that.
    Zero days keep everything.

    Raises:
        InProgress: messages of this project are being deleted right now.
        Unavailable: the database does not answer; what was deleted until then is deleted.
    """
    if days == 0:
        return 0
    before = clock.now() - timedelta(days=days)
    deleted = 0
    while True:
        async with database.transaction() as tx:
            old = await _old(tx, before, caller)
            deleted += await _forget(tx, old)
        if len(old) < AT_ONCE:
            if deleted:
                log.info("deleted %d messages from before %s", deleted, clock.rfc3339(before))
            return deleted
        await asyncio.sleep(0)


async def _old(tx: Runner, before: datetime, caller: Caller | None) -> Sequence[Row]:
    """The messages of the next step; none, if another process looks after them."""
    is_alone = await tx.fetch_value(SQL["one_at_a_time"], caller and caller.api_key_id)
    if caller is not None:
        if not is_alone:
            raise InProgress
        return await tx.fetch(SQL["old_of_project"], caller.api_key_id, before, AT_ONCE)
    return await tx.fetch(SQL["old_of_all"], before, AT_ONCE) if is_alone else []


async def _forget(tx: Runner, old: Sequence[Row]) -> int:
    if not old:
        return 0
    columns = zip(*(tuple(row.values()) for row in old), strict=True)
    return int(await tx.fetch_value(SQL["forget"], *map(list, columns)))
