"""Batches: good entries and bad ones told apart, each answered in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Body
from pydantic import ValidationError, WithJsonSchema

from llmring_core import problems
from llmring_core.calls import LoggedUsage, UsageEntry
from llmring_core.costs import cost_of
from llmring_core.errors import Unprocessable
from llmring_core.prices import PriceList
from llmring_core.usage_log import Priced
from llmring_server.usage.models import LoggedBatch, RejectedUsage, StoredUsage

MAX_ENTRIES = 1000
NOT_TAKEN = {"type": "unavailable", "loc": [], "msg": "It could not be stored now: send it again"}

Entries = Annotated[
    list[Annotated[Any, WithJsonSchema({"$ref": "#/components/schemas/UsageEntry"})]],
    Body(max_length=MAX_ENTRIES),
]


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch, each entry read or rejected."""

    read: list[UsageEntry | RejectedUsage]

    @property
    def good(self) -> list[UsageEntry]:
        """The entries that make sense."""
        return [each for each in self.read if isinstance(each, UsageEntry)]

    def priced(self, prices: PriceList | None) -> list[Priced]:
        """Those with their costs."""
        return [(entry, cost_of(entry, prices)) for entry in self.good]

    @property
    def rejected(self) -> list[RejectedUsage]:
        """The entries that do not."""
        return [each for each in self.read if isinstance(each, RejectedUsage)]


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


def the_only_one(logged: Sequence[LoggedUsage | None]) -> LoggedUsage:
    """The answer to a single call, which was taken."""
    (only,) = logged
    assert only is not None  # noqa: S101 - a request of which nothing was taken is refused
    return only


def answered(batch: ReadBatch, logged: Sequence[LoggedUsage | None]) -> LoggedBatch:
    """The answer to a batch whose good entries became these, in their order; None for not taken."""
    left = iter(logged)
    results = [
        each if isinstance(each, RejectedUsage) else _result(index, next(left))
        for index, each in enumerate(batch.read)
    ]
    stored = sum(isinstance(each, StoredUsage) for each in results)
    return LoggedBatch(stored=stored, rejected=len(results) - stored, results=results)


def _result(index: int, logged: LoggedUsage | None) -> StoredUsage | RejectedUsage:
    if logged is None:
        return RejectedUsage(index=index, errors=[NOT_TAKEN])
    return StoredUsage(index=index, **logged.model_dump())


def _read(index: int, raw: Any) -> UsageEntry | RejectedUsage:
    try:
        return UsageEntry.model_validate(raw)
    except ValidationError as error:
        errors = problems.places(error.errors(include_input=False, include_url=False))
        return RejectedUsage(index=index, errors=errors)
