"""JSON from strangers, read strictly: what not every reader could take is refused."""

import json
import re
import sys
from typing import Any

from pydantic_core import from_json

# Only a text that holds one of these can hide a NUL or a number beyond a double, so that every
# other body is spared the walk.
_SUSPICIOUS = re.compile(rb"\\u0000|[eE]\+?\d{3}|\d{200}")


def loads(body: bytes) -> Any:
    """Parse JSON (RFC 8259).

    The parser itself refuses NaN and Infinity, lone surrogates, invalid UTF-8 and nesting deeper
    than 200; on top of that NUL characters and numbers beyond the range of a double are refused.

    Raises:
        json.JSONDecodeError: with the reason and, as far as it is known, the place.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None
    if _SUSPICIOUS.search(body):
        _refuse_unstorable(value, "$")
    return value


def is_suspicious(body: bytes) -> bool:
    """Whether a JSON parser that is not as strict might take what `loads` refuses."""
    return b"NaN" in body or b"Infinity" in body or _SUSPICIOUS.search(body) is not None


def _refuse_unstorable(value: Any, place: str) -> None:
    if isinstance(value, str) and "\x00" in value:
        raise json.JSONDecodeError(f"NUL character at {place}", "", 0)
    if isinstance(value, int | float) and abs(value) > sys.float_info.max:
        raise json.JSONDecodeError(f"number out of range at {place}", "", 0)
    if isinstance(value, dict):
        for name, member in value.items():
            _refuse_unstorable(name, f"a member name of {place}")
            _refuse_unstorable(member, f"{place}.{name}")
    if isinstance(value, list):
        for index, element in enumerate(value):
            _refuse_unstorable(element, f"{place}[{index}]")
