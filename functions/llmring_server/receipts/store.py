"""The rows of receipts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query

from llmring_core import clock, ids
from llmring_core.callers import Caller
from llmring_core.connection import Runner
from llmring_core.dependencies import from_query
from llmring_core.errors import AlreadyExists, NotFound
from llmring_core.key_ring import KeyRing
from llmring_core.pages import LAST, PAGE_BYTES, Page, Place
from llmring_core.periods import Period
from llmring_core.quantities import in_utc
from llmring_core.queries import load
from llmring_server.receipts.fields import read_timestamp
from llmring_server.receipts.models import SignedReceipt

SQL = load("llmring_server.receipts")

Filter = Annotated[str | None, Query(max_length=255)]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which receipts are wanted; None means any."""

    model: Filter = None
    alias: Filter = None
    profile: Filter = None
    key_id: Filter = None
    certifies_logs: Annotated[
        bool | None, Query(description="Those that were, or were not, made from usage logs.")
    ] = None


FiltersDep = Annotated[Filters, Depends(from_query(Filters))]


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A receipt as it is kept."""

    canonical: bytes
    place: Place


async def add_signed(
    runner: Runner,
    caller: Caller,
    receipt: SignedReceipt,
    keys: KeyRing,
    *,
    certified_rows: int | None = None,
) -> None:
    """Store a receipt that was signed just now.

    Raises:
        AlreadyExists: the caller has a receipt of this id with other bytes.
        NotConfigured: the key was rotated out in the meantime.
    """
    if not await _add(runner, caller, receipt, is_new=True, certified_rows=certified_rows):
        raise keys.rotated_out()


async def add_verified(runner: Runner, caller: Caller, receipt: SignedReceipt) -> None:
    """Store a receipt that a client brought; the same one again changes nothing.

    Raises:
        AlreadyExists: the caller has a receipt of this id with other bytes.
    """
    await _add(runner, caller, receipt, is_new=False, certified_rows=None)


async def find(runner: Runner, caller: Caller, receipt_id: str) -> bytes:
    """The canonical bytes of a receipt.

    Raises:
        NotFound: the caller has no such receipt.
    """
    row = await runner.fetch_row(SQL["find"], caller.api_key_id, receipt_id)
    if row is None:
        raise NotFound("There is no such receipt, or it is not yours.")
    return bytes(row["canonical"])


async def page(
    runner: Runner, caller: Caller, period: Period, filters: Filters, page: Page
) -> tuple[list[KeptReceipt], bool]:
    """One page of receipts, newest first, and whether there are more.

    A page of large receipts is shorter than its limit: it ends after `PAGE_BYTES`.
    """
    after = page.after or LAST
    wanted = (filters.model, filters.alias, filters.profile, filters.key_id, filters.certifies_logs)
    part = (page.limit + 1, page.offset)
    rows = await runner.fetch(
        SQL["list"], caller.api_key_id, *period, after.moment, after.id, *wanted, *part, PAGE_BYTES
    )
    kept = [KeptReceipt(row["canonical"], Place(row["timestamp"], row["row_id"])) for row in rows]
    return kept[: page.limit], bool(rows) and rows[0]["found"] > min(len(rows), page.limit)


async def _add(
    runner: Runner,
    caller: Caller,
    receipt: SignedReceipt,
    *,
    is_new: bool,
    certified_rows: int | None,
) -> bool:
    """Whether the receipt is there now, byte for byte; not if a new one's key signs no more."""
    members = receipt.members
    timestamp = _moment(members.get("timestamp"))
    row = (receipt.id, ids.new_id(timestamp), timestamp, members["key_id"])
    labels = tuple(_label(members.get(name)) for name in ("model", "alias", "profile"))
    kept = (receipt.canonical, certified_rows, is_new)
    if await runner.fetch_value(SQL["add"], caller.api_key_id, *row, *labels, *kept):
        return True
    earlier = await runner.fetch_row(SQL["find"], caller.api_key_id, receipt.id)
    if earlier is not None and earlier["canonical"] != receipt.canonical:
        raise AlreadyExists("There is already a receipt with this id, and it is another one.")
    return earlier is not None


def _moment(timestamp: Any) -> datetime:
    """When a receipt says it is from; now, if what it says cannot be a time of the list."""
    try:
        return in_utc(read_timestamp(timestamp))
    except (ValueError, OverflowError, TypeError):
        return clock.now()


def _label(value: Any) -> str | None:
    """What a receipt can be found by: text that a column can hold."""
    return value if isinstance(value, str) and "\x00" not in value else None
