"""Which part of a period whole days, whole hours and single rows of usage logs are summed from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from llmring_core import clock
from llmring_core.periods import Period
from llmring_core.quantities import CLOCK_SKEW, EARLIEST

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
# No zone changes its offset for less than this.
_STEP = timedelta(days=7)
_ZERO = timedelta(0)


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
    """Divide a period.

    Sums are kept per hour. Where days of the zone do not begin on the hour (India, Nepal), nothing
    but the rows can tell on which day a call was made.
    """
    since, until = period
    offsets = set(_offsets(period, zone))
    if any(offset % _HOUR for offset in offsets):
        return Spans((until, until), (until, until), days_are_utc=False)
    hours = _whole(since, until, _HOUR)
    return Spans(hours, _whole(*hours, _DAY), days_are_utc=offsets == {_ZERO})


def _offsets(period: Period, zone: tzinfo) -> Iterator[timedelta]:
    """The offsets from UTC that a zone has in a period, as far as there can be calls in it."""
    if zone is UTC or str(zone) == "UTC":
        yield _ZERO
        return
    moment = max(period[0], EARLIEST)
    until = min(period[1], clock.now() + CLOCK_SKEW)
    while moment < until:
        yield moment.astimezone(zone).utcoffset() or _ZERO
        moment += _STEP
    yield max(until, EARLIEST).astimezone(zone).utcoffset() or _ZERO


def _whole(since: datetime, until: datetime, unit: timedelta) -> Period:
    """The whole hours or days in an interval; an empty one at its end if there are none."""
    first = since + (EARLIEST - since) % unit
    end = until - (until - EARLIEST) % unit
    return (first, end) if first < end else (until, until)
