"""Calls become rows of the usage log, each call one row, however often it is reported.

The published client reports a call that it logs with its conversation twice: to `POST
/conversations/log`, and then to `POST /log`, whose `id_at_origin` and `metadata.conversation_id`
both name the conversation. The first stores the row and notes that it awaits a log; the second
claims the note and completes the row. It does so once, within a day, and only if it agrees in
provider, model and tokens: else it is another call, and a row of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json

from llmring_core import clock, ids
from llmring_core.callers import Caller
from llmring_core.calls import CONVERSATION, Logged, UsageEntry
from llmring_core.connection import Connection, Row, Runner
from llmring_core.costs import Cost
from llmring_core.prices import names_of
from llmring_core.queries import load

SQL = load("llmring_core", "usage_log.sql")

AWAITED_FOR = timedelta(hours=24)
# As `_row` has them, after the project.
COLUMNS = (
    *("api_key_id", "logged_at", "log_id", "provider", "model", "input_tokens", "output_tokens"),
    *("cached_input_tokens", "cost", "cost_status", "pricing", "latency_ms", "alias", "profile"),
    *("origin", "id_at_origin", "metadata"),
)

Priced = tuple[UsageEntry, Cost]
# With the id and the time that its row will have.
Numbered = tuple[UsageEntry, Cost, Logged]


def needs_transaction(entries: Sequence[UsageEntry]) -> bool:
    """Whether `add` needs more than one statement for these: one of them names a conversation."""
    return any(entry.conversation_id is not None for entry in entries)


async def add(runner: Runner, caller: Caller, entries: Sequence[Priced]) -> list[Logged]:
    """Store calls, all or none; returns them in their order.

    Takes one statement, or a transaction to run in where `needs_transaction` says so.
    """
    calls = numbered(entries)
    completed = await _complete(runner, caller, entries)
    new = [call for index, call in enumerate(calls) if index not in completed]
    await add_numbered(runner, caller.api_key_id, new)
    return [completed.get(index, logged) for index, (*_, logged) in enumerate(calls)]


def numbered(entries: Sequence[Priced]) -> list[Numbered]:
    """Give calls the ids and times that their rows will have."""
    now = clock.now()
    return [(entry, cost, _logged(entry, cost, now)) for entry, cost in entries]


async def add_numbered(runner: Runner, api_key_id: str, calls: Sequence[Numbered]) -> None:
    """Store calls of a project, all or none; those that are there already stay as they are."""
    if any(entry.conversation_id for entry, *_ in calls):
        named = [entry.conversation_id for entry, *_ in calls]
        columns = (*_columns([_row(*call) for call in calls]), named)
        await runner.execute(SQL["add_in_conversations"], api_key_id, *columns)
    else:
        await add_of_projects(runner, [(api_key_id, call) for call in calls])


async def add_of_projects(runner: Runner, calls: Sequence[tuple[str, Numbered]]) -> None:
    """The same for calls of any projects that name no conversation, in one statement."""
    rows = [(api_key_id, *_row(*call)) for api_key_id, call in calls]
    if len(rows) == 1:
        await runner.execute(SQL["add_one"], *rows[0])
    elif rows:
        await runner.execute(SQL["add"], *_columns(rows))


async def copy_of_projects(connection: Connection, calls: Sequence[tuple[str, Numbered]]) -> None:
    """The same for new calls, faster (COPY), where the database `can_copy`.

    Raises:
        AlreadyExists: one of them is there already; none is stored.
    """
    rows = [(api_key_id, *_row(*call)) for api_key_id, call in calls]
    await connection.copy("usage_logs", COLUMNS, rows)


async def add_awaiting_log(
    tx: Runner, caller: Caller, entry: UsageEntry, cost: Cost, *, knows_tokens: bool
) -> Logged:
    """Store the call of a conversation, which may be reported once more; needs a transaction.

    Where nobody said its tokens, the second report tells them.
    """
    logged = _logged(entry, cost, clock.now())
    await add_numbered(tx, caller.api_key_id, [(entry, cost, logged)])
    same = _same_in_both(entry)
    known = same if knows_tokens else (*same[:2], None, None, None)
    row = (entry.conversation_id, logged.timestamp, logged.log_id, *known)
    await tx.execute(SQL["await_log"], caller.api_key_id, *row)
    return logged


async def forget_awaited(runner: Runner) -> None:
    """Stop waiting for logs that did not come within a day; the rows themselves stay."""
    await runner.execute(SQL["forget_awaited"], clock.now() - AWAITED_FOR)


async def _complete(tx: Runner, caller: Caller, entries: Sequence[Priced]) -> dict[int, Logged]:
    """Complete the rows that await one of these logs; says which entries are done by that."""
    second = [
        (index, entry.conversation_id, *_same_in_both(entry))
        for index, (entry, _) in enumerate(entries)
        if entry.names_conversation_twice
    ]
    if not second:
        return {}
    claims = await tx.fetch(SQL["claim"], caller.api_key_id, *_columns(second))
    completed = {}
    for claim in claims:
        entry, cost = entries[claim["index"]]
        values = _completion(claim, entry, cost)
        row = await tx.fetch_row(SQL["complete"], caller.api_key_id, *values)
        if row is not None:  # a row may have left with its partition
            completed[claim["index"]] = Logged(*(row[name] for name in Logged._fields))
    return completed


def _logged(entry: UsageEntry, cost: Cost, now: datetime) -> Logged:
    timestamp = entry.timestamp or now
    return Logged(ids.new_id(timestamp), cost.amount, timestamp, cost.status)


def _row(entry: UsageEntry, cost: Cost, logged: Logged) -> tuple[object, ...]:
    """The values of the statement `add`, in its order."""
    return (
        logged.timestamp,
        logged.log_id,
        entry.provider,
        entry.model,
        entry.input_tokens,
        entry.output_tokens,
        entry.cached_input_tokens,
        cost.amount,
        cost.status,
        _text(cost.pricing),
        entry.latency_ms,
        entry.alias,
        entry.profile,
        entry.origin,
        entry.id_at_origin,
        _text(entry.metadata),
    )


def _same_in_both(entry: UsageEntry) -> tuple[object, ...]:
    """What both reports of one call agree in."""
    tokens = (entry.input_tokens, entry.output_tokens, entry.cached_input_tokens)
    return *names_of(entry.provider, entry.model), *tokens


def _completion(claim: Row, entry: UsageEntry, cost: Cost) -> tuple[object, ...]:
    """The values of the statement `complete`, in its order."""
    return (
        claim["logged_at"],
        claim["log_id"],
        cost.amount,
        cost.status,
        _text(cost.pricing),
        entry.input_tokens,
        entry.output_tokens,
        entry.cached_input_tokens,
        entry.latency_ms,
        entry.alias,
        entry.profile,
        entry.origin,
        _text(
            {name: each for name, each in (entry.metadata or {}).items() if name != CONVERSATION}
        ),
        entry.conversation_id,
    )


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else to_json(value).decode()
