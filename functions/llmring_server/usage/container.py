"""What an app with this group holds for as long as it lives."""

from fastapi import FastAPI

from llmring_server.usage.queueing import hold_queue
from llmring_server.usage.repricing import reprice_when_renewed


def prepare(app: FastAPI) -> None:
    """Have waiting rows priced when a registry comes, and hold the queue of calls."""
    reprice_when_renewed(app)
    hold_queue(app)
