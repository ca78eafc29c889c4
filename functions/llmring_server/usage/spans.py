"""Which part of a period whole days, whole hours and single rows of usage logs are summed from."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from llmring_core.periods import Period
from llmring_core.quantities import EARLIEST

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_LAST = datetime.max.replace(tzinfo=UTC) - _HOUR


@dataclass(frozen=True, slots=True)
class Spans:
    """Nested half-open intervals: `days` lies in `hours`, that in the period.

    `days_are_utc` says that days of the zone asked for are days of UTC. If not, sums of days still
    tell what was spent in all, not on which day. `cut` are hours that a bound of the period cuts,
    and that count whole for this period, not for the one on the other side, if no rows are left.
    """

    hours: Period
    days: Period
    days_are_utc: bool
    cut: list[datetime]


def spans(period: Period, zone: tzinfo) -> Spans:
    """Divide a period."""
    since, until = period
    hours = _whole(since, until, _HOUR)
    # Of a zone that always has the same offset, the offset does not depend on the time.
    days_are_utc = zone.utcoffset(None) == timedelta(0)
    return Spans(hours, _whole(*hours, _DAY), days_are_utc, _cut(period, hours))


def _cut(period: Period, hours: Period) -> list[datetime]:
    """The first and the last hour that begin in a period, if they are not whole in it."""
    first, end = map(_first_to_begin, period)
    return [
        hour
        for hour in sorted({first, end - _HOUR})
        if first <= hour < end and not hours[0] <= hour < hours[1]
    ]


def _first_to_begin(moment: datetime) -> datetime:
    """From which hour on hours begin at or after a moment.

    A period up to 18:00 ends a microsecond later, as that moment is in it: its hour does not count
    as begun before the second microsecond.
    """
    # No call is older, and the last hour that there is in a calendar has no end to look for.
    before = min(max(moment, EARLIEST), _LAST) - _MOMENT
    return before + (EARLIEST - before) % _HOUR


def _whole(since: datetime, until: datetime, unit: timedelta) -> Period:
    """The whole hours or days in an interval; an empty one at its end if there are none."""
    first = since + (EARLIEST - since) % unit
    end = until - (until - EARLIEST) % unit
    return (first, end) if first < end else (until, until)
