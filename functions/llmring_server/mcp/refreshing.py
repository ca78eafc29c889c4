"""What a server offers is brought up to date: found, compared, applied in one transaction."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from llmring_core.auth import Caller
from llmring_core.connection import Runner
from llmring_core.database import Database
from llmring_core.errors import LLMRingError, NotFound
from llmring_core.settings import Settings
from llmring_server.mcp import catalogue, remote
from llmring_server.mcp.connections import Connections
from llmring_server.mcp.definitions import KINDS, Found, Kind, Known, difference
from llmring_server.mcp.executing import target_of
from llmring_server.mcp.models import Counted, Refreshed
from llmring_server.mcp.store import SQL, to_json

DISCOVER_SECONDS = 30.0


async def discover_and_refresh(
    database: Database,
    connections: Connections,
    caller: Caller,
    server_id: UUID,
    settings: Settings,
) -> Refreshed:
    """Ask a server what it offers, and apply that; a failure changes nothing and is remembered.

    Raises:
        NotFound: the caller has no such server.
        BadGateway, GatewayTimeout, Forbidden: the server cannot be used.
    """
    row = await database.fetch_row(SQL["server_target"], caller.api_key_id, server_id)
    if row is None:
        raise NotFound
    which = (caller.api_key_id, server_id)
    try:
        async with connections.use(target_of(row, caller, settings), DISCOVER_SECONDS) as client:
            offer = await remote.discover(client)
    except LLMRingError as error:
        await database.execute(SQL["note_failure"], *which, error.message)
        raise
    async with database.transaction() as tx:
        refreshed = await refresh(tx, caller, server_id, offer.found, KINDS)
        info, capabilities = to_json(offer.server_info), to_json(offer.capabilities)
        await tx.execute(SQL["note_offer"], *which, offer.protocol_version, info, capabilities)
    return refreshed


async def refresh(
    tx: Runner, caller: Caller, server_id: UUID, found: Sequence[Found], kinds: Sequence[Kind]
) -> Refreshed:
    """Apply what was found, in a transaction; only definitions of `kinds` can have vanished.

    Raises:
        NotFound: the caller has no such server.
    """
    known = await catalogue.known(tx, caller, server_id)
    what = difference(known, found, kinds)
    await catalogue.apply(tx, caller, server_id, what)
    return Refreshed(
        server_id=server_id,
        added=_counted(what.added),
        changed=_counted(what.changed),
        removed=_counted(what.removed),
        unchanged=len(what.unchanged),
    )


def _counted(which: Iterable[Found | Known]) -> Counted:
    names: dict[str, list[str]] = {}
    for each in which:
        names.setdefault(f"{each.kind}s", []).append(each.name)
    return Counted.model_validate({kind: sorted(each) for kind, each in names.items()})
