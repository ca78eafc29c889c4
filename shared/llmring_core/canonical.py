"""Canonical JSON (RFC 8785), and reading the JSON that it is defined for: I-JSON (RFC 7493)."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import rfc8785

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 200
# No double is written with more digits than 1e21 - 1, so a longer literal is refused unread.
_LONGEST_INTEGER = len("-100000000000000000000")
_SMALLEST_PLAIN = 1e-4  # below, Python writes an exponent, and RFC 8785 only below 1e-6
_LONGEST_PLACE = 200
_SURELY_EXACT = len(str(MAX_INTEGER))
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def dumps(value: Any) -> bytes:
    """Write a value in its one canonical form (RFC 8785, section 3.2).

    Raises:
        ValueError, TypeError: the value did not come from `loads` and has no such form.
    """
    if _is_plain(value):
        # A fast path: Python's own writer, in C, takes a third of the time (`make bench`), and for
        # such values writes the very same.
        return _write_plain(value).encode()
    return rfc8785.dumps(value)


_write_plain = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")
).encode


def _is_plain(value: Any) -> bool:
    """Whether Python writes a value as RFC 8785 does.

    It sorts names by code points, which only for ASCII is sure to be the order of UTF-16 units,
    and writes whole and small doubles in another way.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is float:
        return bool(_SMALLEST_PLAIN <= abs(value) < math.inf and value % 1)
    if kind is dict:
        return all(map(str.isascii, value)) and all(map(_is_plain, value.values()))
    return kind is list and all(map(_is_plain, value))


def loads(text: bytes) -> Any:
    """Read I-JSON: JSON that means the same to every reader.

    Refused are duplicate member names, lone surrogates, numbers beyond a double (RFC 7493,
    sections 2.1 to 2.3), and integers that a double may not hold exactly, beyond ±(2^53-1),
    unless they are written as RFC 8785 writes that very double: what `dumps` wrote is always
    read, as the same value. Nesting may be 200 deep.

    Raises:
        json.JSONDecodeError: with the reason and the place, `$.tokens.input`.
    """
    decoded = _decode(text)
    try:
        value = _read(decoded)
    except RecursionError:
        raise _error(f"nested more than {MAX_DEPTH} deep") from None
    if _may_be_deep(decoded) or _SURROGATE_ESCAPE.search(decoded):
        _refuse_strange(value)
    return value


def _read(text: str) -> Any:
    try:
        return _READER.decode(text)
    except _Refused:
        _blame(text)


class _Refused(ValueError):
    """Something is not I-JSON; where it stands is found out by a second look."""


class _Wrong:
    """Takes the place of what was refused, so that its place can be found."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _decode(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError("not UTF-8", "", error.start) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused
    return members


def _integer(literal: str) -> int | float:
    if len(literal) < _SURELY_EXACT:
        return int(literal)
    if len(literal) > _LONGEST_INTEGER:
        raise _Refused
    value = int(literal)
    if abs(value) <= MAX_INTEGER:
        return value
    if rfc8785.dumps(float(value)) != literal.encode():
        raise _Refused
    return float(value)


def _float(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise _Refused
    return value


def _constant(literal: str) -> NoReturn:
    raise _Refused(literal)


_READER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _may_be_deep(text: str) -> bool:
    return text.count("{") + text.count("[") > MAX_DEPTH


def _refuse_strange(value: Any) -> None:
    """Refuse lone surrogates and deep nesting."""
    for place, part in _parts(value, "$", 1):
        if isinstance(part, str) and _SURROGATE.search(part):
            raise _error("lone surrogate", place)


def _blame(text: str) -> NoReturn:
    """Read a text again that was refused, and say what is wrong where."""
    marked = json.loads(
        text,
        object_pairs_hook=_marked_object,
        parse_int=_marked(
            _integer, "integer that a double may not hold exactly (write it as a string)"
        ),
        parse_float=_marked(_float, "number out of range"),
        parse_constant=_marked(_constant, "not a JSON number"),
    )
    for place, part in _parts(marked, "$", 1):
        if isinstance(part, _Wrong):
            raise _error(part.reason, place)
    raise AssertionError("refused without a reason")


def _marked(read: Any, reason: str) -> Any:
    def marked(literal: str) -> Any:
        try:
            return read(literal)
        except _Refused:
            return _Wrong(reason)

    return marked


def _marked_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        members[name] = _Wrong("duplicate member name") if name in members else value
    return members


def _parts(value: Any, place: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Every member name and value of a JSON value, with its place."""
    if depth > MAX_DEPTH and isinstance(value, dict | list):
        raise _error(f"nested more than {MAX_DEPTH} deep")
    yield place, value
    if isinstance(value, dict):
        for name, member in value.items():
            yield f"a member name of {place}", name
            yield from _parts(member, f"{place}.{name}", depth + 1)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _parts(element, f"{place}[{index}]", depth + 1)


def _error(reason: str, place: str = "") -> json.JSONDecodeError:
    at = f" at {place[:_LONGEST_PLACE]}" if place else ""
    return json.JSONDecodeError(reason + at, "", 0)
