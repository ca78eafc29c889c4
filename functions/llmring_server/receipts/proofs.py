"""What a receipt over usage logs covers, and whether that is still what was certified."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from llmring_core import canonical
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.errors import NotFound
from llmring_core.key_ring import KeyRing
from llmring_core.pages import Page, Place
from llmring_server.receipts import merkle, store
from llmring_server.receipts.certificates import (
    CertifiedLog,
    Reverification,
    RowStatus,
)
from llmring_server.receipts.leaves import leaf, leaf_hash
from llmring_server.receipts.store import SQL
from llmring_server.receipts.verifying import verdict

READ_AT_ONCE = 500


async def covered(
    runner: Runner, caller: Caller, receipt_id: str, page: Page
) -> list[tuple[Place, CertifiedLog]]:
    """One page of the logs that a receipt covers, in their order, and one more if there is a next.

    Raises:
        NotFound: the caller has no such receipt.
    """
    receipt = canonical.loads(await store.find(runner, caller, receipt_id))
    is_proven = _is_root(receipt, await _hashes(runner, caller, receipt_id))
    after = page.after.id if page.after else None
    rows = await _leaves(runner, caller, receipt_id, after, page.limit + 1, page.offset)
    return [(Place(row["logged_at"], row["log_id"]), _shown(row, is_proven)) for row in rows]


async def proof(runner: Runner, caller: Caller, receipt_id: str, log_id: UUID) -> dict[str, Any]:
    """The proof that a receipt covers a log.

    Raises:
        NotFound: the caller has no such receipt, or it does not cover the log.
    """
    receipt = canonical.loads(await store.find(runner, caller, receipt_id))
    row = await runner.fetch_row(SQL["find_leaf"], caller.api_key_id, receipt_id, log_id)
    if row is None:
        raise NotFound("The receipt does not cover this log.")
    hashes = await _hashes(runner, caller, receipt_id)
    status, now = _compared(row, _is_root(receipt, hashes))
    return {
        "receipt": receipt,
        "log_id": str(log_id),
        "leaf": now,
        "status": status,
        "leaf_hash": row["leaf_hash"].hex(),
        "leaf_index": row["leaf_index"],
        "tree_size": len(hashes),
        "audit_path": [each.hex() for each in merkle.audit_path(hashes, row["leaf_index"])],
    }


async def reverify(
    runner: Runner, caller: Caller, receipt_id: str, keys: KeyRing
) -> Reverification:
    """Verify a stored receipt anew: its signature, its root, and every log it covers.

    Raises:
        NotFound: the caller has no such receipt.
    """
    receipt = canonical.loads(await store.find(runner, caller, receipt_id))
    found = await verdict(receipt, keys)
    hashes: list[bytes] = []
    broken: dict[RowStatus, list[UUID]] = {"changed": [], "missing": []}
    async for row in _all_leaves(runner, caller, receipt_id):
        hashes.append(row["leaf_hash"])
        status, _ = _compared(row, is_proven=True)  # the root is looked at in the end
        if status != "intact":
            broken[status].append(row["log_id"])
    reason = found.reason or _mismatch(receipt, hashes, broken)
    return Reverification(
        valid=reason is None,
        key_id=found.key_id,
        reason=reason,
        certified_logs=len(hashes),
        changed=broken["changed"],
        missing=broken["missing"],
    )


def _mismatch(
    receipt: dict[str, Any], hashes: Sequence[bytes], broken: dict[RowStatus, list[UUID]]
) -> str | None:
    """Why the logs are not those that the receipt certifies; None if they are."""
    certified = receipt.get("certified")
    if certified is None:
        return None  # it was not made from logs
    if len(hashes) != certified["logs"]:
        return f"logs: {len(hashes)} of {certified['logs']} are on record here"
    changed, missing = len(broken["changed"]), len(broken["missing"])
    if changed or missing:
        return f"logs: {changed} changed and {missing} missing of {len(hashes)}"
    if not _is_root(receipt, hashes):
        return "merkle_root: it is not that of the logs on record"
    return None


async def _all_leaves(runner: Runner, caller: Caller, receipt_id: str) -> AsyncIterator[Row]:
    after: UUID | None = None
    while rows := await _leaves(runner, caller, receipt_id, after, READ_AT_ONCE, 0):
        for row in rows:
            yield row
        after = rows[-1]["log_id"]


async def _leaves(
    runner: Runner, caller: Caller, receipt_id: str, after: UUID | None, limit: int, offset: int
) -> Sequence[Row]:
    return await runner.fetch(SQL["leaves"], caller.api_key_id, receipt_id, after, limit, offset)


async def _hashes(runner: Runner, caller: Caller, receipt_id: str) -> list[bytes]:
    rows = await runner.fetch(SQL["leaf_hashes"], caller.api_key_id, receipt_id)
    return [row["leaf_hash"] for row in rows]


def _is_root(receipt: dict[str, Any], hashes: Sequence[bytes]) -> bool:
    """Whether the leaves on record are those whose root was signed."""
    certified = receipt.get("certified") or {}
    return merkle.root(hashes).hex() == certified.get("merkle_root")


def _shown(row: Row, is_proven: bool) -> CertifiedLog:
    status, now = _compared(row, is_proven)
    return CertifiedLog(
        log_id=row["log_id"],
        leaf_index=row["leaf_index"],
        leaf_hash=row["leaf_hash"].hex(),
        status=status,
        log=now,
    )


def _compared(row: Row, is_proven: bool) -> tuple[RowStatus, dict[str, Any] | None]:
    """A certified log against what it is now."""
    if not row["is_there"]:
        return "missing", None
    now = leaf(row)
    if leaf_hash(now) != row["leaf_hash"]:
        return "changed", now
    return ("intact" if is_proven else "unproven"), now
