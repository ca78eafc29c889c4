"""The public registry: kept in memory, renewed behind the scenes, never in the way of a request."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from llmring_core import clock, registry_copies, registry_upstream
from llmring_core.database import Database
from llmring_core.errors import LLMRingError, Unavailable
from llmring_core.loops import is_over
from llmring_core.prices import PriceList
from llmring_core.registry_copies import RedisCopy
from llmring_core.registry_snapshot import Snapshot
from llmring_core.settings import Settings

log = logging.getLogger("llmring.registry")

RETRY_AFTER = timedelta(seconds=30)
FIRST_FETCH_SECONDS = 12.0
_NEVER = datetime.min.replace(tzinfo=clock.now().tzinfo)

Listener = Callable[[PriceList], Coroutine[Any, Any, None]]


class Registry:
    """The registry of one app.

    A copy lives in memory. Once it is older than `cache_ttl` it goes on being served while one
    task renews it: from Redis or PostgreSQL if another process was faster, else from upstream.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._cache_ttl = timedelta(seconds=settings.cache_ttl)
        self._redis = RedisCopy(settings)
        self._snapshot: Snapshot | None = None
        self._load: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._not_before = _NEVER
        self._listeners: list[Listener] = []

    def when_renewed(self, listener: Listener) -> None:
        """Have `listener` called with the prices whenever a registry comes to hand."""
        self._listeners.append(listener)

    async def prices(self) -> PriceList | None:
        """The prices at hand; None if there are none yet.

        Asks at most our own database, once; never waits for upstream or Redis, as a usage log
        must not.
        """
        await self._look_at_stored()
        self.renew_soon()
        return self._snapshot.prices if self._snapshot else None

    async def snapshot(self) -> Snapshot:
        """The registry at hand, waiting for upstream only if there is none at all.

        Raises:
            Unavailable: there has never been a registry to serve.
        """
        await self._look_at_stored()
        self.renew_soon()
        if self._snapshot is None and self._renewal is not None:
            await asyncio.wait([self._renewal], timeout=FIRST_FETCH_SECONDS)
        if self._snapshot is None:
            raise Unavailable(
                "The model registry could not be fetched yet and no earlier copy is stored; "
                "see LLMRING_REGISTRY_BASE_URL.",
                retry_after=int(RETRY_AFTER.total_seconds()),
            )
        return self._snapshot

    async def close(self) -> None:
        """Stop what is under way."""
        tasks = [task for task in (self._load, self._renewal, *self._telling) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def renew(self) -> None:
        """Renew the copy if it is due; one renewal at a time, however many ask."""
        self.renew_soon()
        if self._renewal is not None:
            await asyncio.wait([self._renewal])

    def tell_if_late(self, prices: PriceList | None) -> None:
        """Tell the listeners again after a write that had no `prices` to go by.

        A registry that came between the look for prices and the commit was told about before
        anybody could see the new rows.
        """
        if prices is None:
            self.tell()

    async def told(self) -> None:
        """Return once every listener is done with the registry at hand."""
        if self._telling:
            await asyncio.wait(self._telling)

    async def _look_at_stored(self) -> None:
        if self._snapshot is not None:
            return
        if is_over(self._load) and clock.now() >= self._not_before:
            self._load = asyncio.create_task(self._adopt_stored())
        if self._load is not None and not is_over(self._load):
            await asyncio.wait([self._load])

    async def _adopt_stored(self) -> None:
        self._adopt(await registry_copies.stored(self._database, self._settings.registry_base_url))

    def renew_soon(self) -> None:
        """Start a renewal if one is due and none is under way."""
        if self._is_fresh() or clock.now() < self._not_before or not is_over(self._renewal):
            return
        self._not_before = clock.now() + RETRY_AFTER
        self._renewal = asyncio.create_task(self._renew())
        self._renewal.add_done_callback(_log_failure)

    def _is_fresh(self) -> bool:
        if self._snapshot is None or not self._snapshot.is_complete:
            return False
        return clock.now() - self._snapshot.checked_at < self._cache_ttl

    async def _renew(self) -> None:
        base_url = self._settings.registry_base_url
        self._adopt(await self._redis.read())
        self._adopt(await registry_copies.stored(self._database, base_url))
        if self._is_fresh() or not self._settings.registry_fetch:
            return
        known = self._snapshot.copies if self._snapshot else {}
        copies, is_complete = await registry_upstream.fetch_all(base_url, known)
        if len(copies) < 2:  # noqa: PLR2004 - nothing but a manifest, or not even that
            return
        renewed = Snapshot(copies)
        self._adopt(renewed)
        if is_complete:
            self._not_before = _NEVER
        await registry_copies.store(self._database, base_url, renewed)
        await self._redis.write(renewed)

    def _adopt(self, snapshot: Snapshot | None) -> None:
        """Take a snapshot into use, unless ours is as new."""
        if snapshot is None:
            return
        if self._snapshot is not None and snapshot.renewed_at <= self._snapshot.renewed_at:
            return
        self._snapshot = snapshot
        self.tell()

    def tell(self) -> None:
        """Tell the listeners the prices at hand, if there are any."""
        if self._snapshot is None:
            return
        for listener in self._listeners:
            task = asyncio.create_task(listener(self._snapshot.prices))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
            task.add_done_callback(_log_failure)


def _log_failure(task: asyncio.Task[None]) -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    has_a_name = isinstance(error, LLMRingError)
    log.error("renewing the registry failed: %s", error, exc_info=None if has_a_name else error)
