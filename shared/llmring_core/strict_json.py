"""JSON from strangers, read strictly: what not every reader could take is refused."""

import json
import sys
from typing import Any

from pydantic_core import from_json

# Every digit to 0 and E to e, so that a number of any size is found by its form.
_FORM = bytes.maketrans(b"123456789E", b"000000000e")
_LONG = b"0" * 200


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
    if is_suspicious(body):
        _refuse_unstorable(value, "$")
    return value


def is_suspicious(body: bytes) -> bool:
    """Whether a body may hold what `loads` refuses; most do not, and are spared the walk."""
    form = body.translate(_FORM, b"+")
    return (
        b"e000" in form
        or _LONG in form
        or b"\\u0000" in body
        or b"NaN" in body
        or b"Infinity" in body
    )


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
