"""Short paths of conversations: one with its latest messages, and a batch that is added to it."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import FastAPI
from pydantic import ValidationError

from llmring_core import strict_json
from llmring_core.database import Database
from llmring_core.settings import Settings
from llmring_core.short_path import PlainAnswer, PlainRequest
from llmring_server.conversations import adding, messages
from llmring_server.conversations.models import Batch


def add_short_paths(app: FastAPI) -> None:
    """Give an app the short paths; where no conversations are kept, the routes say so."""
    settings: Settings = app.state.settings
    if not settings.enable_conversation_tracking:
        return
    paths = _Paths(app.state.database, settings)
    for folder in ("/conversations", "/api/v1/conversations"):
        app.state.short_paths["GET", f"{folder}/*"] = paths.find
        app.state.short_paths["POST", f"{folder}/*/messages/batch"] = paths.add


@dataclass(frozen=True, slots=True)
class _Paths:
    database: Database
    settings: Settings

    async def find(self, request: PlainRequest) -> PlainAnswer | None:
        """`routes.find_conversation`, as it is without a query."""
        caller, which = request.caller, _id(request)
        if caller is None or which is None:
            return None
        limit = messages.MESSAGES_SHOWN
        return PlainAnswer(await messages.with_latest(self.database, caller, which, limit))

    async def add(self, request: PlainRequest) -> PlainAnswer | None:
        """`routes.add_messages`."""
        caller, which, batch = request.caller, _id(request), _batch(request)
        if caller is None or which is None or batch is None:
            return None
        stored = await adding.add_all(
            self.database, caller, which, batch.messages, batch.logging_level, self.settings
        )
        return PlainAnswer(stored.model_dump_json().encode())


def _id(request: PlainRequest) -> UUID | None:
    try:
        return UUID(request.name)
    except ValueError:
        return None


def _batch(request: PlainRequest) -> Batch | None:
    if not request.is_json or strict_json.is_suspicious(request.body):
        return None
    try:
        return Batch.model_validate_json(request.body)
    except ValidationError:
        return None
