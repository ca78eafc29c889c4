"""The way of a request's calls: through the queue, with those of others, or by themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request, Response

from llmring_core import usage_log
from llmring_core.auth import LogWriterDep
from llmring_core.calls import Logged
from llmring_core.connection import Runner
from llmring_core.database import Database
from llmring_core.dependencies import Db
from llmring_core.idempotency import Once, OnceDep
from llmring_core.usage_log import Priced
from llmring_core.usage_queue import UsageQueue
from llmring_server.usage.queueing import enqueue
from llmring_server.usage.writing import GroupWriter, WriterDep

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Intake:
    """What takes the calls of one request."""

    queue: UsageQueue | None
    writer: GroupWriter
    database: Database
    once: Once
    size: int  # of the request, in bytes

    async def take(
        self,
        entries: Sequence[Priced],
        answered: Callable[[Sequence[Logged | None]], bytes],
        *,
        atomic: bool = False,
    ) -> Response:
        """Take calls, all or none unless a queue takes them; `answered` writes the answer to them.

        Raises:
            Unavailable: none was taken; raises as `Once.write`, too.
        """
        caller, has_key = self.once.caller, self.once.key is not None
        if self.queue is not None and not has_key and not atomic:
            queued = await enqueue(self.queue, self.database, caller, entries)
            return Response(answered(queued), 202, media_type=JSON)
        in_transaction = usage_log.needs_transaction([entry for entry, _ in entries])
        if not has_key and not in_transaction:
            calls = usage_log.numbered(entries)
            await self.writer.add(caller.api_key_id, calls, self.size)
            return Response(answered([logged for *_, logged in calls]), media_type=JSON)

        async def add(runner: Runner) -> Response:
            logged = await usage_log.add(runner, caller, entries)
            return Response(answered(logged), media_type=JSON)

        return await self.once.write(self.database, add, in_transaction=in_transaction)


async def _intake(
    request: Request, db: Db, _: LogWriterDep, once: OnceDep, writer: WriterDep
) -> Intake:
    queue = cast("UsageQueue | None", request.app.state.queue)
    return Intake(queue, writer, db, once, len(await request.body()))


IntakeDep = Annotated[Intake, Depends(_intake)]
