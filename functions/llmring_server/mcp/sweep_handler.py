"""AWS Lambda entry point of the sweep of executions that were left running."""

from typing import Any

from llmring_core.lambda_adapter import run_job
from llmring_server.mcp import recording


def sweep(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Mark what a function that is gone left running."""
    run_job(recording.sweep)
    return {"done": True}
