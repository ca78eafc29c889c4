"""What a batch of messages costs beside one row per statement: interleaved rounds in one run.

On an embedded PostgreSQL of its own that waits for its disk as in production. Run it with `make
bench`. Compare ratios within a run, not figures of two runs.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from llmring_core import clock
from llmring_core.callers import Caller
from llmring_core.database import Database
from llmring_core.local_postgres import LocalPostgres
from llmring_core.migrate import migrate
from llmring_core.settings import Settings
from llmring_server.conversations import messages, store
from llmring_server.conversations.models import ConversationChanges, NewMessage
from llmring_server.conversations.privacy import kept

ROUNDS = 9
SIZES = (20, 100, 1000)
CALLER = Caller("bench")
MESSAGE = NewMessage(role="user", content="What does a receipt certify? " * 10, input_tokens=60)


def main():
    with tempfile.TemporaryDirectory(prefix="llmring-bench-") as folder:
        Path(folder).chmod(0o755)
        with LocalPostgres.open(Path(folder) / "data") as local:
            asyncio.run(measure(local.url))


async def measure(url):
    settings = Settings(_env_file=None, database_url=url)
    database = Database(settings, before_first_use=migrate)
    conversation = await store.add(database, CALLER, ConversationChanges(), clock.now())
    for size in SIZES:
        took = await timed(database, conversation.id, settings, size)
        report(size, took)
    await database.close()


async def timed(database, conversation_id, settings, size):
    """The medians over interleaved rounds, in milliseconds."""
    batch = [MESSAGE] * size
    parts = [kept(each, "full", CALLER, settings) for each in batch]

    async def one_statement():
        await messages.add(database, CALLER, conversation_id, batch, parts, "full")

    async def row_by_row(runner=database):
        for each, part in zip(batch, parts, strict=True):
            await messages.add(runner, CALLER, conversation_id, [each], [part], "full")

    async def row_by_row_in_a_transaction():
        async with database.transaction() as tx:
            await row_by_row(tx)

    ways = (one_statement, row_by_row, row_by_row_in_a_transaction)
    rounds = {way.__name__: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            started = time.perf_counter()
            await way()
            rounds[way.__name__].append((time.perf_counter() - started) * 1000)
    return {name: median(each) for name, each in rounds.items()}


def report(size, took):
    sys.stdout.write(f"{size} messages of {len(MESSAGE.content)} characters\n")
    for name, milliseconds in took.items():
        ratio = milliseconds / took["one_statement"]
        sys.stdout.write(
            f"  {name.replace('_', ' '):28}{milliseconds:10.1f} ms"
            f"{size / milliseconds * 1000:12.0f} /s{ratio:8.1f} x\n"
        )


if __name__ == "__main__":
    main()
