"""What an app with this group holds for as long as it lives."""

from fastapi import FastAPI

from llmring_server.usage.queueing import hold_queue
from llmring_server.usage.repricing import reprice_when_renewed
from llmring_server.usage.short_paths import add_short_paths
from llmring_server.usage.writing import GroupWriter


def prepare(app: FastAPI) -> None:
    """Have waiting rows priced when a registry comes; hold the queue and the writer of calls."""
    reprice_when_renewed(app)
    hold_queue(app)
    app.state.usage_writer = GroupWriter(app.state.database)
    add_short_paths(app)
