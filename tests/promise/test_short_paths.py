"""Short paths: a plain request is answered as its route answers it, and every other goes there."""

import contextlib
import json

import httpx
import pytest
from fastapi import Response
from starlette.requests import ClientDisconnect

from llmring_server import create_app
from llmring_server.conversations.models import ConversationWithMessages
from support.projects import a_call
from support.scopes import scope_of

KEY = {"X-API-Key": "alice"}
JSON = {"Content-Type": "application/json"}
# With a query the route itself answers; it knows no such parameter.
LONG = {"the": "long-way"}

CALLS = [
    a_call(),
    a_call(cost=0.1),
    a_call(cost="0.123456789012345678901"),
    a_call(cost=0),
    a_call(cost=-0.0),
    a_call(cost=1e-30),
    a_call(cost=1e9),
    a_call(cost=12345678901234567890),
    a_call(cost=-1),
    a_call(cost=True),
    a_call(cost="a lot"),
    a_call(cost=None),
    a_call(input_tokens=2**53 - 1, cost=1),
    a_call(input_tokens=2**53),
    a_call(input_tokens=2**70),
    a_call(input_tokens=12.0),
    a_call(input_tokens=12.5),
    a_call(input_tokens="12"),
    a_call(input_tokens=True),
    a_call(input_tokens=None),
    a_call(cached_input_tokens=None),
    a_call(cached_input_tokens=10**6),
    a_call(latency_ms=812.4),
    a_call(latency_ms="812"),
    a_call(latency_ms=-1),
    a_call(timestamp="2026-03-01T12:00:00Z"),
    a_call(timestamp="2026-03-01T12:00:00"),
    a_call(timestamp="2026-03-01T12:00:00+05:30"),
    a_call(timestamp="2026-03-01"),
    a_call(timestamp=1_772_000_000),
    a_call(timestamp=1_772_000_000.25),
    a_call(timestamp="1772000000"),
    a_call(timestamp="1969-12-31T23:59:59Z"),
    a_call(timestamp="soon"),
    a_call(metadata={"a": [1, 2.5, None, {"b": "ü"}]}),
    a_call(metadata=[]),
    a_call(metadata="text"),
    a_call(metadata={"conversation_id": "not one"}),
    a_call(alias=""),
    a_call(alias="a" * 256),
    a_call(alias=5),
    a_call(alias="\x00"),
    a_call(provider=""),
    a_call(something_new=1),
    {},
    [],
    "text",
    None,
]
BODIES = [
    *(json.dumps(call).encode() for call in CALLS),
    b"",
    b"{",
    b"\xff",
    b'{"provider": "\\ud800"}',
    json.dumps(a_call()).replace("1000", "1e400").encode(),
    json.dumps(a_call()).replace("1000", "NaN").encode(),
    json.dumps(a_call(metadata={"a": float("nan")})).encode(),
    json.dumps(a_call(metadata={"a": float("inf")})).encode(),
    json.dumps(a_call(metadata={"a": 10**400})).encode(),
    b'{"provider":"x","provider":"openai","model":"gpt-4.1","input_tokens":1,"output_tokens":1}',
    b" \n" + json.dumps(a_call()).encode() + b"\n ",
    b"\xef\xbb\xbf" + json.dumps(a_call()).encode(),
    (b'{"a":' * 300) + b"1" + b"}" * 300,
]


def client_of(transport):
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def what_matters(response: httpx.Response):
    """An answer without what differs from request to request."""
    body = response.json()
    for each in [body, *(body.get("results") or [])]:
        for name in ("request_id", "log_id"):
            each.pop(name, None)
        if "timestamp" in each:
            each["timestamp"] = each["timestamp"][:15] + each["timestamp"][-1]
    headers = dict(response.headers)
    for name in ("x-request-id", "content-length"):
        headers.pop(name, None)
    return response.status_code, headers, body


async def test_a_call_is_answered_the_same_on_both_ways(local):
    for body in BODIES:
        one = await local.post("/api/v1/log", content=body, headers=KEY | JSON)
        other = await local.post("/api/v1/log", content=body, headers=KEY | JSON, params=LONG)
        assert what_matters(one) == what_matters(other), body


async def test_a_batch_is_answered_the_same_on_both_ways(local):
    bodies = [json.dumps(CALLS).encode(), b"[]", json.dumps([a_call()] * 1001).encode(), *BODIES]
    for body in bodies:
        one = await local.post("/api/v1/log/batch", content=body, headers=KEY | JSON)
        other = await local.post("/api/v1/log/batch", content=body, headers=KEY | JSON, params=LONG)
        assert what_matters(one) == what_matters(other), body


