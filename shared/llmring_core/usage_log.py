"""Calls become rows of the usage log, each call one row, however often it is reported."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from llmring_core import clock, ids
from llmring_core.auth import Caller
from llmring_core.calls import LoggedUsage, UsageEntry
from llmring_core.connection import Row, Runner
from llmring_core.costs import Cost
from llmring_core.queries import load

SQL = load("llmring_core", "usage_log.sql")

Priced = tuple[UsageEntry, Cost]


async def add(
    runner: Runner, caller: Caller, entries: Sequence[Priced], *, awaits_log: bool = False
) -> list[LoggedUsage]:
    """Store calls, all or none, in one statement; returns them in their order.

    The published client reports a call that it logs with a conversation twice: to `POST
    /conversations/log` and then to `POST /log`. The first stores a row that `awaits_log`; the
    second, which names the conversation twice over, completes that row instead of adding one. It
    does so once, and only if it agrees with all that the row knows.
    """
    now = clock.now()
    logged = [_logged(entry, cost, now) for entry, cost in entries]
    rows = [
        _row(entry, cost, logged_one)
        for (entry, cost), logged_one in zip(entries, logged, strict=True)
    ]
    if not rows:
        return []
    if all(entry.conversation_id is None for entry, _ in entries):
        await runner.execute(SQL["add"], caller.api_key_id, *_columns(rows))
        return logged
    named = [_naming(entry, awaits_log) for entry, _ in entries]
    completed = await runner.fetch(
        SQL["add_in_conversations"], caller.api_key_id, *_columns(rows), *_columns(named)
    )
    for row in completed:
        logged[row["number"] - 1] = _completed(row)
    return logged


def _logged(entry: UsageEntry, cost: Cost, now: datetime) -> LoggedUsage:
    timestamp = entry.timestamp or now
    return LoggedUsage(
        log_id=ids.new_id(timestamp),
        cost=cost.amount,
        timestamp=timestamp,
        cost_status=cost.status,
    )


def _completed(row: Row) -> LoggedUsage:
    return LoggedUsage.model_validate(
        {name: row[name] for name in ("log_id", "cost", "timestamp", "cost_status")}
    )


def _row(entry: UsageEntry, cost: Cost, logged: LoggedUsage) -> tuple[object, ...]:
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


def _naming(entry: UsageEntry, awaits_log: bool) -> tuple[object, ...]:
    """What `add_in_conversations` takes beyond `add`."""
    named = entry.conversation_id
    if named is None:
        return None, None, None, False, False
    is_named_twice = entry.id_at_origin == (entry.metadata or {}).get("conversation_id")
    completes = is_named_twice and not awaits_log
    return named, *ids.millisecond_of(named), completes, awaits_log


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)
