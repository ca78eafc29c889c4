"""Odd paths, queries, keys and headers: answered at once, in plain words, nothing left behind."""

import json
import re
from itertools import product

import pytest

from llmring_core.settings import Settings
from llmring_server import create_app
from support.projects import a_call
from support.stranger import json_of, raw

PATHS = create_app(settings=Settings(_env_file=None)).openapi()["paths"]
READS = sorted(path for path, operations in PATHS.items() if "get" in operations)
NO_ID = "01890a5d-ac96-774b-bcce-b302099a8057"

TAILS = ["%00", "%ff", "%ed%a0%80", "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%2f", "%5c", "%",
         "%zz", "'", "{log_id}", "%7Blog_id%7D", "a" * 5_000, "/", "//", "/./", ";a=b", "%25%30%30",
         "ñ", "%F0%9F%98%80", "0", "-1", "null", NO_ID, f"%7B{NO_ID}%7D", f"urn:uuid:{NO_ID}",
         "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000000",
         "٠1890a5d-ac96-774b-bcce-b302099a8057", f"{NO_ID}%00", f"{NO_ID}%20"]  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/registry/", "/api/v1/logs/", "/docs/", "/health/"])
async def test_an_odd_path_is_answered(stranger, path):
    for tail in TAILS:
        await stranger.sends("GET", path + tail)


QUERIES = {
    "limit": ["-1", "0", "abc", "1" + "0" * 30, "1.5", "1e3", "10001", "٣", "%00", "0x10", "+1"],
    "offset": ["-1", "abc", "1" + "0" * 30, "9223372036854775807", "2147483648", "2147483647"],
    "start_date": [
        "0000-00-00", "0001-01-01", "0001-01-01T00:00:00%2B14:00", "9999-12-31", "10000-01-01",
        "9999-12-31T23:59:59.999999-14:00", "2026-02-30", "2026-W01-1", "20260101", "now",
        "infinity",
        "-infinity", "1e10", "%00", "%ff", "2026-01-01%00", "2026-01-01T25:00", "T", "٢٠٢٦-٠١-٠١",
        "2026-01-01T00:00:00%2B99:99", "x" * 65, "x" * 60_000, "2026-01-01T00:00:00 00:00",
    ],
    "tz": [
        "../etc/passwd", "/etc/localtime", "Europe", "Europe/", ".", "..", "./UTC", "UTC/..", "%00",
        "Mars/Base", "x" * 65, "x" * 10_000, "utc", "UTC%00", "tzdata.zi", "__init__.py", "a.b/c",
        "posix/UTC", "right/UTC", "localtime", "Factory", "%ff", "ñ", "\\", "C:", "+", "EST5EDT",
        "zone.tab",
        "<%2B03>-3", "'; select 1", "Etc/GMT%2B12", "Pacific/Kiritimati", "a/b/c/d/e/f",
    ],
    "cursor": [
        "x", "====", "%00", "%ff", "ñ", "bnVsbA", "fA", "MHww", "x" * 200, "x" * 201, "A" * 199,
        "MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMHwwMTg5MGE1ZC1hYzk2LTc3NGItYmNjZS1iMzAyMDk5YTgwNTc",
        "MjAyNi0wMS0wMVQwMDowMDowMHwwMTg5MGE1ZC1hYzk2LTc3NGItYmNjZS1iMzAyMDk5YTgwNTc",
    ],
    "group_by": ["hour", "Day", "day;", "%00", "day,week", "x" * 10_000, "'", "century"],
    "atomic": ["maybe", "2", "%00", "null"],
    "format": ["xml", "CSV", "%00", "../csv"],
    "model": ["%00", "%ff", "x" * 256, "x" * 255, "'; drop table x; --", "%25", "{schema}", "$1"],
    "providers": ["%00", "%ff", "x" * 60_000, ",,,", "../openai", "openai,openai", "OPENAI%20"],
    "capabilities": ["%00", "__class__", "vision,", "x" * 10_000, "name", "ñ"],
}  # fmt: skip
QUERIES["end_date"] = QUERIES["start_date"]


