"""Where a definition is used: at its server, with that server's credentials."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.errors import AlreadyExists, NotFound
from llmring_core.settings import Settings
from llmring_server.mcp.credentials import headers_of
from llmring_server.mcp.definitions import Kind
from llmring_server.mcp.store import SQL
from llmring_server.mcp.transports import Target

DEFAULT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Offered:
    """A definition, and where its server is."""

    name: str
    kind: Kind
    definition: dict[str, Any]
    digest: str
    # Whether the server's policy wants every definition approved, and whether this one is.
    is_pinned: bool
    may_run: bool
    target: Target


async def offered(
    runner: Runner, caller: Caller, identifier: UUID, kinds: list[Kind], settings: Settings
) -> Offered:
    """A definition that can be used now.

    Raises:
        NotFound: the caller has none of this id.
        AlreadyExists: it, or its server, is not active.
    """
    row = await runner.fetch_row(SQL["target"], caller.api_key_id, identifier, kinds)
    if row is None:
        raise NotFound
    if not row["is_active"]:
        raise AlreadyExists("It is not active: its server does not offer it any more, or is not.")
    return Offered(
        name=row["name"],
        kind=row["kind"],
        definition=json.loads(row["definition"]),
        digest=row["digest"],
        is_pinned=row["policy"] == "block",
        may_run=row["policy"] == "warn" or row["digest"] == row["approved_digest"],
        target=target_of(row, caller, settings),
    )


def target_of(row: Row, caller: Caller, settings: Settings) -> Target:
    """Where a server is, and what it is sent; raises NotConfigured as `headers_of`."""
    headers = tuple(headers_of(row["auth_sealed"], settings).items())
    return Target(caller.api_key_id, row["url"], row["transport_type"], headers)
