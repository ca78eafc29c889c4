"""AWS Lambda entry points of the jobs: `migrate` in each deployment, `upkeep` on a schedule."""

import asyncio
import time
from functools import partial
from typing import Any

from llmring_core.database import Database
from llmring_core.errors import Unavailable
from llmring_core.lambda_adapter import run_job
from llmring_core.migrate import migrate as apply_migrations
from llmring_core.settings import Settings
from llmring_server.jobs import custom_resource
from llmring_server.jobs.custom_resource import is_request
from llmring_server.jobs.upkeep import upkeep as do_upkeep

# A new proxy may need minutes until it lets anybody through.
PATIENCE_SECONDS = 600.0
RETRY_SECONDS = 5.0


def migrate(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Bring the schema up to date, by hand or as the custom resource of a deployment."""
    return custom_resource.answer(event, _migrate) if is_request(event) else _migrate()


def _migrate() -> dict[str, Any]:
    return {"applied": run_job(_migrated)}


async def _migrated(database: Database) -> list[str]:
    """Migrate; a database that was made a minute ago may not answer yet."""
    gives_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await apply_migrations(database)
        except Unavailable:
            if time.monotonic() > gives_up_at:
                raise
            await asyncio.sleep(RETRY_SECONDS)


def upkeep(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Make partitions ahead, drop old ones, forget idempotency keys and logs that did not come."""
    run_job(partial(do_upkeep, usage_days=Settings.from_env().usage_retention_days))
    return {"done": True}
