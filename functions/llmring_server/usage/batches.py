"""Batches: good entries and bad ones told apart, each answered in its place."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Body
from pydantic import ValidationError, WithJsonSchema

from llmring_core import problems, usage_log
from llmring_core.auth import Caller
from llmring_core.calls import UsageEntry
from llmring_core.connection import Runner
from llmring_core.costs import cost_of
from llmring_core.errors import Unprocessable
from llmring_core.prices import PriceList
from llmring_server.usage.models import LoggedBatch, RejectedUsage, StoredUsage

MAX_ENTRIES = 1000

Entries = Annotated[
    list[Annotated[Any, WithJsonSchema({"$ref": "#/components/schemas/UsageEntry"})]],
    Body(max_length=MAX_ENTRIES),
]


async def add_batch(
    runner: Runner, caller: Caller, raw: Sequence[Any], prices: PriceList | None, atomic: bool
) -> LoggedBatch:
    """Store the good entries of a batch in one transaction and report the bad ones.

    Raises:
        Unprocessable: `atomic` was asked for and an entry is bad; none is stored.
    """
    read = [_read(index, each) for index, each in enumerate(raw)]
    rejected = [each for each in read if isinstance(each, RejectedUsage)]
    if atomic and rejected:
        raise Unprocessable(
            f"{len(rejected)} of {len(read)} entries are bad, so none was stored.",
            errors=[each.model_dump(exclude={"status"}) for each in rejected],
        )
    good = [(each, cost_of(each, prices)) for each in read if isinstance(each, UsageEntry)]
    logged = iter(await usage_log.add(runner, caller, good))
    results = [
        each
        if isinstance(each, RejectedUsage)
        else StoredUsage(index=index, **next(logged).model_dump())
        for index, each in enumerate(read)
    ]
    return LoggedBatch(stored=len(good), rejected=len(rejected), results=results)


def _read(index: int, raw: Any) -> UsageEntry | RejectedUsage:
    try:
        return UsageEntry.model_validate(raw)
    except ValidationError as error:
        errors = problems.places(error.errors(include_input=False, include_url=False))
        return RejectedUsage(index=index, errors=errors)
