"""Statistics: exact sums, real grouping, up to the last acknowledged row."""

import pytest

from support.projects import a_call


async def test_a_project_without_calls_has_empty_statistics(alice):
    stats = await alice.reads_stats()
    assert stats["summary"]["total_requests"] == 0
    assert stats["summary"]["total_cost"] == 0
    assert (stats["by_day"], stats["by_model"], stats["by_origin"], stats["by_alias"]) == (
        [],
        {},
        {},
        {},
    )


async def test_a_project_never_sees_the_usage_of_another(alice, bob):
    await alice.logs()
    assert (await bob.reads_stats())["summary"]["total_requests"] == 0


async def test_the_summary_counts_requests_tokens_models_and_origins(alice):
    await alice.logs(a_call(cost=1, origin="a"))
    await alice.logs(a_call(cost=2, origin="b", model="gpt-4o-mini", cached_input_tokens=10))
    summary = (await alice.reads_stats())["summary"]
    assert summary == {
        "total_requests": 2,
        "total_cost": 3.0,
        "total_tokens": 2200,
        "input_tokens": 2000,
        "output_tokens": 200,
        "cached_input_tokens": 10,
        "unique_models": 2,
        "unique_origins": 2,
        "unpriced_requests": 0,
    }


async def test_sums_of_costs_are_exact(alice):
    await alice.logs_batch([a_call(cost=0.1)] * 1000)
    assert (await alice.reads_stats())["summary"]["total_cost"] == 100.0


async def test_unpriced_calls_are_counted_apart(alice):
    await alice.logs(a_call(cost=1))
    await alice.logs(a_call(model="gpt-99"))
    stats = await alice.reads_stats()
    assert stats["summary"]["unpriced_requests"] == 1
    assert stats["by_model"]["gpt-99"]["unpriced_requests"] == 1
    assert stats["by_model"]["gpt-99"]["cost"] == 0


async def test_sums_by_model_origin_and_alias_leave_out_the_nameless(alice):
    await alice.logs(a_call(cost=1, origin="app", alias="fast"))
    await alice.logs(a_call(cost=2))
    stats = await alice.reads_stats()
    assert stats["by_model"]["gpt-4.1"]["requests"] == 2
    assert stats["by_origin"] == {"app": stats["by_alias"]["fast"]}
    assert stats["by_alias"]["fast"]["cost"] == 1.0


@pytest.mark.parametrize(
    ("group_by", "dates"),
    [
        ("day", ["2026-03-08", "2026-03-03", "2026-03-02"]),
        ("week", ["2026-03-02"]),
        ("month", ["2026-03-01"]),
    ],
)
async def test_group_by_really_groups(alice, group_by, dates):
    for day in ("02", "03", "08"):
        await alice.logs(a_call(timestamp=f"2026-03-{day}T12:00:00Z"))
    stats = await alice.reads_stats(group_by=group_by)
    assert [each["date"] for each in stats["by_day"]] == dates
    assert sum(each["requests"] for each in stats["by_day"]) == 3


async def test_the_top_model_of_a_day_is_the_one_called_most(alice):
    for model in ("gpt-4o-mini", "gpt-4.1", "gpt-4o-mini"):
        await alice.logs(a_call(model=model))
    (day,) = (await alice.reads_stats())["by_day"]
    assert day["top_model"] == "gpt-4o-mini"


async def test_days_are_utc_unless_a_zone_is_named(alice):
    await alice.logs(a_call(timestamp="2026-03-01T23:30:00Z"))
    (utc,) = (await alice.reads_stats())["by_day"]
    (madrid,) = (await alice.reads_stats(tz="Europe/Madrid"))["by_day"]
    assert (utc["date"], madrid["date"]) == ("2026-03-01", "2026-03-02")


async def test_dates_are_of_the_named_zone(alice):
    await alice.logs(a_call(timestamp="2026-03-01T23:30:00Z"))
    wanted = {"start_date": "2026-03-02", "end_date": "2026-03-02"}
    assert (await alice.reads_stats(**wanted))["summary"]["total_requests"] == 0
    madrid = await alice.reads_stats(**wanted, tz="Europe/Madrid")
    assert madrid["summary"]["total_requests"] == 1


async def test_empty_values_count_as_absent(alice):
    await alice.logs()
    stats = await alice.reads("/api/v1/stats?start_date=&end_date=&group_by=")
    assert stats["summary"]["total_requests"] == 1


@pytest.mark.parametrize(
    "params",
    [
        {"start_date": "soon"},
        {"end_date": "2026-02-30"},
        {"start_date": "2026-03-02", "end_date": "2026-03-01"},
        {"group_by": "year"},
        {"tz": "Mars/Olympus"},
        {"tz": "../../etc/passwd"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(alice, params):
    response = await alice.ask("GET", "/api/v1/stats", params=params)
    assert response.status_code == 422
