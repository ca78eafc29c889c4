"""What options of the command take, and how that is told; each raises ArgumentTypeError."""

import re
from argparse import ArgumentTypeError

from llmring_core.api_keys import MAX_OVERLAP_HOURS, SCOPES

MAX_DAYS = 36_500  # as the settings take them
MAX_WORKERS = 1000


def scopes(text: str) -> list[str]:
    """Read scopes with commas between them."""
    names = [name.strip() for name in text.split(",")]
    if unknown := set(names).difference(SCOPES):
        raise ArgumentTypeError(f"{min(unknown)!r} is no scope; scopes are {', '.join(SCOPES)}")
    return names


def days(text: str) -> int:
    """Read how long a key opens."""
    return _whole(text, 1, MAX_DAYS, "days")


def hours(text: str) -> int:
    """Read how long a replaced key opens."""
    return _whole(text, 0, MAX_OVERLAP_HOURS, "hours")


def port(text: str) -> int:
    """Read a port of TCP; 0 for any that is free."""
    return _whole(text, 0, 65_535)


def workers(text: str) -> int:
    """Read how many processes serve."""
    return _whole(text, 1, MAX_WORKERS)


def key_id(text: str) -> str:
    """Read a name for a signing key."""
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", text):
        raise ArgumentTypeError("1 to 255 visible ASCII characters")
    return text


def _whole(text: str, least: int, most: int, unit: str = "") -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        of = f" of {unit}" if unit else ""
        raise ArgumentTypeError(f"a whole number{of}, {least} or more, at most {most}")
    return number
