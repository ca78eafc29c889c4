"""Calls off the queue are stored, each once, however often they are delivered."""

import logging
from collections.abc import Sequence

from llmring_core import usage_log
from llmring_core.connection import Runner
from llmring_core.database import Database
from llmring_core.errors import Unprocessable
from llmring_core.usage_queue import QueuedCall

log = logging.getLogger("llmring.ingest")


async def store(database: Database, calls: Sequence[QueuedCall]) -> set[int]:
    """Store calls in one transaction; says which cannot be stored, by their place.

    Raises:
        Unavailable: the database does not answer; nothing was stored.
    """
    try:
        await _store_all(database, calls)
    except Unprocessable:
        return await _store_each(database, calls)
    return set()


async def _store_all(database: Database, calls: Sequence[QueuedCall]) -> None:
    plain = [call for call in calls if call.entry.conversation_id is None]
    if len(plain) == len(calls):
        await usage_log.add_of_projects(database, _of_projects(plain))
        return

    async def store(tx: Runner) -> None:
        await usage_log.add_of_projects(tx, _of_projects(plain))
        await _store_in_conversations(tx, calls)

    await database.transact(store)


async def _store_in_conversations(tx: Runner, calls: Sequence[QueuedCall]) -> None:
    by_project: dict[str, list[usage_log.Numbered]] = {}
    for call in calls:
        if call.entry.conversation_id is not None:
            by_project.setdefault(call.api_key_id, []).append(call.numbered)
    # In one order, as others lock conversations too.
    for api_key_id, numbered in sorted(by_project.items()):
        await usage_log.add_numbered(tx, api_key_id, numbered)


async def _store_each(database: Database, calls: Sequence[QueuedCall]) -> set[int]:
    """One bad call must not keep the others out."""
    bad = set()
    for index, call in enumerate(calls):
        try:
            await _store_all(database, [call])
        except Unprocessable as error:
            log.error("the call %s cannot be stored: %s", call.logged.log_id, error)  # noqa: TRY400
            bad.add(index)
    return bad


def _of_projects(calls: Sequence[QueuedCall]) -> list[tuple[str, usage_log.Numbered]]:
    return [(call.api_key_id, call.numbered) for call in calls]
