"""Canonical JSON (RFC 8785), and reading the JSON that it is defined for: I-JSON (RFC 7493)."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import rfc8785

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 250
# No double is written with more digits than 1e21 - 1, so a longer literal is refused unread.
_LONGEST_INTEGER = len("-100000000000000000000")
_SMALLEST_PLAIN = 1e-4  # below, Python writes an exponent, and RFC 8785 only below 1e-6
_LONGEST_PLACE = 200
_SURELY_EXACT = len(str(MAX_INTEGER))
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


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
    read, as the same value. Nesting may be 250 deep.

    Raises:
        json.JSONDecodeError: with the reason and the place, `$.tokens.input`.
    """
    decoded = _decode(text)
    try:
        return _read(decoded)
    except RecursionError:
        raise _too_deep() from None


def depth(value: Any) -> int:
    """How deep arrays and objects are nested in a value."""
    found, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        found += 1
        level = [
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return found


class _Refused(ValueError):
    """Something is not I-JSON; where it stands is found out by a second look."""


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Takes the place of what was refused, so that its place can be found."""

    reason: str


def _decode(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError("not UTF-8", "", error.start) from None


def _read(text: str) -> Any:
    try:
        value = _READER.decode(text)
        _refuse_lone_surrogates(text, value)
    except _Refused:
        _blame(text)
    if text.count("{") + text.count("[") > MAX_DEPTH and depth(value) > MAX_DEPTH:
        raise _too_deep()
    return value


def _refuse_lone_surrogates(text: str, value: Any) -> None:
    if _SURROGATE_ESCAPE.search(text):
        try:
            _write_plain(value).encode()
        except UnicodeEncodeError:
            raise _Refused from None


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


def _blame(text: str) -> NoReturn:
    """Read a text again that was refused, and say what is wrong where."""
    marked = json.loads(
        text,
        object_pairs_hook=_marked_object,
        parse_int=_marked(
            _integer, "integer that a double may not hold exactly (write it as text)"
        ),
        parse_float=_marked(_float, "number out of range"),
        parse_constant=_marked(_constant, "not a JSON number"),
    )
    reason, place = _first_wrong(marked, 0) or ("not I-JSON", "")
    raise json.JSONDecodeError(f"{reason} at ${place[:_LONGEST_PLACE]}", "", 0)


def _marked(read: Callable[[str], Any], reason: str) -> Callable[[str], Any]:
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


def _first_wrong(value: Any, depth: int) -> tuple[str, str] | None:
    """The first fault in a value, and its place below the value."""
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, _Wrong):
        return value.reason, ""
    if isinstance(value, str):
        return ("lone surrogate", "") if _SURROGATE.search(value) else None
    for step, inner in _steps(value):
        if found := _first_wrong(inner, depth + 1):
            return found[0], step + found[1]
    return None


def _steps(value: Any) -> Iterator[tuple[str, Any]]:
    """What is in a value, each with the step to it; a name stands where its object is."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield "", name
            yield _step(name), member
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield f"[{index}]", element


def _step(name: str) -> str:
    """A member in a place; a name that might be mistaken for something else is quoted."""
    return f".{name}" if _PLAIN_NAME.fullmatch(name) else f"[{json.dumps(name)}]"


def _too_deep() -> json.JSONDecodeError:
    return json.JSONDecodeError(f"nested more than {MAX_DEPTH} deep", "", 0)
