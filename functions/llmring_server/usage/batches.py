"""Batches: good entries and bad ones told apart, each answered in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Body
from pydantic import Field, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import to_json

from llmring_core import problems
from llmring_core.calls import Logged, UsageEntry
from llmring_core.costs import cost_of
from llmring_core.errors import Unprocessable
from llmring_core.prices import PriceList
from llmring_core.usage_log import Priced
from llmring_server.usage.models import RejectedUsage

MAX_ENTRIES = 1000
NOT_TAKEN = {"type": "unavailable", "loc": [], "msg": "It could not be stored now: send it again"}

Entries = Annotated[
    list[Annotated[Any, WithJsonSchema({"$ref": "#/components/schemas/UsageEntry"})]],
    Body(max_length=MAX_ENTRIES),
]


_GOOD_ENTRIES = TypeAdapter(Annotated[list[UsageEntry], Field(max_length=MAX_ENTRIES)])


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch, each entry read or rejected."""

    read: Sequence[UsageEntry | RejectedUsage]

    @property
    def good(self) -> list[UsageEntry]:
        """The entries that make sense."""
        return [each for each in self.read if isinstance(each, UsageEntry)]

    @property
    def rejected(self) -> list[RejectedUsage]:
        """The entries that do not."""
        return [each for each in self.read if isinstance(each, RejectedUsage)]


def priced(entries: Sequence[UsageEntry], prices: PriceList | None) -> list[Priced]:
    """Entries with their costs."""
    return [(entry, cost_of(entry, prices)) for entry in entries]


def read_good_batch(body: bytes) -> ReadBatch | None:
    """Read a batch in one step; None if any entry is bad, or it is no batch at all."""
    try:
        return ReadBatch(_GOOD_ENTRIES.validate_json(body))
    except ValidationError:
        return None


def read_batch(raw: Sequence[Any], atomic: bool) -> ReadBatch:
    """Read the entries of a batch.

    Raises:
        Unprocessable: `atomic` was asked for and an entry is bad; none is to be stored.
    """
    batch = ReadBatch([_read(index, each) for index, each in enumerate(raw)])
    if atomic and batch.rejected:
        raise Unprocessable(
            f"{len(batch.rejected)} of {len(raw)} entries are bad, so none was stored.",
            errors=[each.model_dump(exclude={"status"}) for each in batch.rejected],
        )
    return batch


def the_only_one(logged: Sequence[Logged | None]) -> bytes:
    """The answer to a single call, which was taken: a `LoggedUsage`."""
    (only,) = logged
    assert only is not None  # noqa: S101 - a request of which nothing was taken is refused
    return to_json(only.members())


def answered(batch: ReadBatch, logged: Sequence[Logged | None]) -> bytes:
    """The answer to a batch whose good entries became these, in their order: a `LoggedBatch`.

    None stands for one that was not taken.
    """
    left = iter(logged)
    results = [
        each.model_dump() if isinstance(each, RejectedUsage) else _result(index, next(left))
        for index, each in enumerate(batch.read)
    ]
    stored = sum(each["status"] == "stored" for each in results)
    rejected = len(results) - stored
    return to_json({"stored": stored, "rejected": rejected, "results": results})


def _result(index: int, logged: Logged | None) -> dict[str, Any]:
    if logged is None:
        return {"index": index, "status": "rejected", "errors": [NOT_TAKEN]}
    return {"index": index, "status": "stored", **logged.members()}


def _read(index: int, raw: Any) -> UsageEntry | RejectedUsage:
    try:
        return UsageEntry.model_validate(raw)
    except ValidationError as error:
        errors = problems.places(error.errors(include_input=False, include_url=False))
        return RejectedUsage(index=index, errors=errors)
