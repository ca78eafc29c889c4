"""LLMRING_AUTH_MODE=registered: only keys that the operator made are let in."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from conftest import client_of, started
from llmring_core import auth
from llmring_core.api_keys import SCOPES, new_key
from llmring_core.errors import StartRefused
from llmring_core.queries import Statement
from llmring_core.settings import Settings
from llmring_server import create_app
from support.registered_keys import KEYS, NOBODY, OPERATOR, TOKEN, log, made, requests_of, status
from support.routes import routes_of_projects

ALL = Statement(
    "select key_hash, last_used_at, api_key_id, to_jsonb(k)::text as row from {schema}.api_keys k"
)


async def test_a_key_that_was_made_is_let_in(http):
    key = (await made(http))["key"]
    assert (await log(http, key)).status_code == 200
    assert await requests_of(http, key) == 1


async def test_it_is_let_in_as_a_bearer_token_too(http):
    key = (await made(http))["key"]
    response = await http.get("/api/v1/stats", headers={"Authorization": f"Bearer {key}"})
    assert response.status_code == 200


@pytest.mark.parametrize("key", ["alice", "made elsewhere", "lr_", "x" * 255])
async def test_another_key_is_not(http, key):
    key = new_key() if key == "made elsewhere" else key
    response = await http.get("/api/v1/stats", headers={"X-API-Key": key})
    assert (response.status_code, response.json()["detail"]) == (
        401,
        "The API key is unknown, was revoked, or is over.",
    )
    assert key not in response.text


async def test_keys_of_one_project_see_the_same_rows(http):
    one, other = (await made(http))["key"], (await made(http))["key"]
    await log(http, one)
    assert await requests_of(http, other) == 1


async def test_keys_of_two_projects_do_not(http):
    one, other = (await made(http))["key"], (await made(http, project="search"))["key"]
    await log(http, one)
    assert await requests_of(http, other) == 0


async def test_the_database_has_only_a_hash_of_a_key(http, database):
    key = (await made(http))["key"]
    (row,) = await database.fetch(ALL)
    assert len(row["key_hash"]) == 32
    assert key not in row["row"]


async def test_a_listed_key_shows_its_beginning_only(http):
    key = (await made(http, name="ci"))["key"]
    (listed,) = (await http.get(KEYS, headers=OPERATOR)).json()
    assert (listed["hint"], listed["name"]) == (key[:8], "ci")
    assert key not in str(listed)


@pytest.mark.usefixtures("impatient")
async def test_a_revoked_key_is_not_let_in(http):
    one = await made(http)
    assert (await http.delete(f"{KEYS}/{one['key_id']}", headers=OPERATOR)).status_code == 204
    assert await status(http, one["key"]) == 401


async def test_a_revoked_key_is_refused_once_it_is_forgotten(registered):
    async with started(registered) as app, client_of(httpx.ASGITransport(app)) as client:
        one = await made(client)
        await log(client, one["key"])
        await client.delete(f"{KEYS}/{one['key_id']}", headers=OPERATOR)
        app.state.door._known.expire(app.state.door._known.timer() + 10)
        assert (await log(client, one["key"])).status_code == 401


async def test_a_key_tells_what_rows_and_log_lines_call_its_project(http, database):
    one = await made(http)
    await log(http, one["key"])
    rows = await database.fetch(Statement("select api_key_id from {schema}.usage_logs"))
    (listed,) = (await http.get(KEYS, headers=OPERATOR)).json()
    assert {one["api_key_id"], listed["api_key_id"]} == {row["api_key_id"] for row in rows}


async def test_a_key_that_is_over_is_not_let_in(http, database):
    key = (await made(http))["key"]
    await database.execute(Statement("update {schema}.api_keys set expires_at = now()"))
    assert await status(http, key) == 401


async def test_when_a_key_was_used_is_noted_once_a_minute(http, database):
    key = (await made(http))["key"]
    assert await status(http, key) == 200
    (row,) = await database.fetch(ALL)
    assert datetime.now(UTC) - row["last_used_at"] < timedelta(minutes=1)


@pytest.mark.usefixtures("impatient")
async def test_a_key_that_was_used_a_moment_ago_writes_nothing(http, database):
    key = (await made(http))["key"]
    await status(http, key)
    (before,) = await database.fetch(ALL)
    await status(http, key)
    (after,) = await database.fetch(ALL)
    assert before["last_used_at"] == after["last_used_at"]


@pytest.mark.usefixtures("impatient")
async def test_a_database_that_is_away_is_no_reason_to_call_a_key_wrong(registered):
    async with started(registered) as app, client_of(httpx.ASGITransport(app)) as client:
        key = (await made(client))["key"]
        await app.state.database.close()
        nowhere = registered.model_copy(
            update={"database_url": SecretStr("postgresql://127.0.0.1:1/x")}
        )
        away = create_app(settings=nowhere)
        async with client_of(httpx.ASGITransport(away)) as lost:
            assert await status(lost, key) == 503


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("log:write", "POST", "/api/v1/log"),
        ("log:write", "POST", "/api/v1/log/batch"),
        ("stats:read", "GET", "/api/v1/stats"),
        ("stats:read", "GET", "/api/v1/logs"),
        ("receipts:read", "GET", "/api/v1/receipts"),
        ("receipts:read", "POST", "/api/v1/receipts/preview"),
        ("receipts:write", "POST", "/api/v1/receipts/issue"),
        ("conversations:read", "GET", "/conversations"),
        ("conversations:write", "POST", "/api/v1/conversations"),
        ("conversations:read", "GET", "/api/v1/templates"),
        ("mcp:read", "GET", "/api/v1/mcp/tools"),
        ("mcp:execute", "POST", "/api/v1/mcp/servers"),
        ("mcp:execute", "POST", f"/api/v1/mcp/tools/{NOBODY}/execute"),
        ("mcp:execute", "GET", f"/api/v1/mcp/resources/{NOBODY}/content"),
    ],
)
async def test_a_key_without_the_scope_is_told_which(http, scope, method, path):
    others = [each for each in SCOPES if each != scope]
    key = (await made(http, scopes=others))["key"]
    response = await http.request(method, path, json={}, headers={"X-API-Key": key})
    assert response.status_code == 403
    assert scope in response.json()["detail"]
    assert response.json()["type"] == "urn:llmring:problem:missing-scope"


async def test_a_remembered_key_without_the_scope_is_refused_too(http):
    key = (await made(http, scopes=["stats:read"]))["key"]
    for _ in range(2):
        assert (await log(http, key)).status_code == 403


def test_every_route_that_knows_its_caller_asks_for_a_scope():
    def needed(dependant):
        for each in dependant.dependencies:
            if isinstance(each.call, auth.Needs):
                yield each.call.scope
            yield from needed(each)

    settings = Settings(_env_file=None, database_url="postgresql://x")
    callers = routes_of_projects(create_app(settings=settings))
    assert len(callers) > 60
    assert [each.path for each in callers if len(set(needed(each.dependant))) != 1] == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"X-API-Key": TOKEN}])
async def test_who_is_not_the_operator_makes_no_keys(http, headers):
    response = await http.post(KEYS, json={"project": "p"}, headers=headers)
    assert response.status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_without_a_token_there_is_no_such_path(registered, method):
    closed = registered.model_copy(update={"admin_token": None})
    async with started(closed) as app, client_of(httpx.ASGITransport(app)) as client:
        ours = await client.request(method, KEYS, json={"project": "p"}, headers=OPERATOR)
        other = await client.request(method, "/api/v1/nothing", json={"project": "p"})
    assert ours.status_code == 404
    assert ours.json()["detail"] == other.json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"project": ""},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "soon"},
        {"expires_at": "0001-01-01T00:00:00+14:00"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"open_key": ""},
    ],
    ids=str,
)
async def test_a_key_that_makes_no_sense_is_not_made(http, wrong):
    body = {"project": "p", **wrong}
    assert (await http.post(KEYS, json=body, headers=OPERATOR)).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        (KEYS, {"project": "billing", "scope": "log:write"}, "scope"),
        (f"{KEYS}/{NOBODY}/rotate", {"overlap": 0}, "overlap"),
    ],
)
async def test_a_member_that_nobody_knows_is_refused_by_name(http, path, body, wrong):
    response = await http.post(path, json=body, headers=OPERATOR)
    assert response.status_code == 422
    assert [each["loc"] for each in response.json()["detail"]] == [["body", wrong]]
    assert (await http.get(KEYS, headers=OPERATOR)).json() == []


@pytest.mark.parametrize("what", ["rotate", "revoke"])
async def test_a_key_that_is_not_there_is_not_found(http, what):
    path = f"{KEYS}/{NOBODY}"
    if what == "rotate":
        response = await http.post(f"{path}/rotate", headers=OPERATOR)
    else:
        response = await http.delete(path, headers=OPERATOR)
    assert (response.status_code, response.json()["detail"]) == (404, "No key has this id.")


async def test_a_host_that_asks_for_registered_keys_is_refused(database):
    settings = Settings(_env_file=None, auth_mode="registered")
    with pytest.raises(StartRefused, match="a host lets its callers in"):
        create_app(database, standalone=False, settings=settings)


@pytest.mark.parametrize("path", ["/api/v1/log", KEYS])
async def test_what_a_stranger_sends_is_not_even_read(http, path):
    response = await http.post(path, content=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 401


async def test_who_knocks_at_the_operators_door_is_told_which_token_it_takes(http):
    response = await http.get(KEYS, headers={"Authorization": "Bearer another"})
    assert "operator's token" in response.json()["detail"]
