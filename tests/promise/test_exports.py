"""Exports: every row, as NDJSON or CSV."""

import csv
import io
import json

from support.projects import a_call


async def test_ndjson_has_a_row_per_line(alice):
    await alice.logs_batch([a_call(cost=0.1)] * 3)
    response = await alice.ask("GET", "/api/v1/logs/export")
    assert response.headers["content-type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in response.text.splitlines()]
    assert rows == await alice.reads_logs()


async def test_an_export_goes_beyond_one_page(alice):
    for _ in range(3):
        await alice.logs_batch([a_call(cost=0.1)] * 900)
    response = await alice.ask("GET", "/api/v1/logs/export")
    rows = [json.loads(line)["log_id"] for line in response.text.splitlines()]
    assert (len(rows), len(set(rows))) == (2700, 2700)


async def test_an_export_of_large_calls_is_whole(alice):
    large = {"said": "x" * 300_000}
    await alice.logs_batch([a_call(cost=0.1, metadata=large)] * 5)
    response = await alice.ask("GET", "/api/v1/logs/export")
    assert len({json.loads(line)["log_id"] for line in response.text.splitlines()}) == 5


async def test_csv_has_a_header_and_quotes_what_needs_it(alice):
    await alice.logs(a_call(alias='a,"b"', metadata={"k": [1]}))
    response = await alice.ask("GET", "/api/v1/logs/export", params={"format": "csv"})
    assert response.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(response.text))
    assert (row["alias"], json.loads(row["metadata"])) == ('a,"b"', {"k": [1]})


async def test_an_empty_csv_is_its_header(alice):
    response = await alice.ask("GET", "/api/v1/logs/export", params={"format": "csv"})
    assert response.text.startswith("log_id,logged_at,")
    assert len(response.text.splitlines()) == 1


async def test_an_export_is_filtered_like_a_list(alice):
    await alice.logs(a_call(alias="a"))
    await alice.logs(a_call(alias="b"))
    response = await alice.ask("GET", "/api/v1/logs/export", params={"alias": "b"})
    assert len(response.text.splitlines()) == 1


async def test_an_export_holds_only_the_projects_own_rows(alice, bob):
    await alice.logs()
    assert (await bob.ask("GET", "/api/v1/logs/export")).text == ""


async def test_an_unknown_format_is_refused(alice):
    response = await alice.ask("GET", "/api/v1/logs/export", params={"format": "xml"})
    assert response.status_code == 422
