"""AWS Lambda entry point of the rollup, on a schedule: what was logged becomes sums."""

from typing import Any

from llmring_core.lambda_adapter import run_job
from llmring_server.usage.summing import fold


def rollup(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Fold what was noted of new calls into the sums of hours and days."""
    return {"folded": run_job(fold)}
