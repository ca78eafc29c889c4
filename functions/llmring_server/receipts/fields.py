"""The members of a receipt that something hangs on: what each may be."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from llmring_core.quantities import MAX_COUNT, in_utc

# An id stands in paths, of which `uncertified` is one already.
_ID = re.compile(r"(?!uncertified\Z)[A-Za-z0-9][A-Za-z0-9._~:@+=-]{0,254}")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def is_receipt_id(value: object) -> bool:
    """Whether a receipt can be kept under this."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def read_timestamp(text: str) -> datetime:
    """Read an RFC 3339 time; raises ValueError if it is none."""
    if not _DATE_TIME.fullmatch(text):
        raise ValueError("not an RFC 3339 time")
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _check_timestamp(text: str) -> str:
    try:
        moment = read_timestamp(text)
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            "timestamp", "A timestamp is written as RFC 3339 says, 2026-11-30T12:00:00Z"
        ) from None
    in_utc(moment)
    return text


def _check_id(receipt_id: str) -> str:
    if not is_receipt_id(receipt_id):
        raise PydanticCustomError(
            "receipt_id",
            "An id takes 1 to 255 of A-Z a-z 0-9 . _ ~ : @ + = - and begins with a "
            "letter or a digit; `uncertified` is taken",
        )
    return receipt_id


def _check_absent(value: object) -> None:
    if value is not None:
        raise PydanticCustomError(
            "reserved",
            "Only the server writes this: POST a signed receipt to /api/v1/receipts, have logs "
            "certified by /api/v1/receipts/generate",
        )


Absent = Annotated[None, BeforeValidator(_check_absent)]


def _whole(value: object) -> object:
    """What RFC 8785 writes as an integer is one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=0, le=MAX_COUNT), BeforeValidator(_whole)]
Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]
ReceiptId = Annotated[
    str,
    AfterValidator(_check_id),
    Field(json_schema_extra={"pattern": "^(?!uncertified$)[A-Za-z0-9][A-Za-z0-9._~:@+=-]{0,254}$"}),
]
Timestamp = Annotated[
    str, AfterValidator(_check_timestamp), Field(json_schema_extra={"format": "date-time"})
]
