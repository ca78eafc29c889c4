"""Usage logs: what a project logs is kept, counted once and costs what it costs."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from support.projects import a_call


async def test_a_log_answers_its_id_cost_and_time(alice):
    logged = await alice.logs(a_call(input_tokens=1200, output_tokens=350))
    assert set(logged) == {"log_id", "cost", "timestamp", "cost_status"}
    assert logged["cost"] == 0.0052
    assert logged["cost_status"] == "priced"


async def test_a_log_id_is_a_uuid_version_7_of_its_time(alice):
    logged = await alice.logs(a_call(timestamp="2026-03-01T12:00:00Z"))
    identifier = uuid.UUID(logged["log_id"])
    assert identifier.version == 7
    assert identifier.int >> 80 == datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000


async def test_a_given_cost_is_kept_as_it_is(alice):
    logged = await alice.logs(a_call(cost=0.123456789))
    assert (logged["cost"], logged["cost_status"]) == (0.123456789, "given")


async def test_an_unknown_model_is_not_free(alice):
    logged = await alice.logs(a_call(model="gpt-99"))
    assert (logged["cost"], logged["cost_status"]) == (None, "unpriced")


async def test_a_model_without_a_price_is_not_free(alice):
    logged = await alice.logs(a_call(model="no-price"))
    assert (logged["cost"], logged["cost_status"]) == (None, "unpriced")


@pytest.mark.parametrize("name", ["gpt-4.1", "openai:gpt-4.1", "openai/gpt-4.1", "gpt-4.1-latest"])
async def test_a_model_is_known_by_its_name_its_alias_and_with_its_provider(alice, name):
    logged = await alice.logs(a_call(model=name, input_tokens=1_000_000, output_tokens=0))
    assert logged["cost"] == 2.0


async def test_null_cached_tokens_count_as_none(alice):
    logged = await alice.logs(a_call(cached_input_tokens=None))
    assert logged["cost_status"] == "priced"


async def test_more_cached_than_input_tokens_is_refused(alice):
    response = await alice.ask("POST", "/api/v1/log", json=a_call(cached_input_tokens=1001))
    assert response.status_code == 422
    assert "cached_input_tokens" in response.text


async def test_unknown_members_are_ignored(alice):
    assert await alice.logs(a_call(something_new={"a": 1}))


async def test_the_same_id_at_origin_may_come_many_times(alice):
    for _ in range(3):
        await alice.logs(a_call(id_at_origin="conversation-1"))
    assert len(await alice.reads_logs()) == 3


async def test_a_cost_is_explained_line_by_line(alice):
    logged = await alice.logs(a_call(input_tokens=1200, cached_input_tokens=200, output_tokens=350))
    explained = await alice.reads(f"/api/v1/logs/{logged['log_id']}")
    pricing = explained["pricing"]
    assert (pricing["registry_version"], pricing["model"]) == (7, "gpt-4.1")
    assert [(line["item"], line["tokens"], line["cost"]) for line in pricing["lines"]] == [
        ("input_tokens", 1000, 0.002),
        ("cached_input_tokens", 200, 0.0001),
        ("output_tokens", 350, 0.0028),
    ]
    assert explained["cost"] == 0.0049


async def test_an_unpriced_row_says_null_alone_and_zero_in_a_list(alice):
    logged = await alice.logs(a_call(model="gpt-99"))
    explained = await alice.reads(f"/api/v1/logs/{logged['log_id']}")
    (listed,) = await alice.reads_logs()
    assert (explained["cost"], explained["cost_status"]) == (None, "unpriced")
    assert (listed["cost"], listed["cost_status"]) == (0, "unpriced")
    assert explained["pricing"]["reason"]


async def test_a_log_of_another_project_is_not_found(alice, bob):
    logged = await alice.logs()
    response = await bob.ask("GET", f"/api/v1/logs/{logged['log_id']}")
    assert response.status_code == 404
    assert await bob.reads_logs() == []


async def test_lists_are_newest_first_and_filtered(alice):
    for hour, model in enumerate(["gpt-4.1", "gpt-4o-mini", "gpt-4.1"]):
        await alice.logs(a_call(model=model, timestamp=f"2026-03-01T0{hour}:00:00Z", origin="app"))
    rows = await alice.reads_logs(model="gpt-4.1", origin="app")
    assert [row["logged_at"] for row in rows] == ["2026-03-01T02:00:00Z", "2026-03-01T00:00:00Z"]
    assert await alice.reads_logs(model="gpt-4.1", origin="other") == []


async def test_empty_query_values_count_as_absent(alice):
    await alice.logs()
    query = "limit=20&offset=0&alias=&model=&origin=&start_date=&end_date="
    assert len(await alice.reads(f"/api/v1/logs?{query}")) == 1


async def test_dates_are_whole_days_and_inclusive(alice):
    for day in ("2026-03-01T00:00:00Z", "2026-03-01T23:59:59.999Z", "2026-03-02T00:00:00Z"):
        await alice.logs(a_call(timestamp=day))
    assert len(await alice.reads_logs(start_date="2026-03-01", end_date="2026-03-01")) == 2
    assert len(await alice.reads_logs(start_date="2026-03-02")) == 1


async def test_pages_by_cursor_stay_right_while_rows_arrive(alice):
    for minute in range(6):
        await alice.logs(a_call(timestamp=f"2026-03-01T00:0{minute}:00Z"))
    seen, path = [], "/api/v1/logs?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [row["logged_at"][14:16] for row in response.json()]
        await alice.logs()  # arrives on top and must not shift what follows
        path = response.links["next"]["url"] if "next" in response.links else None
    assert seen == ["05", "04", "03", "02", "01", "00"]


async def test_the_last_page_names_no_next_one(alice):
    await alice.logs()
    response = await alice.ask("GET", "/api/v1/logs", params={"limit": 1})
    assert "link" not in response.headers
    assert "x-next-cursor" not in response.headers


async def test_an_offset_passes_over_rows(alice):
    for minute in range(3):
        await alice.logs(a_call(timestamp=f"2026-03-01T00:0{minute}:00Z"))
    (row,) = await alice.reads_logs(limit=1, offset=2)
    assert row["logged_at"] == "2026-03-01T00:00:00Z"


async def test_a_page_of_large_calls_ends_early_and_leads_on(alice):
    large = {"said": "x" * 1_500_000}
    for _ in range(4):
        await alice.logs(a_call(cost=0.1, metadata=large))
    response = await alice.ask("GET", "/api/v1/logs")
    cursor = response.headers["x-next-cursor"]
    rest = await alice.reads_logs(cursor=cursor)
    ids = [row["log_id"] for row in [*response.json(), *rest]]
    assert (len(response.json()), len(set(ids))) == (3, 4)


@pytest.mark.parametrize("cursor", ["nonsense", "!!", "MjAyNi0wMQ", "é"])
async def test_a_foreign_cursor_is_refused(alice, cursor):
    response = await alice.ask("GET", "/api/v1/logs", params={"cursor": cursor})
    assert response.status_code == 422


async def test_a_thousand_concurrent_logs_are_all_counted_once(alice):
    await asyncio.gather(*(alice.logs(a_call(cost=0.1)) for _ in range(1000)))
    summary = (await alice.reads_stats())["summary"]
    assert (summary["total_requests"], summary["total_cost"]) == (1000, 100.0)


async def test_a_timestamp_without_a_zone_is_utc(alice):
    logged = await alice.logs(a_call(timestamp="2026-03-01T12:00:00"))
    assert logged["timestamp"] == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize("days", [-36500, 2])
async def test_a_timestamp_of_another_age_is_refused(alice, days):
    moment = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    response = await alice.ask("POST", "/api/v1/log", json=a_call(timestamp=moment))
    assert response.status_code == 422


@pytest.mark.parametrize("tokens", [True, "many", 5.5, -1, 2**53, None, []])
async def test_what_is_no_count_of_tokens_is_refused(alice, tokens):
    response = await alice.ask("POST", "/api/v1/log", json=a_call(input_tokens=tokens))
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "input_tokens"]


async def test_a_cost_of_minus_zero_is_zero(alice):
    assert str((await alice.logs(a_call(cost=-0.0)))["cost"]) == "0.0"


@pytest.mark.parametrize("cost", [True, -1, "much", 1e10, 1e-31])
async def test_what_is_no_cost_is_refused(alice, cost):
    response = await alice.ask("POST", "/api/v1/log", json=a_call(cost=cost))
    assert response.status_code == 422


async def test_the_reason_of_malformed_json_is_told(alice):
    headers = {"Content-Type": "application/json"}
    body = b'{"provider": "a\\u0000"}'
    response = await alice.ask("POST", "/api/v1/log", content=body, headers=headers)
    assert "NUL character at $.provider" in response.json()["detail"][0]["msg"]


async def test_a_body_that_is_not_said_to_be_json_is_told_so(alice):
    response = await alice.ask("POST", "/api/v1/log", content=b"{}")
    assert response.status_code == 422
    assert "Content-Type: application/json" in response.json()["detail"][0]["msg"]
