"""AWS Lambda entry points of the jobs: `migrate` in each deployment, `upkeep` on a schedule."""

from typing import Any

from llmring_core.lambda_adapter import run_job
from llmring_core.migrate import migrate as apply_migrations
from llmring_server.jobs import custom_resource
from llmring_server.jobs.custom_resource import is_request
from llmring_server.jobs.upkeep import upkeep as do_upkeep


def migrate(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Bring the schema up to date, by hand or as the custom resource of a deployment."""
    return custom_resource.answer(event, _migrate) if is_request(event) else _migrate()


def _migrate() -> dict[str, Any]:
    return {"applied": run_job(apply_migrations)}


def upkeep(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Make partitions ahead, and forget old idempotency keys and logs that did not come."""
    run_job(do_upkeep)
    return {"done": True}
