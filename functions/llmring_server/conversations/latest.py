"""Conversations with their latest messages: JSON that is made once and kept while it is true."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, cast
from uuid import UUID

from cachetools import TTLCache
from fastapi import Depends, Request

from llmring_core.callers import Caller
from llmring_core.database import Database
from llmring_core.errors import NotFound
from llmring_core.pages import PAGE_BYTES
from llmring_server.conversations.store import SQL

# Of all that are kept, in bytes of JSON; one that is larger than a part of them is not.
KEPT_BYTES = 8 * 1024 * 1024
LARGEST = KEPT_BYTES // 8
# Whatever this server does to a message changes its conversation's row, too. What somebody does to
# messages by hand, past it, shows after so many seconds.
KEPT_SECONDS = 10.0

# The project, the conversation, and how many messages of it.
_Place = tuple[str, UUID, int | None]


@dataclass(frozen=True, slots=True)
class _Kept:
    version: str
    json: bytes


class Latest:
    """Answers `GET /conversations/{id}`, in one round trip to the database.

    The database is always asked, also for what is kept here: it says which version of the
    conversation's row is the caller's to see, and sends the JSON unless we have it.
    """

    def __init__(self, database: Database, timer: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._kept: TTLCache[_Place, _Kept] = TTLCache(
            KEPT_BYTES, KEPT_SECONDS, timer=timer, getsizeof=lambda kept: len(kept.json)
        )

    async def find(self, caller: Caller, conversation_id: UUID, limit: int | None) -> bytes:
        """A conversation with its latest messages as JSON, as the database writes it.

        There are fewer than `limit` messages where they are large, and none at all if it is None.

        Raises:
            NotFound: the caller has no such conversation.
        """
        place = (caller.api_key_id, conversation_id, limit)
        kept = self._kept.get(place)
        version = kept.version if kept else None
        row = await self._database.fetch_row(SQL["latest"], *place, PAGE_BYTES, version)
        if row is None:
            self._kept.pop(place, None)
            raise NotFound
        if kept is not None and row["json"] is None:
            return kept.json
        answer: bytes = row["json"].encode()
        if len(answer) <= LARGEST:
            self._kept[place] = _Kept(row["version"], answer)
        return answer


async def _of(request: Request) -> Latest:
    return cast("Latest", request.app.state.latest)


LatestDep = Annotated[Latest, Depends(_of)]