@pytest.mark.parametrize("name", QUERIES)
async def test_an_odd_query_is_answered(stranger, name):
    await stranger.posts(json_of())
    for value in QUERIES[name]:
        for path in ("/api/v1/logs", "/api/v1/logs/export", "/api/v1/stats", "/registry"):
            await stranger.sends("GET", f"{path}?{name}={value}")
        await stranger.sends("POST", f"/api/v1/log/batch?{name}={value}", json=[])


QUERY_STRINGS = [
    "&&&", "=", "=1", "limit", "limit=1&limit=2", "a" * 10_000, "&".join(["a=1"] * 5_000),
    "providers=a&" * 51, "limit[]=1", ";", "%", "%=%", "limit=1%26offset=-1",
]  # fmt: skip


@pytest.mark.parametrize("path", ["/api/v1/logs", "/api/v1/stats", "/registry"])
async def test_an_odd_query_string_is_answered(stranger, path):
    for query in QUERY_STRINGS:
        await stranger.sends("GET", f"{path}?{query}")


@pytest.mark.parametrize("key", [b"", b" ", b"\t", None])
async def test_no_key_is_unauthorized(stranger, key):
    for path in ("/api/v1/logs", "/api/v1/stats", f"/api/v1/logs/{NO_ID}"):
        answer = await stranger.sends("GET", path, key=key)
        assert answer.status_code in {400, 401}
    await stranger.is_refused(json_of(), key=key)


BAD_KEYS = [
    b"a b", b"a\tb", b"a\x00b", b"a\x1bb", b"a\x7fb", b"a\x80b", b"a\x85b", b"a\xa0b", b"x" * 256,
    b"x" * 100_000,
]  # fmt: skip


async def test_a_key_that_cannot_be_one_is_a_bad_request(stranger):
    for key in BAD_KEYS:
        assert (await stranger.posts(json_of(), key=key)).status_code == 400


@pytest.mark.parametrize(
    "key", [b"x" * 255, b"\xc3\xb1", b"\xff", b"';drop-table-x;--", b"{schema}", b"null", b"$1"]
)
async def test_a_strange_key_is_a_key_like_any_other(stranger, key):
    assert (await stranger.posts(json_of(), key=key)).status_code == 200
    assert len((await stranger.sends("GET", "/api/v1/logs", key=key)).json()) == 1


async def test_two_different_keys_never_read_a_third_project(stranger):
    await stranger.posts(json_of(), key="bob")
    answer = await stranger.sends("GET", "/api/v1/logs", pairs=[("X-API-Key", "carol")])
    assert answer.status_code >= 400 or answer.json() == []


AUTHORIZATIONS = [
    b"", b"Bearer", b"Bearer ", b"Bearer  ", b"bearer a b", b"Basic YTpi", b"Bearer \x00", b"\xff",
    b"Bearer " + b"x" * 256, b"Bearer\tx\ty", b"Token x", b"x" * 100_000, b"Bearer x, Bearer y",
]  # fmt: skip


async def test_garbage_for_authorization_is_refused(stranger):
    for value in AUTHORIZATIONS:
        await stranger.is_refused(json_of(), key=None, headers={"Authorization": value})


HEADERS = {
    "Idempotency-Key": [b'""', b'"', b"a b", b"\x00", b"\xff", b"x" * 256, b"x" * 255, b'"a', b""],
    "X-Request-Id": [b"", b" ", b"\x00", b"\xff", b"a b", b"x" * 129, b"x" * 100_000, b"a\x7f"],
    "If-None-Match": [b"", b"*", b"W/", b'"', b",,,", b"\xff", b"\x00", b'"x", ' * 10_000],
    "Accept": [b"", b"text/html", b"*/*;q=x", b"\x00", b"\xff", b"image/png", b"a" * 10_000],
    "Origin": [b"", b"null", b"\x00", b"\xff", b"http://evil.example", b"x" * 10_000],
    "Host": [b"", b"[::1]", b"a:b:c", b"\x00", b"\xff", b"evil.example/path"],
    "Cookie": [b"", b"=;=;", b"\xff", b"a=" + b"x" * 100_000],
    "Range": [b"bytes=0-0", b"bytes=-1", b"x"],
    "Expect": [b"100-continue", b"x"],
    "Accept-Encoding": [b"gzip;q=x", b"\xff"],
}


