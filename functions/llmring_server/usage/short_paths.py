"""The short paths of `POST /log` and `POST /log/batch`, for requests that are plain."""

from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import ValidationError

from llmring_core import strict_json, usage_log
from llmring_core.calls import UsageEntry
from llmring_core.costs import cost_of
from llmring_core.registry import Registry
from llmring_core.short_path import PlainAnswer, PlainRequest
from llmring_server.usage.batches import (
    MAX_ENTRIES,
    ReadBatch,
    answered,
    priced,
    read_batch,
    read_good_batch,
    the_only_one,
)
from llmring_server.usage.writing import GroupWriter


def add_short_paths(app: FastAPI) -> None:
    """Give an app the short paths; one that has a queue goes the long way."""
    if app.state.queue is not None:
        return
    paths = _Paths(app.state.registry, app.state.usage_writer)
    app.state.short_paths["POST", "/api/v1/log"] = paths.log
    app.state.short_paths["POST", "/api/v1/log/batch"] = paths.log_batch


@dataclass(frozen=True, slots=True)
class _Paths:
    registry: Registry
    writer: GroupWriter

    async def log(self, request: PlainRequest) -> PlainAnswer | None:
        """`routes.log_usage` for a call that names no conversation."""
        caller = request.caller_who_may("log:write")
        entry = _entry(request) if caller and request.is_json else None
        if caller is None or entry is None or usage_log.needs_transaction([entry]):
            return None
        is_to_price = entry.cost is None
        prices = await self.registry.prices() if is_to_price else None
        calls = usage_log.numbered([(entry, cost_of(entry, prices))])
        await self.writer.add(caller.api_key_id, calls, len(request.body))
        if is_to_price:
            self.registry.tell_if_late(prices)
        return PlainAnswer(the_only_one([calls[0][2]]))

    async def log_batch(self, request: PlainRequest) -> PlainAnswer | None:
        """`routes.log_usage_batch` for a batch none of whose calls names a conversation."""
        caller = request.caller_who_may("log:write")
        batch = _batch(request) if caller and request.is_json else None
        entries = batch.good if batch else []
        if caller is None or batch is None or usage_log.needs_transaction(entries):
            return None
        prices = await self.registry.prices()
        calls = usage_log.numbered(priced(entries, prices))
        await self.writer.add(caller.api_key_id, calls, len(request.body))
        self.registry.tell_if_late(prices)
        return PlainAnswer(answered(batch, [logged for *_, logged in calls]))


def _entry(request: PlainRequest) -> UsageEntry | None:
    """The call in a body; None if the route is to say what is wrong with it."""
    if strict_json.is_suspicious(request.body):
        return None
    try:
        return UsageEntry.model_validate_json(request.body)
    except ValidationError:
        return None


def _batch(request: PlainRequest) -> ReadBatch | None:
    """The batch in a body; None if the route is to say what is wrong with it."""
    if strict_json.is_suspicious(request.body):
        return None
    if (batch := read_good_batch(request.body)) is not None:
        return batch
    try:
        raw = strict_json.loads(request.body)
    except ValueError:
        return None
    is_batch = isinstance(raw, list) and len(raw) <= MAX_ENTRIES
    return read_batch(raw, atomic=False) if is_batch else None
