"""AWS Lambda entry point of the renewal of the registry, on a schedule.

The functions that answer requests are in subnets without a way out: they read what this one stored.
"""

from typing import Any

from llmring_core.database import Database
from llmring_core.errors import Unavailable
from llmring_core.lambda_adapter import run_job
from llmring_core.registry import Registry
from llmring_core.settings import Settings


def renew(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Fetch the registry if the stored copy is older than `LLMRING_CACHE_TTL`.

    Raises:
        Unavailable: there is no registry to be had, and none stored.
    """
    run_job(_renew)
    return {"done": True}


async def _renew(database: Database) -> None:
    registry = Registry(Settings.from_env(), database)
    await registry.renew()
    if await registry.prices() is None:
        raise Unavailable("The registry could not be fetched.")
    await registry.close()
