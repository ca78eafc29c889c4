"""What an app with this group holds for as long as it lives."""

from fastapi import FastAPI

from llmring_server.usage.queueing import hold_queue
from llmring_server.usage.repricing import reprice_when_renewed
from llmring_server.usage.short_paths import add_short_paths
from llmring_server.usage.summing import Notes
from llmring_server.usage.writing import GroupWriter


def prepare(app: FastAPI) -> None:
    """Have waiting rows priced when a registry comes; hold what takes calls."""
    reprice_when_renewed(app)
    hold_queue(app)
    app.state.usage_noted = Notes(app.state.database).came
    app.state.usage_writer = GroupWriter(app.state.database, app.state.usage_noted)
    add_short_paths(app)
