"""AWS Lambda entry point of the retention job, on a schedule."""

from functools import partial
from typing import Any

from llmring_core.lambda_adapter import run_job
from llmring_core.settings import Settings
from llmring_server.conversations.retention import forget_old_messages


def retention(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Delete the messages, of every project, that are older than the settings allow."""
    days = Settings.from_env().message_retention_days
    return {"deleted": run_job(partial(forget_old_messages, days=days))}
