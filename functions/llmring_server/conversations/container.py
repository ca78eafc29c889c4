"""What an app with this group holds for as long as it lives."""

from fastapi import FastAPI

from llmring_server.conversations.latest import Latest
from llmring_server.conversations.short_paths import add_short_paths


def prepare(app: FastAPI) -> None:
    """Keep conversations that were asked for at hand."""
    app.state.latest = Latest(app.state.database)
    add_short_paths(app)
