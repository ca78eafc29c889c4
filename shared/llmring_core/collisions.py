"""What PostgreSQL ends because two transactions are in each other's way is done again.

That is safe for a whole transaction, and for a statement that is one: of what was ended so, nothing
is left. It is not when a connection is lost, as then nobody knows whether the commit took place;
that is never done again here, but by a client with an Idempotency-Key.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from llmring_core.errors import Collided

T = TypeVar("T")

# PostgreSQL takes a second to see a deadlock; after so many seconds it is not begun again.
TRY_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.5


async def until_undisturbed(do: Callable[[], Awaitable[T]]) -> T:
    """Do a whole transaction, and again while others are in its way.

    Raises:
        Collided: they are for longer than anybody should wait.
    """
    ends_at = time.monotonic() + TRY_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await do()
        except Collided:
            if time.monotonic() > ends_at:
                raise
        # At random, or two that collided would meet again.
        await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - no secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
