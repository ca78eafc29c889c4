"""Short paths of conversations: one with its latest messages, and a batch that is added to it."""

import re
from dataclasses import dataclass
from uuid import UUID

from fastapi import FastAPI
from pydantic import ValidationError

from llmring_core import strict_json
from llmring_core.database import Database
from llmring_core.settings import Settings
from llmring_core.short_path import PlainAnswer, PlainRequest
from llmring_server.conversations import adding, messages
from llmring_server.conversations.latest import Latest
from llmring_server.conversations.models import Batch

# The published client asks so; what is no number from 1 to 9999 is the route's to refuse.
_LIMIT = re.compile(rb"message_limit=([1-9][0-9]{0,3})")


def add_short_paths(app: FastAPI) -> None:
    """Give an app the short paths; where no conversations are kept, the routes say so."""
    settings: Settings = app.state.settings
    if not settings.enable_conversation_tracking:
        return
    paths = _Paths(app.state.database, app.state.latest, settings)
    for folder in ("/conversations", "/api/v1/conversations"):
        app.state.short_paths["GET", f"{folder}/*"] = paths.find
        app.state.short_paths["GET", f"{folder}/*?"] = paths.find
        app.state.short_paths["POST", f"{folder}/*/messages/batch"] = paths.add


@dataclass(frozen=True, slots=True)
class _Paths:
    database: Database
    latest: Latest
    settings: Settings

    async def find(self, request: PlainRequest) -> PlainAnswer | None:
        """`routes.find_conversation`, with no query or only the number of messages."""
        caller = request.caller_who_may("conversations:read")
        which, limit = UUID(request.name), _limit(request)
        if caller is None or limit is None:
            return None
        return PlainAnswer(await self.latest.find(caller, which, limit))

    async def add(self, request: PlainRequest) -> PlainAnswer | None:
        """`routes.add_messages`."""
        caller = request.caller_who_may("conversations:write")
        which, batch = UUID(request.name), _batch(request)
        if caller is None or batch is None:
            return None
        stored = await adding.add_all(
            self.database, caller, which, batch.messages, batch.logging_level, self.settings
        )
        return PlainAnswer(stored.model_dump_json().encode())


def _limit(request: PlainRequest) -> int | None:
    if not request.query:
        return messages.MESSAGES_SHOWN
    wanted = _LIMIT.fullmatch(request.query)
    return int(wanted[1]) if wanted else None


def _batch(request: PlainRequest) -> Batch | None:
    if not request.is_json or strict_json.is_suspicious(request.body):
        return None
    try:
        return Batch.model_validate_json(request.body)
    except ValidationError:
        return None
