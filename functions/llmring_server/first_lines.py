"""What a user wants to know when a server starts, and what to be warned of."""

import ipaddress
import socket
from collections.abc import Iterator
from typing import NamedTuple

from llmring_core import __version__
from llmring_core.key_count import Count
from llmring_core.settings import Settings
from llmring_core.unknown_settings import misspelt
from llmring_server.db_commands import shown_database

LOOPBACK_LINE = "MCP servers    on this machine may be called, as only this machine can ask for it"
QUEUE_LINE = "Logged calls   go to the queue; llmring-server ingest run stores them"
EXAMPLE = '{"provider":"openai","model":"gpt-4.1","input_tokens":1200,"output_tokens":350}'
ANY_KEY = "any: each is a project of its own (LLMRING_AUTH_MODE=open)"
NO_OTHER = "no other is let in (llmring-server keys create --project NAME)"


class Found(NamedTuple):
    """What was found in the database: who signs receipts, and how many keys are registered."""

    who_signs: str
    keys: Count


NOT_KNOWN = "not known yet"


def first_lines(
    settings: Settings, listener: socket.socket, found: Found | None, may_call_itself: bool
) -> list[str]:
    """What a user wants to know first: where it listens, on what, and how to try it.

    `found` is None if the database is away.
    """
    host, port = listener.getsockname()[:2]
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    address = f"http://{f'[{near}]' if ':' in near else near}:{port}"
    everywhere = ", and at every address of this machine" if near != host else ""
    docs = f"  (Swagger UI at {address}/docs)" if settings.docs else ""
    is_open = settings.auth_mode == "open"
    number = f"{found.keys.keys} registered" if found else NOT_KNOWN
    return [
        f"llmring-server {__version__}",
        f"Listening      {address}{everywhere}{docs}",
        f"Database       {shown_database(settings)}, schema {settings.database_schema}",
        f"API keys       {ANY_KEY if is_open else f'{number}, {NO_OTHER}'}",
        f"Registry       {settings.registry_base_url}",
        f"Sign receipts  {found.who_signs if found else NOT_KNOWN}",
        f"Conversations  {_kept(settings)}",
        f"Usage logs     kept {_for_days(settings.usage_retention_days)}",
        *([QUEUE_LINE] if settings.ingest_mode == "queue" else []),
        *([LOOPBACK_LINE] if may_call_itself else []),
        *(f"Warning        {each}" for each in _warnings(settings, host, found)),
        "Try it:",
        f"  curl {address}/api/v1/log -H 'X-API-Key: {'my-project' if is_open else 'YOUR-KEY'}' \\",
        "    -H 'Content-Type: application/json' \\",
        f"    -d '{EXAMPLE}'",
    ]


def _warnings(settings: Settings, host: str, found: Found | None) -> Iterator[str]:
    """What the operator may not have meant."""
    if "*" in settings.cors_origins:
        yield "LLMRING_CORS_ORIGINS=* lets every web page call this server"
    if settings.auth_mode == "open" and not ipaddress.ip_address(host).is_loopback:
        yield "LLMRING_AUTH_MODE=open lets everybody in who reaches this address"
    if found and found.keys.keys and settings.auth_mode == "open":
        yield f"{found.keys.said} made, but LLMRING_AUTH_MODE=open lets any other in too"
    if found and (told := found.keys.told_of_others):
        yield told
    yield from misspelt()


def _kept(settings: Settings) -> str:
    """What is kept of conversations, and how long."""
    if not settings.enable_conversation_tracking:
        return "not kept (LLMRING_ENABLE_CONVERSATION_TRACKING=false)"
    level, days = settings.message_logging_level, settings.message_retention_days
    if level == "none":
        return "kept without their messages (LLMRING_MESSAGE_LOGGING_LEVEL=none)"
    return f"kept at the level {level}, messages {_for_days(days)}"


def _for_days(days: int) -> str:
    return f"for {days} day{'s' * (days > 1)}" if days else "for ever"
