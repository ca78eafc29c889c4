"""Sums of usage logs: at every moment exactly what the rows add up to."""

import asyncio
import random
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest

from llmring_core import partitions, usage_log
from llmring_core.callers import Caller
from llmring_core.calls import UsageEntry
from llmring_core.costs import AWAITING_REGISTRY, Cost, cost_of
from llmring_core.migrate import shipped
from llmring_core.periods import period, zone
from llmring_core.prices import PriceList
from llmring_core.registry_snapshot import read_provider
from llmring_server import create_app
from llmring_server.usage import summing
from llmring_server.usage.repricing import reprice
from llmring_server.usage.statistics import statistics
from llmring_server.usage.summing import fold, recount
from llmring_server.usage.writing import GroupWriter
from support.logged_calls import LOG, a_logged_call, the_same_call
from support.projects import Project, a_call

ALICE = Caller("alice")
FIRST = datetime(2026, 3, 27, tzinfo=UTC)  # two days before Europe puts its clocks forward
ZONES = ["UTC", "Europe/Madrid", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"]
ZONES += ["Asia/Singapore", "Australia/Lord_Howe"]
PERIODS = [
    (None, None),
    ("2026-03-28", "2026-03-30"),
    ("2026-03-28T10:20:30Z", "2026-03-30T23:59:59Z"),
    ("2026-03-28T10:20:00Z", "2026-03-28T10:50:00Z"),
    ("2026-03-28T10:00:00Z", "2026-03-28T12:00:00Z"),
    ("2026-03-29T00:30:00Z", "2026-03-30T00:30:00Z"),
    (None, "2026-03-29"),
    ("2026-03-31", None),
]


@pytest.fixture
async def postgres(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def some_calls(count, seed=1):
    chance = random.Random(seed)
    return [
        a_call(
            model=chance.choice(["gpt-4.1", "gpt-4o-mini", "ü"]),
            alias=chance.choice([None, "", "fast"]),
            origin=chance.choice([None, "app", "web"]),
            cost=chance.choice([None, "0.1", "0.000123", "7"]),
            input_tokens=chance.randrange(10_000),
            cached_input_tokens=0,
            timestamp=FIRST + timedelta(seconds=chance.randrange(6 * 86_400)),
        )
        for _ in range(count)
    ]


async def logs(database, calls, caller=ALICE):
    entries = [UsageEntry.model_validate(call) for call in calls]
    priced = [(entry, cost_of(entry, None)) for entry in entries]
    async with database.transaction() as tx:
        await usage_log.add(tx, caller, priced)


def added_up(calls, since, until, tz, grouping):
    """What statistics should say, worked out call by call."""
    by_day = defaultdict(lambda: [0, Decimal(0), 0])
    by_name = defaultdict(lambda: [0, Decimal(0), 0])
    for call in calls:
        if not since <= call["timestamp"] < until:
            continue
        local = call["timestamp"].astimezone(ZoneInfo(tz)).date()
        first = {"day": local, "month": local.replace(day=1)}
        first["week"] = local - timedelta(days=local.weekday())
        names = [(each, call[each]) for each in ("model", "alias", "origin")]
        named = [by_name[each] for each in names if each[1] is not None]
        for sums in (by_day[first[grouping]], *named):
            sums[0] += 1
            sums[1] += Decimal(call["cost"] or 0)
            sums[2] += call["input_tokens"]
    return dict(by_day), dict(by_name)


def told(stats):
    """The same of what statistics do say."""
    by_name = {}
    for each in ("model", "alias", "origin"):
        for name, sums in getattr(stats, f"by_{each}").items():
            by_name[each, name] = [sums.requests, sums.cost, sums.input_tokens]
    by_day = {day.date: [day.requests, day.cost, day.input_tokens] for day in stats.by_day}
    return by_day, by_name


async def check_everything(database, calls):
    for tz in ZONES:
        for start, end in PERIODS:
            wanted = period(start, end, zone(tz))
            for grouping in ("day", "week", "month"):
                stats = await statistics(database, ALICE, wanted, grouping, tz)
                expected = added_up(calls, *wanted, tz, grouping)
                assert told(stats) == expected, (tz, start, end, grouping)


async def test_statistics_are_those_of_the_rows_before_during_and_after_folding(database):
    first, second = some_calls(300), some_calls(300, seed=2)
    await logs(database, first)
    await check_everything(database, first)
    await fold(database)
    await check_everything(database, first)
    await logs(database, second)
    await check_everything(database, first + second)
    await fold(database)
    await check_everything(database, first + second)


async def test_after_folding_nothing_is_left_to_fold(database, postgres):
    await logs(database, some_calls(50))
    assert await fold(database) > 0
    assert await fold(database) == 0
    assert await postgres.fetchval("select count(*) from llmring.usage_changes") == 0


async def test_a_recount_finds_nothing_where_all_is_well(database):
    await logs(database, some_calls(100))
    assert await recount(database) == []
    await fold(database)
    assert await recount(database) == []


@pytest.mark.parametrize(
    "harm",
    [
        "update llmring.usage_sums set requests = requests + 1 where dimension = 'all'",
        "update llmring.usage_sums set cost = cost + 0.000001 where dimension = 'model'",
        "delete from llmring.usage_sums where grain = 'day'",
        "insert into llmring.usage_changes select 'alice', '2026-03-28 10:00Z', 'x', null, null, "
        "1, 0, 0, 0, 0, 0",
    ],
    ids=["a request more", "a little money more", "no days", "a call that never was"],
)
async def test_a_recount_finds_what_is_wrong(database, postgres, harm):
    await logs(database, some_calls(20))
    await fold(database)
    await postgres.execute(harm)
    assert await recount(database)


async def test_a_recount_puts_right_what_is_wrong(database, postgres):
    calls = some_calls(50)
    await logs(database, calls)
    await fold(database)
    await postgres.execute("delete from llmring.usage_sums where dimension = 'all'")
    await postgres.execute("update llmring.usage_sums set cost = cost + 1 where grain = 'hour'")
    assert await recount(database, repair=True)
    assert await recount(database) == []
    await check_everything(database, calls)


async def test_rows_that_left_with_their_month_stay_in_the_sums(database, postgres):
    await logs(database, [a_call(timestamp="2021-03-01T12:00:00Z"), a_call()])
    async with database.transaction() as tx:
        await partitions.make_ahead(tx, today=datetime(2021, 3, 5, tzinfo=UTC))
    await postgres.execute("drop table llmring.usage_logs_2021_03")
    assert await recount(database, repair=True) == []
    stats = await statistics(database, ALICE, period(None, None), "day", "UTC")
    assert stats.summary.total_requests == 2


async def test_who_may_write_logs_needs_no_right_to_the_sums(database, postgres):
    await postgres.execute(f"create role {(role := f'writer_{uuid.uuid4().hex}')}")
    await postgres.execute(f"grant usage on schema llmring to {role}")
    await postgres.execute(f"grant insert, select on llmring.usage_logs to {role}")
    await postgres.execute(f"set role {role}")
    columns = "api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens"
    await postgres.execute(
        f"insert into llmring.usage_logs ({columns}, cached_input_tokens, cost, cost_status)"
        " values ('alice', now(), gen_random_uuid(), 'openai', 'x', 1, 1, 0, 1, 'given')"
    )
    await postgres.execute("reset role")
    assert await recount(database) == []
    await postgres.execute(f"drop owned by {role}; drop role {role}")


async def test_a_host_that_folds_nothing_has_it_folded_behind_its_writes(
    database, postgres, monkeypatch
):
    monkeypatch.setattr(summing, "MANY_CHANGES", 5)
    notes = summing.Notes(database)
    writer = GroupWriter(database, notes.came)
    entry = UsageEntry.model_validate(a_call(cost=1))
    for _ in range(6):
        calls = usage_log.numbered([(entry, cost_of(entry, None))])
        await writer.add("alice", calls, 100)
    await notes._task
    assert await postgres.fetchval("select count(*) from llmring.usage_changes") == 0


async def keyed(project):
    await project.ask("POST", "/api/v1/log", json=a_call(), headers={"Idempotency-Key": "k"})


async def with_its_conversation(project):
    await project.ask("POST", "/api/v1/conversations/log", json=a_logged_call())


@pytest.mark.parametrize("write", [keyed, with_its_conversation])
async def test_every_way_to_write_counts(database, write):
    app, noted = create_app(database, standalone=False), []
    app.state.usage_noted = lambda: noted.append(write)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await write(Project(client, "alice"))
    assert noted


@pytest.mark.parametrize("tz", ["CET", "MET", "Europe/Brussels"])
async def test_old_names_of_zones_have_summer_time_too(database, tz):
    await logs(database, [a_call(timestamp="2026-07-01T22:30:00Z")])
    wanted = period("2026-07-02", "2026-07-02", zone(tz))
    stats = await statistics(database, ALICE, wanted, "day", tz)
    assert [str(each.date) for each in stats.by_day] == ["2026-07-02"]


async def test_a_clock_that_is_put_back_past_midnight_divides_its_hour(database):
    # At 00:01 it became 23:01 of the day before (03:01 UTC).
    times = ["02:30:00Z", "03:00:30Z", "03:30:00Z", "04:00:00Z"]
    await logs(database, [a_call(timestamp=f"2010-11-07T{time}") for time in times])
    await fold(database)
    zone_of_it = "America/Goose_Bay"
    stats = await statistics(database, ALICE, period(None, None), "day", zone_of_it)
    assert {str(day.date): day.requests for day in stats.by_day} == {
        "2010-11-06": 2,
        "2010-11-07": 2,
    }


async def test_the_end_of_time_has_no_calls(database):
    for start, end in [("T23:30:00", "T23:50:00"), ("T05:00:00", "T08:00:00")]:
        wanted = period(f"9999-12-31{start}", f"9999-12-31{end}")
        stats = await statistics(database, ALICE, wanted, "day", "UTC")
        assert stats.summary.total_requests == 0


async def test_rows_that_are_priced_later_move_the_sums(database):
    entry = UsageEntry.model_validate(a_call(input_tokens=1_000_000, output_tokens=0))
    await usage_log.add(database, ALICE, [(entry, Cost(None, "unpriced", AWAITING_REGISTRY))])
    await fold(database)
    file = '{"models": {"gpt-4.1": {"dollars_per_million_tokens_input": 2.0}}}'
    await reprice(database, PriceList({"openai": read_provider(file)}))
    assert await recount(database) == []


async def test_a_call_that_is_reported_twice_is_summed_once(database, alice, kind):
    response = await alice.ask("POST", LOG, json=a_logged_call(cost=0.5, alias=None))
    identifier = response.json()["conversation_id"]
    await alice.logs(the_same_call(identifier, cost=0.75, alias="fast", origin="app"))
    assert await recount(database) == []
    stats = await alice.reads_stats()
    assert (stats["summary"]["total_requests"], stats["summary"]["total_cost"]) == (1, 0.75)
    assert stats["by_alias"]["fast"]["requests"] == 1


async def test_rows_that_are_deleted_leave_the_sums(database, postgres):
    await logs(database, some_calls(20))
    await fold(database)
    await postgres.execute("delete from llmring.usage_logs where model = 'ü'")
    assert await recount(database) == []


async def test_rows_that_move_into_a_new_month_are_not_counted_again(database, postgres):
    await logs(database, [a_call(timestamp="2021-03-01T12:00:00Z")])
    async with database.transaction() as tx:
        await partitions.make_ahead(tx, today=datetime(2021, 3, 5, tzinfo=UTC))
    assert await recount(database) == []


async def test_sums_stay_right_while_many_write_and_several_fold(database):
    is_over = asyncio.Event()

    async def writer(number):
        for step in range(20):
            await logs(database, some_calls(5, seed=number * 100 + step), Caller(f"p{number % 3}"))

    async def folder():
        while not is_over.is_set():
            await fold(database)

    async def counter():
        differences = []
        while not is_over.is_set():
            differences += await recount(database)
        return differences

    others = [asyncio.create_task(each) for each in (folder(), folder(), counter())]
    await asyncio.gather(*(writer(number) for number in range(8)))
    is_over.set()
    assert (await asyncio.gather(*others))[-1] == []
    assert await recount(database) == []


async def test_what_was_there_before_the_sums_is_in_them(database, postgres):
    await postgres.execute("alter table llmring.usage_logs disable trigger user")
    await logs(database, some_calls(100))
    assert await recount(database)
    migration = next(each for each in shipped() if each.name == "0007_pre_statistics")
    backfill = migration.sql[migration.sql.index("-- What is there already") :]
    await postgres.execute(database.sql(backfill))
    assert await recount(database) == []
