"""How often each key may be used: counted by a sliding window, in Redis or in this process."""

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, Any

from llmring_core.callers import Caller
from llmring_core.errors import StartRefused, TooManyRequests
from llmring_core.settings import Settings

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import SlidingWindowCounterRateLimiter
    from redis.asyncio import ConnectionPool

log = logging.getLogger("llmring.limits")

# Counting must not take longer than answering; a Redis that is slower counts as away, and is left
# alone for a while: then one request asks it again, and the others do not wait for that.
REDIS_SECONDS = 0.2
AWAY_SECONDS = 5.0
MAX_CONNECTIONS = 20
# The only policy there is, as the headers name it.
POLICY = "requests"


class RateLimits:
    """Counts the requests of each key, where `LLMRING_RATE_LIMIT` sets a limit.

    In Redis, where there is one, all processes count together. While it is away, and without it,
    each process counts by itself.

    Raises:
        StartRefused: the package that counts is not there.
    """

    def __init__(self, settings: Settings) -> None:
        self._limit: RateLimitItem | None = None
        self._connections: ConnectionPool | None = None
        self._not_before = 0.0  # when Redis may be asked again, by the monotonic clock
        if settings.rate_limit is None:
            return
        try:
            from limits import parse
        except ImportError:  # as in the layer of AWS, where the gateway is what limits
            raise StartRefused("LLMRING_RATE_LIMIT needs the package limits.") from None
        self._limit = parse(settings.rate_limit)
        self._here = self._together = _counter()
        if settings.redis_url:
            url = settings.redis_url.get_secret_value()
            self._connections = _connections(url)
            self._together = _counter(f"async+{url}", self._connections)

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._connections is not None:
            await self._connections.aclose()

    async def count(self, caller: Caller) -> dict[str, str]:
        """Count a request, and say in headers what is left (draft-ietf-httpapi-ratelimit-headers).

        Raises:
            TooManyRequests: nothing is left until later.
        """
        if self._limit is None:
            return {}
        if self._may_ask_redis():
            try:
                async with asyncio.timeout(2 * REDIS_SECONDS):
                    headers = await self._counted(self._together, self._limit, caller)
            except TooManyRequests:
                self._not_before = 0.0
                raise
            except Exception as error:  # noqa: BLE001 - whatever a Redis that is not well comes up with
                if not self._not_before:  # once, and not for each of those who asked at once
                    name = type(error).__name__
                    log.warning("requests are counted by this process alone: %s", name)
                self._not_before = time.monotonic() + AWAY_SECONDS
            else:
                self._not_before = 0.0
                return headers
        return await self._counted(self._here, self._limit, caller)

    def _may_ask_redis(self) -> bool:
        """Whether there is a Redis that is well, or has been left alone for long enough."""
        if self._connections is None or time.monotonic() < self._not_before:
            return False
        if self._not_before:
            self._not_before = time.monotonic() + AWAY_SECONDS
        return True

    async def _counted(
        self, counter: "SlidingWindowCounterRateLimiter", limit: "RateLimitItem", caller: Caller
    ) -> dict[str, str]:
        # Of a project's keys each by itself: one that is used too often stops no other.
        key = caller.key_id or caller.api_key_id
        is_allowed = await counter.hit(limit, key)
        window = await counter.get_window_stats(limit, key)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        headers = {
            "RateLimit-Policy": f'"{POLICY}";q={limit.amount};w={limit.get_expiry()}',
            "RateLimit": f'"{POLICY}";r={window.remaining};t={seconds}',
        }
        if not is_allowed:
            raise TooManyRequests(seconds, headers)
        return headers


def _connections(url: str) -> "ConnectionPool":
    from redis.asyncio import BlockingConnectionPool

    # Who finds all of them in use waits for one; an error would count as a Redis that is away.
    return BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=REDIS_SECONDS,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
    )


def _counter(
    url: str | None = None, connections: "ConnectionPool | None" = None
) -> "SlidingWindowCounterRateLimiter":
    """What counts in the Redis at a URL, or in this process."""
    from limits.aio.strategies import SlidingWindowCounterRateLimiter
    from limits.storage import storage_from_string

    from llmring_core.counted_here import BoundedMemory

    if url is None:
        return SlidingWindowCounterRateLimiter(BoundedMemory())
    options: Any = {"connection_pool": connections, "implementation": "redispy"}
    return SlidingWindowCounterRateLimiter(storage_from_string(url, **options))
