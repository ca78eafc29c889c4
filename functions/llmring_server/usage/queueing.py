"""Calls are put on a queue where the settings say so, and written where it does not take them."""

import logging
from collections.abc import Sequence
from uuid import UUID

from fastapi import FastAPI

from llmring_core import usage_log
from llmring_core.callers import Caller
from llmring_core.calls import Logged
from llmring_core.connection import Runner
from llmring_core.database import Database
from llmring_core.errors import LLMRingError
from llmring_core.settings import Settings
from llmring_core.usage_log import Numbered, Priced
from llmring_core.usage_queue import UsageQueue, require_boto3, written

log = logging.getLogger("llmring.queue")


def hold_queue(app: FastAPI) -> None:
    """Give an app its queue, if it has one; nothing connects before the first call.

    Raises:
        StartRefused: boto3 is not installed.
    """
    settings: Settings = app.state.settings
    app.state.queue = None
    if settings.ingest_mode == "queue" and settings.ingest_queue_url is not None:
        require_boto3()
        app.state.queue = UsageQueue(settings.ingest_queue_url)


async def enqueue(
    queue: UsageQueue, database: Database, caller: Caller, entries: Sequence[Priced]
) -> list[Logged | None]:
    """Put calls on the queue, with their ids, costs and times; what it does not take is written.

    What no message can hold, and calls that complete the row of another report, are written first:
    if that fails nothing is on the queue yet, and the request can be sent again. Each call is
    stored once, even if the queue took one and could not say so.

    Returns:
        The answer to each call; None for one that neither the queue nor the database took.

    Raises:
        Unavailable: none was taken.
        Unprocessable: a value does not fit; none was taken.
    """
    calls = usage_log.numbered(entries)
    bodies = [_body(caller, call) for call in calls]
    answers: dict[UUID, Logged | None] = {logged.log_id: logged for *_, logged in calls}
    direct = [call for call, body in zip(calls, bodies, strict=True) if body is None]
    answers |= await _write(database, caller, direct)
    queued = [(call, body) for call, body in zip(calls, bodies, strict=True) if body is not None]
    taken = await queue.put([body for _, body in queued])
    left = [call for (call, _), is_taken in zip(queued, taken, strict=True) if not is_taken]
    try:
        await _write(database, caller, left)
    except LLMRingError as error:
        if len(left) == len(calls):
            raise
        log.warning("%d of %d calls of a batch were not taken: %s", len(left), len(calls), error)
        answers |= {logged.log_id: None for *_, logged in left}
    return [answers[logged.log_id] for *_, logged in calls]


def _body(caller: Caller, call: Numbered) -> str | None:
    return None if call[0].names_conversation_twice else written(caller.api_key_id, call)


async def _write(
    database: Database, caller: Caller, calls: Sequence[Numbered]
) -> dict[UUID, Logged]:
    """Write calls; says what became of those that completed another row."""
    if not calls:
        return {}
    second = [call for call in calls if call[0].names_conversation_twice]
    first = [call for call in calls if not call[0].names_conversation_twice]

    async def add(tx: Runner) -> list[Logged]:
        done = await usage_log.add(tx, caller, [(entry, cost) for entry, cost, _ in second])
        await usage_log.add_numbered(tx, caller.api_key_id, first)
        return done

    done = await database.transact(add)
    return {call[2].log_id: logged for call, logged in zip(second, done, strict=True)}
