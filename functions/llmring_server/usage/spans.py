"""Which part of a period whole days, whole hours and single rows of usage logs are summed from."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from llmring_core.periods import Period
from llmring_core.quantities import EARLIEST

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Spans:
    """Nested half-open intervals: `days` lies in `hours`, that in the period.

    `days_are_utc` says that days of the zone asked for are days of UTC. If not, sums of days still
    tell what was spent in all, not on which day.
    """

    hours: Period
    days: Period
    days_are_utc: bool


def spans(period: Period, zone: tzinfo) -> Spans:
    """Divide a period."""
    since, until = period
    hours = _whole(since, until, _HOUR)
    # Of a zone that always has the same offset, the offset does not depend on the time.
    return Spans(hours, _whole(*hours, _DAY), days_are_utc=zone.utcoffset(None) == timedelta(0))


def _whole(since: datetime, until: datetime, unit: timedelta) -> Period:
    """The whole hours or days in an interval; an empty one at its end if there are none."""
    first = since + (EARLIEST - since) % unit
    end = until - (until - EARLIEST) % unit
    return (first, end) if first < end else (until, until)
