"""Who a registered API key belongs to: looked up in the database, remembered for seconds."""

import asyncio
import hashlib
import hmac
import logging
from datetime import datetime, timedelta
from uuid import UUID

from cachetools import TTLCache

from llmring_core import clock
from llmring_core.api_keys import hash_of, is_well_formed
from llmring_core.callers import Caller
from llmring_core.connection import Row
from llmring_core.database import Database
from llmring_core.errors import LLMRingError, UnknownKey
from llmring_core.pepper import pepper_of
from llmring_core.queries import load
from llmring_core.settings import Settings

SQL = load("llmring_core", "key_book.sql")
log = logging.getLogger("llmring.keys")

# A key that is revoked is refused after at most so many seconds, in every process.
REMEMBERED_SECONDS = 5.0
MAX_REMEMBERED = 10_000
# How exact "last used" is: a busy key must not write at each request.
USED_WITHIN = timedelta(minutes=1)
# How long a request waits for that to be noted.
NOTE_SECONDS = 1.0


class KeyBook:
    """The registered keys, for the requests of one process."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        # By the hash of a key, so that no memory dump has the keys of all who call.
        self._known: TTLCache[bytes, Caller] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)

    async def caller(self, key: str) -> Caller:
        """The project behind a key.

        Raises:
            UnknownKey: nobody made it, or it was revoked or is over.
            Unavailable: the database does not answer, so nobody can tell.
            StartRefused: there is no pepper to look keys up with.
        """
        if not is_well_formed(key):
            raise UnknownKey
        pepper = pepper_of(self._settings)
        hashed = hash_of(key, pepper)
        return self._known.get(hashed) or await self._looked_up(hashed, pepper)

    def remembered(self, key: str) -> Caller | None:
        """The same without asking the database; None if that is needed."""
        return self._known.get(hash_of(key, pepper_of(self._settings)))

    async def _looked_up(self, hashed: bytes, pepper: bytes) -> Caller:
        now = clock.now()
        row = await self._database.fetch_row(SQL["find"], hashed, now)
        if row is None or not hmac.compare_digest(row["key_hash"], hashed):
            raise UnknownKey
        found = self._known[hashed] = _caller(row, pepper)
        await self._note_use(row["key_id"], row["last_used_at"], now)
        return found

    async def _note_use(self, key_id: UUID, last: datetime | None, now: datetime) -> None:
        if last is not None and now - last < USED_WITHIN:
            return
        try:
            async with asyncio.timeout(NOTE_SECONDS):
                await self._database.execute(SQL["used"], key_id, now)
        except (LLMRingError, TimeoutError) as error:  # such as a database that can only be read
            log.warning("when a key was used could not be noted: %s", error)


def _caller(row: Row, pepper: bytes) -> Caller:
    # Of the project and not of the key: what was sealed for one of its keys, another must open.
    api_key_id = row["api_key_id"]
    secret = hmac.digest(pepper, b"project secret " + api_key_id.encode(), hashlib.sha256)
    scopes, key_id = frozenset(row["scopes"]), str(row["key_id"])
    return Caller(api_key_id, secret, scopes, logged_as=api_key_id, key_id=key_id)
