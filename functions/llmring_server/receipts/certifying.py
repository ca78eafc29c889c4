"""The server certifies its own usage logs: which ones, what they add up to, one signed root.

1. The logs that were asked for are read in the order of their times and ids.
2. Each is a leaf: the hash of its canonical JSON (RFC 8785). The leaves make a tree (RFC 6962).
3. The receipt says what the logs add up to, and the root of the tree; then it is signed.
4. The receipt and its leaves are stored in one transaction.

A log that waits for the registry has no price yet, and is left for a later receipt.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from llmring_core import clock, ids
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.errors import InProgress, NotFound, Unprocessable
from llmring_core.key_ring import KeyRing
from llmring_core.pages import FIRST, LAST, PAGE_BYTES, Page, Place
from llmring_core.periods import ALWAYS, Period, period, zone
from llmring_core.signing import PrivateKey
from llmring_server.receipts import store
from llmring_server.receipts.certificates import Certified, Draft, Selection
from llmring_server.receipts.issuing import sign
from llmring_server.receipts.leaves import Tally, leaf
from llmring_server.receipts.models import (
    ReceiptCost,
    ReceiptTokens,
    SignedReceipt,
)
from llmring_server.receipts.store import SQL

MAX_LOGS = 100_000
READ_AT_ONCE = 500


async def certify(
    tx: Runner, caller: Caller, selection: Selection, key: PrivateKey, keys: KeyRing
) -> SignedReceipt:
    """Make, sign and store a receipt over usage logs; one at a time per project.

    Raises:
        NotFound: a log of `log_ids` is not there.
        Unprocessable: there is nothing to certify, or too much, or a log has no price yet.
        InProgress: another receipt is being made from the logs of this project.
        NotConfigured: the key was rotated out in the meantime.
    """
    if not await tx.fetch_value(SQL["one_at_a_time"], caller.api_key_id):
        raise InProgress
    draft, tally = await _draft(tx, caller, selection)
    now = clock.now()
    head = {"id": str(ids.new_id(now)), "timestamp": clock.rfc3339(now)}
    receipt = sign({**head, **draft}, key)
    await store.add_signed(tx, caller, receipt, keys, certified_rows=tally.all.logs)
    leaves = (tally.log_ids, tally.times, tally.hashes)
    await tx.execute(SQL["add_leaves"], caller.api_key_id, receipt.id, *leaves)
    return receipt


async def preview(runner: Runner, caller: Caller, selection: Selection) -> dict[str, Any]:
    """What a receipt would hold, without id, time, key and signature; raises as `certify`."""
    draft, _ = await _draft(runner, caller, selection)
    return draft


async def uncertified(
    runner: Runner, caller: Caller, period: Period, page: Page
) -> tuple[list[tuple[Place, dict[str, Any]]], int]:
    """One page of logs that no receipt covers, newest first, and one more if there is a next.

    A page of large ones is shorter; the count says how many there would be otherwise.
    """
    after = page.after or LAST
    part = (page.limit + 1, page.offset, PAGE_BYTES)
    rows = await runner.fetch(
        SQL["uncertified"], caller.api_key_id, *period, after.moment, after.id, *part
    )
    return [(_place(row), leaf(row)) for row in rows], rows[0]["found"] if rows else 0


async def _draft(
    runner: Runner, caller: Caller, selection: Selection
) -> tuple[dict[str, Any], Tally]:
    """What a receipt holds, and the logs it covers."""
    tally, left_out, is_complete = Tally(), 0, True
    if selection.log_ids is not None:
        tally.add(await _by_id(runner, caller, list(dict.fromkeys(selection.log_ids))))
    else:
        asked = _period(selection)
        # Counted first: a log that gets its price in the meantime is then never in neither.
        left_out = await runner.fetch_value(
            SQL["count_awaiting"], caller.api_key_id, *asked, selection.conversation_id
        )
        is_complete = await _add_pages(tally, runner, caller, asked, selection)
    if not tally.all.logs:
        if selection.conversation_id is not None and not left_out:
            raise NotFound("No log names this conversation, or they are not yours.")
        raise Unprocessable("There is no log to certify, or none that no receipt covers yet.")
    certified = tally.written(_asked(selection), left_out, is_complete=is_complete)
    return _members(selection, tally, certified), tally


async def _add_pages(
    tally: Tally, runner: Runner, caller: Caller, period: Period, selection: Selection
) -> bool:
    """Count the logs that were asked for in, the oldest first; whether these are all."""
    async for rows in _pages(runner, caller, period, selection):
        room = MAX_LOGS - tally.all.logs
        tally.add(rows[:room])
        if len(rows) > room:
            if not selection.since_last_receipt:
                raise Unprocessable(f"More than {MAX_LOGS} logs at once: give narrower dates.")
            return False
    return True


def _period(selection: Selection) -> Period:
    if selection.start_date is None or selection.end_date is None:
        return ALWAYS
    return period(selection.start_date, selection.end_date, zone(selection.tz))


async def _pages(
    runner: Runner, caller: Caller, period: Period, selection: Selection
) -> AsyncIterator[Sequence[Row]]:
    after = FIRST
    while rows := await _page(runner, caller, period, selection, after):
        yield rows
        after = _place(rows[-1])


async def _page(
    runner: Runner, caller: Caller, period: Period, selection: Selection, after: Place
) -> Sequence[Row]:
    place, whose = (after.moment, after.id), caller.api_key_id
    if selection.conversation_id is not None:
        asked = (whose, selection.conversation_id, *place, READ_AT_ONCE)
        return await runner.fetch(SQL["logs_of_conversation"], *asked)
    only_uncertified = selection.since_last_receipt
    asked_of_period = (whose, *period, *place, only_uncertified, READ_AT_ONCE)
    return await runner.fetch(SQL["logs_of_period"], *asked_of_period)


def _place(row: Row) -> Place:
    return Place(row["logged_at"], row["log_id"])


async def _by_id(runner: Runner, caller: Caller, log_ids: list[UUID]) -> Sequence[Row]:
    # An id says when its log was made, and so in which partition it lies.
    since, until = zip(*map(ids.millisecond_of, log_ids), strict=True)
    rows = await runner.fetch(
        SQL["logs_by_id"], caller.api_key_id, log_ids, list(since), list(until)
    )
    if missing := set(log_ids) - {row["log_id"] for row in rows}:
        raise NotFound(
            f"Logs that are not there, or not yours: {len(missing)}.", errors=_named(missing)
        )
    if waiting := {row["log_id"] for row in rows if row["awaits_price"]}:
        raise Unprocessable(
            f"Logs that wait for the registry to be priced: {len(waiting)}; try again later.",
            errors=_named(waiting),
        )
    return rows


def _named(log_ids: set[UUID]) -> list[dict[str, Any]]:
    return [{"log_id": str(each)} for each in sorted(log_ids)]


def _members(selection: Selection, tally: Tally, certified: Certified) -> dict[str, Any]:
    """The members of a receipt over logs; it is of no one model, so those of one are null."""
    unpriced = tally.all.unpriced_logs
    calculation = f"sum over {tally.all.logs} usage logs, USD; {unpriced} of them unpriced"
    draft = Draft(
        tokens=ReceiptTokens(**tally.all.tokens()),
        cost=ReceiptCost(amount=tally.all.amount(), calculation=calculation),
        certified=certified,
    ).model_dump(exclude={"description", "tags"})
    said = {"description": selection.description, "tags": selection.tags}
    return {**draft, **{name: value for name, value in said.items() if value is not None}}


def _asked(selection: Selection) -> dict[str, str]:
    if selection.log_ids is not None:
        return {"by": "log_ids"}
    if selection.conversation_id is not None:
        return {"by": "conversation_id", "conversation_id": str(selection.conversation_id)}
    if selection.start_date is None or selection.end_date is None:
        return {"by": "since_last_receipt"}
    dates = {"start_date": selection.start_date, "end_date": selection.end_date}
    return {"by": "period", **dates, "tz": selection.tz}
