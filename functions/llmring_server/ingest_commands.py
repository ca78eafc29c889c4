"""`llmring-server ingest`: calls off the queue by hand, and those that were buried back on it."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from llmring_core.database import Database
from llmring_core.errors import StartRefused, Unavailable
from llmring_core.settings import Settings
from llmring_core.usage_queue import MESSAGES_AT_ONCE, QueuedCall, UsageQueue
from llmring_server.db_commands import database_url
from llmring_server.ingest.storing import store

# How long SQS waits for a message before it says that there is none; seconds, 20 at most. Without
# waiting at all it asks only some of its servers.
WAIT_SECONDS = 20
SHORT_WAIT_SECONDS = 1
RETRY_SECONDS = 5.0
ANSWER_SECONDS = 5.0


def drain(*, until_empty: bool) -> int:
    """Store what is on the queue, for ever or until it is empty."""
    settings = Settings.from_env()
    queue = _queue(settings.ingest_queue_url)
    with database_url(settings) as url:
        return asyncio.run(_drain(settings, url, queue, until_empty))


def replay() -> int:
    """Put what was buried, because it could not be stored, back on the queue."""
    settings = Settings.from_env()
    buried, queue = _queue(settings.ingest_dead_letter_url), _queue(settings.ingest_queue_url)
    try:
        count = _replayed(buried, queue)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"The queue does not answer: {error}") from error
    sys.stdout.write(f"{count} calls were put back on the queue.\n")
    return 0


def _replayed(buried: UsageQueue, queue: UsageQueue) -> int:
    count = 0
    while messages := _received(buried, SHORT_WAIT_SECONDS):
        taken = asyncio.run(queue.put([each["Body"] for each in messages]))
        done = [each for each, is_taken in zip(messages, taken, strict=True) if is_taken]
        _delete(buried, done)
        count += len(done)
        if len(done) < len(messages):
            raise StartRefused(f"{count} calls were put back; the queue does not take the others.")
    return count


async def _drain(settings: Settings, url: str | None, queue: UsageQueue, until_empty: bool) -> int:
    database, count = Database(settings), 0
    if url is not None:
        database.go_to(url)
    try:
        while True:
            try:
                done = await _step(database, queue, until_empty)
            except (Unavailable, BotoCoreError, ClientError) as error:
                if until_empty:
                    raise Unavailable(f"{count} calls were stored, then: {error}") from error
                # What was not deleted comes again, and is stored once.
                sys.stderr.write(f"the queue or the database does not answer: {error}\n")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if done is None and until_empty:
                sys.stdout.write(f"{count} calls were stored.\n")
                return 0
            count += done or 0
    finally:
        await database.close()


async def _step(database: Database, queue: UsageQueue, until_empty: bool) -> int | None:
    """Store what comes next; says how many calls, None if nothing came.

    The database is asked first: what is received and not stored comes nearer to being buried.
    """
    if not await database.answers(ANSWER_SECONDS):
        raise Unavailable
    wait = SHORT_WAIT_SECONDS if until_empty else WAIT_SECONDS
    messages = await asyncio.to_thread(_received, queue, wait)
    if not messages:
        return None
    stored = await _stored(database, messages)
    await asyncio.to_thread(_delete, queue, stored)
    return len(stored)


async def _stored(database: Database, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages whose calls are stored now; the others come again, and are buried at last."""
    good = []
    for message in messages:
        try:
            good.append((message, QueuedCall.model_validate_json(message["Body"])))
        except ValidationError:
            sys.stderr.write(f"not a call: message {message['MessageId']}\n")
    bad = await store(database, [call for _, call in good])
    return [message for index, (message, _) in enumerate(good) if index not in bad]


def _queue(url: str | None) -> UsageQueue:
    if url is None:
        raise StartRefused(
            "Give the queues as LLMRING_INGEST_QUEUE_URL and LLMRING_INGEST_DEAD_LETTER_URL."
        )
    return UsageQueue(url, read_seconds=WAIT_SECONDS + 5)


def _received(queue: UsageQueue, wait: int) -> list[dict[str, Any]]:
    answer = queue.client().receive_message(
        QueueUrl=queue.url, MaxNumberOfMessages=MESSAGES_AT_ONCE, WaitTimeSeconds=wait
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def _delete(queue: UsageQueue, messages: Sequence[dict[str, Any]]) -> None:
    if messages:
        entries = [
            {"Id": str(index), "ReceiptHandle": each["ReceiptHandle"]}
            for index, each in enumerate(messages)
        ]
        queue.client().delete_message_batch(QueueUrl=queue.url, Entries=entries)
