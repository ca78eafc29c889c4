"""Where the last good registry is kept: PostgreSQL, and Redis when there is one."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from llmring_core.database import Database
from llmring_core.errors import LLMRingError
from llmring_core.queries import load
from llmring_core.registry_snapshot import BadCopy, Copy, Snapshot
from llmring_core.settings import Settings

SQL = load("llmring_core", "registry_copies.sql")
log = logging.getLogger("llmring.registry")

REDIS_SECONDS = 0.25
REDIS_KEPT_SECONDS = 7 * 24 * 3600
_MOMENTS = ("fetched_at", "checked_at")


async def stored(database: Database, base_url: str) -> Snapshot | None:
    """The copy in PostgreSQL; None if there is none, or nobody to ask."""
    try:
        rows = await database.fetch(SQL["copies"], base_url)
        return _snapshot({row["provider"]: Copy(**dict(row)) for row in rows})
    except LLMRingError as error:
        log.warning("the stored registry could not be read: %s", error)
        return None


async def store(database: Database, base_url: str, snapshot: Snapshot) -> None:
    """Keep a copy in PostgreSQL; a newer one that is there already stays."""
    copies = list(snapshot.copies.values())
    columns = [[getattr(copy, field.name) for copy in copies] for field in fields(Copy)]
    try:
        await database.execute(SQL["keep_copies"], base_url, *columns)
    except LLMRingError as error:
        log.warning("the registry could not be stored: %s", error)


class RedisCopy:
    """The copy in Redis. Redis being down, slow or wrong never shows."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.redis_url
        self._key = f"llmring:registry:{settings.registry_base_url}"

    async def read(self) -> Snapshot | None:
        """The copy; None if there is none, or nobody to ask."""
        text = await self._ask("get", self._key)
        if text is None:
            return None
        try:
            return _snapshot({raw["provider"]: _revive(raw) for raw in json.loads(text)})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("the registry in Redis is not readable: %r", error)
            return None

    async def write(self, snapshot: Snapshot) -> None:
        """Keep a copy for a week."""
        raw = [asdict(copy) for copy in snapshot.copies.values()]
        await self._ask("set", self._key, json.dumps(raw, default=str), ex=REDIS_KEPT_SECONDS)

    async def _ask(self, command: str, *arguments: object, **options: object) -> Any:
        if self._url is None:
            return None
        from redis.asyncio import Redis
        from redis.exceptions import RedisError

        client = Redis.from_url(
            self._url.get_secret_value(),
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
        )
        try:
            async with asyncio.timeout(4 * REDIS_SECONDS), client:
                return await getattr(client, command)(*arguments, **options)
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            log.warning("Redis is of no use right now: %s", type(error).__name__)
            return None


def _revive(raw: Mapping[str, Any]) -> Copy:
    return Copy(**{**raw, **{name: datetime.fromisoformat(raw[name]) for name in _MOMENTS}})


def _snapshot(copies: Mapping[str, Copy]) -> Snapshot | None:
    if len(copies) < 2:  # noqa: PLR2004 - a manifest and a provider at least
        return None
    try:
        return Snapshot(copies)
    except BadCopy as error:
        log.warning("the kept registry is not readable: %s", error)
        return None
