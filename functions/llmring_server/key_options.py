"""What `llmring-server keys` takes: scopes, days and hours as they are written."""

from argparse import ArgumentTypeError

from llmring_core.api_keys import MAX_OVERLAP_HOURS, SCOPES

MAX_DAYS = 36_500  # as the settings take them


def scopes(text: str) -> list[str]:
    """Read scopes with commas between them; raises ArgumentTypeError if one is none."""
    names = [name.strip() for name in text.split(",")]
    if unknown := set(names).difference(SCOPES):
        raise ArgumentTypeError(f"{min(unknown)!r} is no scope; scopes are {', '.join(SCOPES)}")
    return names


def days(text: str) -> int:
    """Read how long a key opens; raises ArgumentTypeError if it is no number of whole days."""
    return _whole(text, 1, MAX_DAYS, "days")


def hours(text: str) -> int:
    """Read how long a replaced key opens; raises ArgumentTypeError like `days`."""
    return _whole(text, 0, MAX_OVERLAP_HOURS, "hours")


def _whole(text: str, least: int, most: int, unit: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ArgumentTypeError(f"a whole number of {unit}, {least} or more, at most {most}")
    return number
