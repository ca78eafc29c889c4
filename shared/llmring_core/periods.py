"""Which calls a question is about: from a date to a date, in a time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from importlib.resources import files
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from pydantic.config import JsonDict

from llmring_core.errors import Unprocessable, raises

ALWAYS = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
# Somebody's "for ever" is fine; the day after it must be a date in every zone.
LAST_DAY = date(9999, 12, 28)
# Formats as JSON Schema names them, for what no pattern can say.
DAY_OR_TIME: JsonDict = {"format": "date-or-time"}
ZONE_NAME: JsonDict = {"format": "time-zone"}
_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_LOST_PLUS = re.compile(r"(T.*) (\d{2}:?\d{2})")

_NO_ZONE = "tz is not the name of a time zone, such as Europe/Madrid."
# Old names that PostgreSQL takes for an offset without summer time; as IANA's `backward` has them.
_SAME_AS = {
    "CET": "Europe/Brussels",
    "MET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}

Period = tuple[datetime, datetime]


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises:
        Unprocessable: there is none of that name.
    """
    if not _ZONE.fullmatch(name):  # such as localtime, which is this machine's own
        raise Unprocessable(_NO_ZONE)
    try:
        return _zone(_SAME_AS.get(name, name))
    except (OSError, ValueError, KeyError) as error:
        raise Unprocessable(_NO_ZONE) from error


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    """A zone of the package tzdata: a machine's own database may be years older."""
    path = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def period(start: str | None, end: str | None, zone: tzinfo = UTC) -> Period:
    """Read a start and an end, both inclusive, as a half-open interval.

    A date stands for the whole day in `zone`; a time without an offset is in `zone` too.

    Raises:
        Unprocessable: one is not a date or time of ISO 8601, or they are the wrong way round.
    """
    since = _read("start_date", start, zone)[0] if start else ALWAYS[0]
    until = _read("end_date", end, zone)[1] if end else ALWAYS[1]
    if since >= until:
        raise Unprocessable("start_date lies after end_date.")
    return since, until


def _read(name: str, text: str, zone: tzinfo) -> Period:
    """The half-open interval that a date or a time stands for."""
    try:
        if (day := _date(text)) is not None:
            day = min(day, LAST_DAY)
            return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        # An offset's plus sign that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        moment = min(max(moment, ALWAYS[0]), ALWAYS[1])
        return moment, moment + timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise Unprocessable(f"{name} is not a date or time such as 2026-11-30.") from error


def _date(text: str) -> date | None:
    """A date of ISO 8601: 2026-11-30, 20261130 or 2026-W49-1; None if it has a time."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


@raises(Unprocessable)
async def _period(
    start_date: Annotated[
        str | None,
        Query(
            max_length=64,
            description="A date or time (ISO 8601), inclusive.",
            json_schema_extra=DAY_OR_TIME,
        ),
    ] = None,
    end_date: Annotated[
        str | None,
        Query(
            max_length=64,
            description="A date or time (ISO 8601), inclusive.",
            json_schema_extra=DAY_OR_TIME,
        ),
    ] = None,
    tz: Annotated[
        str,
        Query(
            max_length=64,
            description="The time zone of days, an IANA name.",
            json_schema_extra=ZONE_NAME,
        ),
    ] = "UTC",
) -> Period:
    return period(start_date, end_date, zone(tz))


PeriodDep = Annotated[Period, Depends(_period)]
