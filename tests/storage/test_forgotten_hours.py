"""Hours whose rows have left, where a question cuts them: parts add up to the whole."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from llmring_core import usage_log
from llmring_core.callers import Caller
from llmring_core.calls import UsageEntry
from llmring_core.costs import cost_of
from llmring_core.partitions import drop_old
from llmring_core.periods import period, zone
from llmring_server.usage.statistics import statistics
from llmring_server.usage.summing import fold
from support.projects import a_call

ALICE = Caller("alice")
KOLKATA, KATHMANDU = "Asia/Kolkata", "Asia/Kathmandu"  # midnight is at 18:30 and 18:15 of UTC
ZONES = [KOLKATA, KATHMANDU, "Australia/Lord_Howe", "America/St_Johns", "Europe/Madrid", "UTC"]
LATER = datetime(2026, 11, 5, tzinfo=UTC)  # then there are rows from November on
DAYS = [f"2026-10-{day:02}" for day in range(29, 32)]
DAYS += [f"2026-11-{day:02}" for day in range(1, 4)]


async def logs(database, *times, count=1, **members):
    calls = [a_call(cost=1, timestamp=time, **members) for time in times for _ in range(count)]
    entries = [UsageEntry.model_validate(call) for call in calls]
    async with database.transaction() as tx:
        await usage_log.add(tx, ALICE, [(entry, cost_of(entry, None)) for entry in entries])


async def forgets(database):
    await drop_old(database, days=1, today=LATER)


async def asks(database, start, end, tz):
    return await statistics(database, ALICE, period(start, end, zone(tz)), "day", tz)


async def counts(database, start, end=None, tz="UTC"):
    """The calls of a day, or from a date or time to another."""
    return (await asks(database, start, end or start, tz)).summary.total_requests


async def by_day(database, start, end, tz):
    stats = await asks(database, start, end, tz)
    return {str(day.date): day.requests for day in stats.by_day}


@pytest.fixture(params=[True, False], ids=["folded", "not folded"])
async def forgotten(request, database):
    """Five calls at each of two times whose hour a midnight of India cuts, on either side of it."""
    await logs(database, "2026-06-30T18:20:00Z", "2026-09-15T18:30:00Z", count=5)
    if request.param:
        await fold(database)
    await forgets(database)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-06-01", "2026-06-30", 5),
        ("2026-07-01", "2026-07-31", 0),
        ("2026-06-01", "2026-07-31", 5),
        ("2026-09-15", "2026-09-15", 5),
        ("2026-09-16", "2026-09-16", 0),
        ("2026-09-15", "2026-09-16", 5),
    ],
)
@pytest.mark.parametrize("tz", [KOLKATA, KATHMANDU])
async def test_a_cut_hour_counts_for_the_day_it_begins_on(
    database, forgotten, tz, start, end, expected
):
    assert await counts(database, start, end, tz) == expected


async def test_it_is_shown_under_the_day_it_begins_on(database, forgotten):
    assert await by_day(database, "2026-09-15", "2026-09-15", KOLKATA) == {"2026-09-15": 5}


async def test_it_counts_for_model_alias_and_origin_too(database):
    await logs(database, "2026-09-15T18:40:00Z", model="m", alias="fast", origin="app")
    await forgets(database)
    stats = await asks(database, "2026-09-15", "2026-09-15", KOLKATA)
    found = [stats.by_model["m"], stats.by_alias["fast"], stats.by_origin["app"]]
    assert [each.requests for each in found] == [1, 1, 1]


@pytest.mark.parametrize("tz", [KOLKATA, KATHMANDU])
async def test_where_there_are_rows_each_counts_for_its_own_day(database, tz):
    await logs(database, "2026-11-10T18:10:00Z", "2026-11-10T18:40:00Z", "2026-11-10T18:50:00Z")
    await forgets(database)
    days = [await counts(database, day, tz=tz) for day in ("2026-11-10", "2026-11-11")]
    assert days == [1, 2]


async def test_the_day_on_which_the_rows_begin_is_exact_from_there_on(database):
    # The month begins at 5:30 of the first day in India; the evening before it has no rows.
    await logs(database, "2026-10-31T18:10:00Z", "2026-10-31T18:40:00Z", "2026-11-01T18:10:00Z")
    await logs(database, "2026-11-01T18:40:00Z")
    await forgets(database)
    days = ("2026-10-31", "2026-11-01", "2026-11-02")
    assert [await counts(database, day, tz=KOLKATA) for day in days] == [2, 1, 1]


async def test_a_late_call_of_a_forgotten_hour_counts_once_and_with_its_hour(database, forgotten):
    await logs(database, "2026-09-15T18:50:00Z", "2026-06-30T18:10:00Z")
    days = ("2026-06-30", "2026-07-01", "2026-09-15", "2026-09-16")
    assert [await counts(database, day, tz=KOLKATA) for day in days] == [6, 0, 6, 0]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-09-15T18:00:00Z", "2026-09-15T18:30:00Z", 5),
        ("2026-09-15T18:30:00Z", "2026-09-15T18:59:59Z", 0),
        ("2026-09-15T18:10:00Z", "2026-09-15T18:50:00Z", 0),
        ("2026-09-15T17:30:00Z", "2026-09-15T18:30:00Z", 5),
        ("2026-09-15T18:30:00Z", "2026-09-15T19:30:00Z", 0),
        ("2026-09-15T00:00:00Z", "2026-09-15T23:59:59Z", 5),
    ],
)
async def test_a_time_that_cuts_an_hour_leaves_it_where_it_begins(
    database, forgotten, start, end, expected
):
    assert await counts(database, start, end) == expected


async def test_a_time_on_the_hour_asks_for_nothing_of_the_hour_that_follows(database, forgotten):
    assert await counts(database, "2026-09-15T12:00:00Z", "2026-09-15T18:00:00Z") == 0
    assert await counts(database, "2026-09-15T18:00:00Z", "2026-09-16T18:00:00Z") == 5


async def test_an_hour_is_not_lost_between_a_time_and_the_next_microsecond(database, forgotten):
    assert await counts(database, "2026-09-15T18:00:00.000001Z", "2026-09-15T18:30:00Z") == 5


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("seed", range(2))
async def test_days_add_up_to_their_month(database, tz, seed):
    chance = random.Random(seed)
    first = datetime(2026, 10, 28, tzinfo=UTC)
    times = [first + timedelta(minutes=chance.randrange(8 * 1440)) for _ in range(300)]
    await logs(database, *times[:200])
    await fold(database)
    await logs(database, *times[200:])
    await forgets(database)
    whole = await by_day(database, DAYS[0], DAYS[-1], tz)
    parts = {day: await by_day(database, day, day, tz) for day in DAYS}
    assert parts == {day: {day: whole[day]} for day in DAYS}


@pytest.mark.parametrize("seed", range(3))
async def test_parts_add_up_wherever_a_period_is_divided(database, seed):
    chance = random.Random(seed)
    first = datetime(2026, 10, 31, 20, tzinfo=UTC)
    await logs(database, *(first + timedelta(minutes=each) for each in range(0, 480, 7)))
    await forgets(database)
    some = [chance.randrange(1, 480) * 60_000_000 for _ in range(12)]
    close = [chance.randrange(1, 8) * 3_600_000_000 + chance.randrange(-2, 3) for _ in range(12)]
    bounds = [first + timedelta(microseconds=each) for each in sorted({0, *some, *close})]
    bounds.append(first + timedelta(hours=8))
    parts = [await statistics(database, ALICE, each, "day", "UTC") for each in pairwise(bounds)]
    assert sum(each.summary.total_requests for each in parts) == len(range(0, 480, 7))
