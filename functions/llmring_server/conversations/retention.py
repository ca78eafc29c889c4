"""Messages are forgotten when they are old enough, few at a time."""

import asyncio
from datetime import timedelta

from llmring_core import clock
from llmring_core.auth import Caller
from llmring_core.database import Database
from llmring_server.conversations.store import SQL

AT_ONCE = 1000


async def forget_old_messages(
    database: Database, *, days: int, caller: Caller | None = None
) -> int:
    """Delete the messages of a project, or of all, whose time is over; returns how many.

    Each step is a short transaction of its own; steps of several processes take turns, so that
    they never wait for each other crosswise. Zero days keep everything.

    Raises:
        Unavailable: the database does not answer; what was deleted until then is deleted.
    """
    if days == 0:
        return 0
    before = clock.now() - timedelta(days=days)
    whose = caller.api_key_id if caller else None
    deleted = 0
    while True:
        async with database.transaction() as tx:
            await tx.execute(SQL["one_at_a_time"])
            count = int(await tx.fetch_value(SQL["forget"], whose, before, AT_ONCE))
        deleted += count
        if count < AT_ONCE:
            return deleted
        await asyncio.sleep(0)
