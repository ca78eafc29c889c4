"""The short path of a conversation with its latest messages."""

from uuid import UUID

from fastapi import FastAPI

from llmring_core.database import Database
from llmring_core.settings import Settings
from llmring_core.short_path import PlainAnswer, PlainRequest
from llmring_server.conversations import messages


def add_short_paths(app: FastAPI) -> None:
    """Give an app the short paths; where no conversations are kept, the routes say so."""
    settings: Settings = app.state.settings
    if not settings.enable_conversation_tracking:
        return
    database: Database = app.state.database

    async def find(request: PlainRequest) -> PlainAnswer | None:
        """`routes.find_conversation`, as it is without a query."""
        caller = request.caller
        try:
            which = UUID(request.name)
        except ValueError:
            return None
        if caller is None:
            return None
        found = await messages.with_latest(database, caller, which, messages.MESSAGES_SHOWN)
        return PlainAnswer(found)

    for folder in ("/conversations", "/api/v1/conversations"):
        app.state.short_paths["GET", f"{folder}/*"] = find
