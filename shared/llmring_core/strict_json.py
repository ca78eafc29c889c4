"""JSON from strangers, read strictly: what not every reader could take is refused."""

import json
import sys
from collections.abc import Iterable
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
        _refuse_unstorable(value)
    return value


def is_suspicious(body: bytes) -> bool:
    """Whether a body may hold what `loads` refuses; most do not, and are spared the walk."""
    form = body.translate(_FORM, b"+")
    is_large = b"e000" in form or _LONG in form
    return is_large or b"\\u0000" in body or b"NaN" in body or b"Infinity" in body


def _refuse_unstorable(value: Any) -> None:
    """Walk through a value; what is wrong is looked for again only if there is anything.

    There may be millions of members: naming every place on the way would take minutes.
    """
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each
            waiting += each.values()
        elif (reason := _unstorable(each)) is not None:
            raise json.JSONDecodeError(f"{reason} at ${_place(value) or ''}", "", 0)


def _unstorable(value: Any) -> str | None:
    if isinstance(value, str):
        return "NUL character" if "\x00" in value else None
    is_number = isinstance(value, int | float)
    return "number out of range" if is_number and abs(value) > sys.float_info.max else None


def _place(value: Any) -> str | None:
    """Where the first thing is that `_unstorable` tells of, seen from a value; None if nowhere."""
    members: Iterable[tuple[str, Any]] = ()
    if isinstance(value, list):
        members = ((f"[{index}]", each) for index, each in enumerate(value))
    elif isinstance(value, dict):
        if any(map(_unstorable, value)):
            return " in the name of a member"
        members = ((f".{name}", each) for name, each in value.items())
    for name, each in members:
        if (rest := _place(each)) is not None:
            return f"{name}{rest}"
    return "" if _unstorable(value) else None