async def test_what_is_kept_is_the_same_on_both_ways(local):
    for body in BODIES:
        await local.post("/api/v1/log", content=body, headers={"X-API-Key": "short"} | JSON)
        long = {"X-API-Key": "long"} | JSON
        await local.post("/api/v1/log", content=body, headers=long, params=LONG)
    kept = {}
    for key in ("short", "long"):
        rows = (await local.get("/api/v1/logs", headers={"X-API-Key": key})).json()
        costs = await local.get("/api/v1/stats", headers={"X-API-Key": key})
        for row in rows:
            del row["log_id"], row["logged_at"]
        kept[key] = sorted(rows, key=repr), costs.json()["summary"]
    assert kept["short"] == kept["long"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "a b"},
        {"X-API-Key": "a" * 256},
        {"X-API-Key": "schlüssel"},
        {"Authorization": "Bearer alice"},
        {"Authorization": "Basic alice"},
    ],
    ids=str,
)
async def test_a_caller_is_known_or_refused_the_same_on_both_ways(local, headers):
    raw = {name: value.encode() for name, value in (headers | JSON).items()}
    one = await local.post("/api/v1/log", json=a_call(cost=1), headers=raw)
    other = await local.post("/api/v1/log", json=a_call(cost=1), headers=raw, params=LONG)
    assert what_matters(one) == what_matters(other)


@pytest.mark.parametrize("kind", ["text/plain", "application/jsonx", "application/ld+json", ""])
async def test_a_body_of_another_type_is_treated_the_same_on_both_ways(local, kind):
    headers = KEY | {"Content-Type": kind}
    body = json.dumps(a_call(cost=1)).encode()
    one = await local.post("/api/v1/log", content=body, headers=headers)
    other = await local.post("/api/v1/log", content=body, headers=headers, params=LONG)
    assert what_matters(one) == what_matters(other)


async def test_a_body_that_is_too_large_is_refused(local):
    body = b'{"metadata": "' + b"x" * (10 * 1024 * 1024) + b'"}'
    response = await local.post("/api/v1/log", content=body, headers=KEY | JSON)
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_web_page_is_let_in_by_the_short_way_too(local):
    headers = KEY | {"Origin": "http://localhost:5173"}
    response = await local.post("/api/v1/log", json=a_call(cost=1), headers=headers)
    assert response.headers["access-control-allow-origin"] == "http://localhost:5173"


async def test_an_idempotency_key_is_heeded(local):
    headers = KEY | {"Idempotency-Key": "once"}
    one = await local.post("/api/v1/log", json=a_call(cost=1), headers=headers)
    other = await local.post("/api/v1/log", json=a_call(cost=1), headers=headers)
    assert one.json() == other.json()


