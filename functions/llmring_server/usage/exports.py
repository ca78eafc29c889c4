"""Usage logs written out, row by row, in constant memory."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

from llmring_server.usage.models import UsageRow

Format = Literal["ndjson", "csv"]
MEDIA_TYPES: dict[Format, str] = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
COLUMNS = list(UsageRow.model_fields)


async def written(pages: AsyncIterator[list[UsageRow]], form: Format) -> AsyncIterator[str]:
    """Write pages of rows; a CSV begins with its header (RFC 4180)."""
    write = _WRITERS[form]
    header = _csv_line(COLUMNS) if form == "csv" else ""
    async for page in pages:
        yield header + "".join(map(write, page))
        header = ""
    if header:
        yield header


async def begun(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    """Fetch the first chunk before anything is answered, so that a fault still gets its status."""
    first = await anext(chunks, "")

    async def all_chunks() -> AsyncIterator[str]:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_chunks()


def _ndjson(row: UsageRow) -> str:
    return row.model_dump_json() + "\n"


def _csv(row: UsageRow) -> str:
    members = row.model_dump(mode="json")
    if row.metadata is not None:
        members["metadata"] = json.dumps(row.metadata)
    return _csv_line([members[column] for column in COLUMNS])


def _csv_line(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()


_WRITERS: dict[Format, Callable[[UsageRow], str]] = {"ndjson": _ndjson, "csv": _csv}