@pytest.mark.parametrize("name", HEADERS)
async def test_an_odd_header_is_answered(stranger, name):
    for value in HEADERS[name]:
        await stranger.posts(json_of(), headers={name: value})
        for path in ("/", "/registry", "/api/v1/logs"):
            await stranger.sends("GET", path, headers={name: value})


@pytest.mark.parametrize("value", [b"\x00", b"\xff", b"a b", b"x" * 129, b"a\r\nSet-Cookie: b"])
async def test_an_odd_request_id_does_not_come_back(stranger, value):
    answer = await stranger.sends("GET", "/", headers={"X-Request-Id": value})
    assert answer.headers["X-Request-Id"].encode() != value


METHODS = ["DELETE", "PUT", "PATCH", "TRACE", "CONNECT", "PROPFIND", "NONSENSE"]


async def test_another_method_is_not_allowed(stranger):
    # Asked for in a way that they are not there for, these are taken for ids, and are none.
    like_an_id = {"/conversations/log", "/conversations/old-messages", "/api/v1/templates/stats"}
    for path, method in product(PATHS.keys() - like_an_id, METHODS):
        if method.lower() not in PATHS[path]:
            answer = await stranger.sends(method, re.sub(r"{\w+}", NO_ID, path))
            assert (answer.status_code, "Allow" in answer.headers) == (405, True), (method, path)


async def test_a_page_of_another_origin_is_not_let_in(local):
    asks = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    answer = await local.options("/registry", headers=asks)
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


async def test_a_slash_at_the_end_makes_no_difference(stranger):
    for each in [*READS, "/docs", "/openapi.json"]:
        path = each.replace("{log_id}", NO_ID).rstrip("/")
        with_slash = await stranger.sends("GET", f"{path}/")
        without = await stranger.sends("GET", path or "/")
        assert with_slash.status_code == without.status_code
        assert not with_slash.is_redirect


async def test_a_member_named_twice_counts_once(stranger):
    answer = await stranger.posts(raw("origin", b'"first", "origin": "second"'))
    (row,) = (await stranger.sends("GET", "/api/v1/logs")).json()
    assert (answer.status_code, row["origin"]) == (200, "second")


async def test_a_batch_tells_its_odd_entries_apart(stranger):
    odd = [None, [], "x", 1, {}, a_call(), a_call(input_tokens=-1), a_call(model=None)]
    answer = await stranger.posts(json.dumps(odd).encode(), "/api/v1/log/batch")
    statuses = [each["status"] for each in answer.json()["results"]]
    assert statuses == ["rejected"] * 5 + ["stored"] + ["rejected"] * 2


async def test_a_batch_of_more_than_a_thousand_is_refused(stranger):
    await stranger.is_refused(json.dumps([a_call()] * 1001).encode(), "/api/v1/log/batch")


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/conversations", "GET, HEAD, POST"),
        (
            "/api/v1/mcp/servers/00000000-0000-7000-8000-000000000000",
            "DELETE, GET, HEAD, PATCH, PUT",
        ),
        ("/conversations/log", "POST"),
        ("/api/v1/conversations/old-messages", "DELETE"),
    ],
)
async def test_a_method_that_a_path_does_not_take_is_told_all_that_it_does(http, path, taken):
    answer = await http.request("OPTIONS", path, headers={"X-API-Key": "key"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, taken)


async def test_a_path_that_stands_for_itself_is_no_id_for_other_methods(http):
    key = {"X-API-Key": "key"}
    for method, path in [("GET", "/conversations/log"), ("GET", "/api/v1/receipts/issue")]:
        answer = await http.request(method, path, headers=key)
        assert (answer.status_code, answer.headers.get("Allow")) == (405, "POST"), path


@pytest.mark.parametrize("timestamp", [0, 1.5, "0", "1764000000", True])
async def test_a_number_is_no_time(http, timestamp):
    call = {"provider": "p", "model": "m", "input_tokens": 1, "output_tokens": 1}
    answer = await http.post(
        "/api/v1/log", json={**call, "timestamp": timestamp}, headers={"X-API-Key": "key"}
    )
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "timestamp")
