"""Executions of tools are recorded: what went in, what came out, as much of it as is kept."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from llmring_core import clock, ids
from llmring_core.callers import Caller
from llmring_core.connection import Row, Runner
from llmring_core.errors import NotFound
from llmring_core.pages import LAST, PAGE_BYTES, Page, Place
from llmring_server.mcp import catalogue
from llmring_server.mcp.executions import Status, ToolExecution
from llmring_server.mcp.reports import Execution
from llmring_server.mcp.store import SQL, from_json

# What is kept of an output; the rest is told by its size and hash.
MAX_OUTPUT_BYTES = 1024 * 1024
# What is answered of it; a function of Lambda can answer 6 MB.
MAX_ANSWERED_BYTES = 4 * 1024 * 1024
MAX_ERROR_CHARACTERS = 10_000
# Longer than any execution may take; what says it runs then, does not.
RUNNING_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an execution by this server ended."""

    status: Status
    output: Any
    is_error: bool | None
    error: str | None
    duration_ms: int


async def record_report(
    runner: Runner, caller: Caller, tool_id: UUID, report: Execution
) -> ToolExecution:
    """Record what a client ran; raises NotFound if the caller has no such tool."""
    error = None if report.error is None else _text(report.error)[:MAX_ERROR_CHARACTERS]
    status = "succeeded" if error is None else "failed"
    outcome = (*kept_output(report.output), error is not None, error, report.duration_ms)
    return await _add(runner, caller, tool_id, report, ("client", status), outcome)


async def record_start(
    runner: Runner, caller: Caller, tool_id: UUID, request: Execution
) -> ToolExecution:
    """Record that this server is about to run a tool, before it does; raises NotFound."""
    nothing_yet = (None,) * 7
    return await _add(runner, caller, tool_id, request, ("server", "running"), nothing_yet)


async def record_end(
    runner: Runner, caller: Caller, execution_id: UUID, outcome: Outcome
) -> ToolExecution:
    """Record how it ended."""
    row = await runner.fetch_row(
        SQL["finish_execution"],
        caller.api_key_id,
        execution_id,
        outcome.status,
        *kept_output(outcome.output),
        outcome.is_error,
        outcome.error and outcome.error[:MAX_ERROR_CHARACTERS].replace("\x00", ""),
        outcome.duration_ms,
    )
    if row is None:
        raise NotFound
    ended = _execution(row)
    if (ended.output_bytes or 0) > MAX_ANSWERED_BYTES:
        return ended
    # Whoever asked for it gets all of it, however much is kept.
    return ended.model_copy(update={"output": outcome.output})


async def find(runner: Runner, caller: Caller, execution_id: UUID) -> ToolExecution:
    """One execution as it is recorded; raises NotFound."""
    row = await runner.fetch_row(SQL["find_execution"], caller.api_key_id, execution_id)
    if row is None:
        raise NotFound
    return _execution(row)


async def sweep(runner: Runner) -> None:
    """Mark what a server that is gone left running: whether it ran, nobody can say."""
    await runner.execute(SQL["sweep"], _long_ago())


def _long_ago() -> datetime:
    return clock.now() - RUNNING_FOR


async def _add(
    runner: Runner,
    caller: Caller,
    tool_id: UUID,
    execution: Execution,
    how: tuple[str, str],
    outcome: tuple[object, ...],
) -> ToolExecution:
    now = clock.now()
    row = await runner.fetch_row(
        SQL["add_execution"],
        caller.api_key_id,
        ids.new_id(now),
        now,
        tool_id,
        *how,
        json.dumps(execution.input),
        *outcome,
        execution.conversation_id,
    )
    if row is None:
        raise NotFound
    return _execution(row)


async def history(
    runner: Runner, caller: Caller, tool_id: UUID, page: Page
) -> tuple[list[ToolExecution], int]:
    """One page of the executions of a tool, newest first, and one more if there is a next page.

    A page of large ones is shorter; the count says how many there would be otherwise.

    Raises:
        NotFound: the caller has no such tool.
    """
    await catalogue.find(runner, caller, tool_id, ["tool"])
    after = page.after or LAST
    place = (tool_id, after.moment, after.id)
    part = (page.limit + 1, page.offset, PAGE_BYTES)
    rows: Sequence[Row] = await runner.fetch(SQL["history"], caller.api_key_id, *place, *part)
    if any(row["status"] == "running" and row["executed_at"] < _long_ago() for row in rows):
        await sweep(runner)  # where no upkeep runs, as in a host's app
        rows = await runner.fetch(SQL["history"], caller.api_key_id, *place, *part)
    return [_execution(row) for row in rows], catalogue.counted(rows)


def place(execution: ToolExecution) -> Place:
    """Where an execution stands in the history."""
    return Place(execution.executed_at, execution.id)


def kept_output(output: Any) -> tuple[str | None, str | None, int | None, str | None]:
    """What is kept of an output: itself as JSON or its beginning, its bytes, and their hash.

    Size and hash are of the JSON with its members sorted, without spaces, in UTF-8: so whoever
    reads it from here can work them out, as the database keeps no order of members. A NUL cannot
    be in the database as part of a value, only as its escape in a text.
    """
    if output is None:
        return None, None, None, None
    text = json.dumps(output, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    written = text.encode(errors="surrogatepass")
    is_whole = len(written) <= MAX_OUTPUT_BYTES and "\\u0000" not in text
    told = (len(written), hashlib.sha256(written).hexdigest())
    if is_whole:
        return json.dumps(output), None, *told
    return None, written[:MAX_OUTPUT_BYTES].decode(errors="ignore"), *told


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _execution(row: Row) -> ToolExecution:
    parsed = {name: from_json(row[name]) for name in ("input", "output")}
    return ToolExecution.model_validate({**row, **parsed})