async def test_the_documentation_shows_the_route(local):
    schema = (await local.get("/openapi.json")).json()
    body = schema["paths"]["/api/v1/log"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["$ref"].endswith("/UsageEntry")


async def test_a_plain_call_does_not_come_to_the_routes(local, app):
    app.router.routes.clear()
    assert (await local.post("/api/v1/log", json=a_call(cost=1), headers=KEY)).status_code == 200


async def test_a_plain_batch_does_not_come_to_the_routes(local, app):
    app.router.routes.clear()
    response = await local.post("/api/v1/log/batch", json=[a_call(cost=1)], headers=KEY)
    assert response.json()["stored"] == 1


async def test_a_mounted_app_has_them_under_its_prefix(app):
    app.router.routes.clear()
    transport = httpx.ASGITransport(app, root_path="/llm")
    async with client_of(transport) as client:
        response = await client.post("/llm/api/v1/log", json=a_call(cost=1), headers=KEY)
    assert response.status_code == 200


async def test_a_body_that_ends_too_large_is_refused(local):
    body = json.dumps([a_call(cost=1)] * 2).encode().ljust(10 * 1024 * 1024 + 100)
    response = await local.post("/api/v1/log/batch", content=body, headers=KEY | JSON)
    assert response.status_code == 413


async def test_a_client_that_leaves_in_the_middle_stores_nothing(local, app):
    messages = [
        {"type": "http.request", "body": json.dumps(a_call(cost=1)).encode(), "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = scope_of("/api/v1/log", {"content-length": "9999", "x-api-key": "alice"} | JSON)
    sent = []

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    with contextlib.suppress(ClientDisconnect):
        await app(scope, receive, send)
    stats = (await local.get("/api/v1/stats", headers=KEY)).json()
    assert stats["summary"]["total_requests"] == 0


async def test_a_layer_that_a_host_adds_is_not_passed_by(database):
    app = create_app(database, standalone=False)

    @app.middleware("http")
    async def refuse(request, call_next):
        return Response(status_code=401)

    async with client_of(httpx.ASGITransport(app)) as client:
        response = await client.post("/api/v1/log", json=a_call(cost=1), headers=KEY)
    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/registry", "/registry.json"])
async def test_the_registry_is_answered_the_same_on_both_ways(local, app, path):
    other = await local.get(path, params=LONG)
    app.router.routes.clear()
    one = await local.get(path)
    assert one.content == other.content
    for name in ("etag", "cache-control", "content-type", "vary"):
        assert one.headers[name] == other.headers[name]


async def test_a_known_registry_is_not_sent_again(local):
    etag = (await local.get("/registry")).headers["etag"]
    response = await local.get("/registry", headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")


@pytest.mark.parametrize("folder", ["/conversations", "/api/v1/conversations"])
async def test_a_conversation_is_answered_the_same_on_both_ways(local, app, folder):
    new = {"title": 'A "title"\n', "temperature": 0.7, "metadata": {"a": [1, 2.5, None]}}
    begun = (await local.post("/conversations", json=new, headers=KEY)).json()
    path = f"{folder}/{begun['id']}"
    spoken = [
        {"role": "user", "content": 'Say "hi"\u2028 \\ ü', "input_tokens": 3},
        {
            "role": "assistant",
            "content": [{"type": "text"}],
            "tool_call_id": '"',
            "output_tokens": 0,
        },
        {"role": "user", "content": "x", "timestamp": "2026-11-01T00:00:00Z"},
        {"role": "tool", "tool_results": {"a": 1e300}, "metadata": {"b": {}}},
    ]
    await local.post(f"{path}/messages/batch", json={"messages": spoken}, headers=KEY)
    other = (await local.get(path, headers=KEY, params=LONG)).json()
    app.router.routes.clear()
    one = (await local.get(path, headers=KEY)).json()
    assert one == other
    assert [each["content"] for each in one["messages"]] == [each.get("content") for each in spoken]
    ConversationWithMessages.model_validate(one)


@pytest.mark.parametrize(
    "query", ["message_limit=2", "message_limit=0", "message_limit=10001", "message_limit=", "a=b"]
)
async def test_a_number_of_messages_is_heeded_the_same_on_both_ways(local, query):
    begun = (await local.post("/conversations", json={}, headers=KEY)).json()
    path = f"/conversations/{begun['id']}"
    spoken = [{"role": "user", "content": text} for text in "abc"]
    await local.post(f"{path}/messages/batch", json={"messages": spoken}, headers=KEY)
    one = await local.get(f"{path}?{query}", headers=KEY)
    other = await local.get(f"{path}?{query}&the=long-way", headers=KEY)
    assert what_matters(one) == what_matters(other)


async def test_a_conversation_with_a_number_of_messages_does_not_come_to_the_routes(local, app):
    begun = (await local.post("/conversations", json={}, headers=KEY)).json()
    app.router.routes.clear()
    response = await local.get(f"/conversations/{begun['id']}?message_limit=100", headers=KEY)
    assert response.json()["messages"] == []


async def test_a_conversation_of_another_project_is_not_found_on_either_way(local):
    begun = (await local.post("/conversations", json={}, headers=KEY)).json()
    path, bob = f"/conversations/{begun['id']}", {"X-API-Key": "bob"}
    one = await local.get(path, headers=bob)
    other = await local.get(path, headers=bob, params=LONG)
    assert what_matters(one) == what_matters(other)
    assert one.status_code == 404


HEX = "0123456789abcdef" * 2
SIGNS = ["*", "*%3F"]  # those of a pattern
FORMS = [HEX, f"----{HEX}", f"{HEX}----", f"{{{HEX}}}", f"{{{{{HEX}}}}}", f"urn:{HEX}"]


@pytest.mark.parametrize("name", ["", "none", "0" * 32, "old-messages", *SIGNS, *FORMS])
async def test_what_is_no_id_is_answered_the_same_on_both_ways(local, name):
    one = await local.get(f"/conversations/{name}", headers=KEY)
    other = await local.get(f"/conversations/{name}", headers=KEY, params=LONG)
    assert one.status_code == other.status_code < 500


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [{"role": "user", "content": "Hi"}]}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "logging_level": "metadata"}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "logging_level": "none"}',
        b'{"messages": [{"role": "user", "content": NaN}]}',
        b'{"messages": [{"role": "king", "content": "Hi"}]}',
        b'{"messages": [{"role": "user", "content": "\\u0000"}]}',
        b'{"messages": []}',
        b"{}",
        b"[",
    ],
    ids=str,
)
async def test_a_batch_of_messages_is_answered_the_same_on_both_ways(local, body):
    begun = (await local.post("/conversations", json={}, headers=KEY)).json()
    path = f"/conversations/{begun['id']}/messages/batch"
    one = await local.post(path, content=body, headers=KEY | JSON)
    other = await local.post(path, content=body, headers=KEY | JSON, params=LONG)
    answers = [one.json(), other.json()]
    for answer in answers:
        answer.pop("request_id", None)
        if "message_ids" in answer:
            answer["message_ids"] = len(answer["message_ids"])
    assert (one.status_code, answers[0]) == (other.status_code, answers[1])
    shown = (await local.get(f"/conversations/{begun['id']}", headers=KEY)).json()["messages"]
    assert [each["content"] for each in shown[: len(shown) // 2]] == [
        each["content"] for each in shown[len(shown) // 2 :]
    ]


async def test_a_plain_batch_of_messages_does_not_come_to_the_routes(local, app):
    begun = (await local.post("/conversations", json={}, headers=KEY)).json()
    app.router.routes.clear()
    path = f"/conversations/{begun['id']}/messages/batch"
    messages = {"messages": [{"role": "user", "content": "Hi"}]}
    assert (await local.post(path, json=messages, headers=KEY)).json()["stored"] == 1
