"""What a server offers is brought up to date: found, compared, applied in one transaction."""

import json
from collections.abc import Iterable, Sequence
from uuid import UUID

from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.database import Database
from llmring_core.errors import AlreadyExists, BadGateway, LLMRingError, NotFound, Unprocessable
from llmring_server.mcp import catalogue, remote
from llmring_server.mcp.connections import Connections
from llmring_server.mcp.definitions import KINDS, Found, Kind, Known, difference
from llmring_server.mcp.refreshes import Counted, Refreshed
from llmring_server.mcp.remote import Offer
from llmring_server.mcp.reports import Discovery, completed
from llmring_server.mcp.store import SQL, to_json
from llmring_server.mcp.targets import target_of

DISCOVER_SECONDS = 30.0


async def discover_and_refresh(
    database: Database,
    connections: Connections,
    caller: Caller,
    server_id: UUID,
) -> Refreshed:
    """Ask a server what it offers, and apply that; a failure changes nothing and is remembered.

    Raises:
        NotFound: the caller has no such server.
        AlreadyExists: the server is not active.
        BadGateway, GatewayTimeout, Forbidden: the server cannot be used.
    """
    row = await database.fetch_row(SQL["server_target"], caller.api_key_id, server_id)
    if row is None:
        raise NotFound
    if not row["is_active"]:
        raise AlreadyExists("The server is not active.")
    which = (caller.api_key_id, server_id)
    try:
        target = target_of(row, caller, connections.settings)
        async with connections.use(target, DISCOVER_SECONDS) as client:
            offer = await remote.discover(client)
        return await _keep(database, caller, server_id, offer, row)
    except LLMRingError as error:
        await database.execute(SQL["note_failure"], *which, error.message)
        raise


async def _keep(
    database: Database, caller: Caller, server_id: UUID, offer: Offer, asked: Row
) -> Refreshed:
    info, capabilities = to_json(offer.server_info), to_json(offer.capabilities)

    async def keep(tx: Runner) -> Refreshed:
        row = await tx.fetch_row(SQL["hold_target"], caller.api_key_id, server_id)
        if row is None or dict(row) != dict(asked):
            raise AlreadyExists("The server was changed meanwhile: refresh it again.")
        refreshed = await refresh(tx, caller, server_id, offer.found, KINDS)
        said = (offer.protocol_version, info, capabilities)
        await tx.execute(SQL["note_offer"], caller.api_key_id, server_id, *said)
        return refreshed

    try:
        return await database.transact(keep)
    except Unprocessable as error:
        # It was the server that sent it, not the caller.
        raise BadGateway("The server offers something that cannot be kept.") from error


async def keep_report(tx: Runner, caller: Caller, server_id: UUID, report: Discovery) -> Refreshed:
    """Apply what a client found, in a transaction; raises NotFound as `refresh`.

    A client tells less than the server itself: members that it never tells stay as they are, and
    what is known as a template is no resource.
    """
    found = report.found()
    await tx.execute(SQL["hold_server"], caller.api_key_id, server_id)
    names = [each.name for each in found]
    rows = await tx.fetch(SQL["kept_definitions"], caller.api_key_id, server_id, KINDS, names)
    kept = {(row["kind"], row["name"]): json.loads(row["definition"]) for row in rows}
    told = [
        completed(each, kept.get((each.kind, each.name)))
        for each in found
        if each.kind != "resource" or ("resource_template", each.name) not in kept
    ]
    return await refresh(tx, caller, server_id, told, report.kinds())


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
