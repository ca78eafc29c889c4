"""The built functions under AWS's own runtime: whatever comes, no function error."""

import asyncio
import base64
import json
import uuid
from decimal import Decimal

import asyncpg
import pytest

from llmring_core.queries import Statement
from llmring_core.settings import Settings
from llmring_server import create_app
from support.aws import sqs_event
from support.built import needs_built
from support.events import MALFORMED, a_log, http_api, rest_api
from support.functions import group_of
from support.projects import a_call

pytestmark = needs_built

OPERATIONS = [
    (path, method.upper())
    for path, operations in create_app(settings=Settings(_env_file=None)).openapi()["paths"].items()
    for method in operations
]


@pytest.fixture
def invoke(built):
    """Hands an event to the container of a function, in a thread."""

    async def invoke(name, event):
        return await asyncio.to_thread(built.container(name).invoke, event)

    return invoke


@pytest.fixture(params=[http_api, rest_api])
def api(request):
    return request.param


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
async def test_every_operation_answers(invoke, api, path, method):
    concrete = path
    while "{" in concrete:
        before, _, rest = concrete.partition("{")
        concrete = f"{before}{uuid.uuid4()}{rest.partition('}')[2]}"
    headers = {"X-API-Key": "alice", "Content-Type": "application/json"}
    body = None if method == "GET" else "{}"
    answer = await invoke(
        group_of(concrete).title(), api(concrete, method, headers=headers, body=body)
    )
    # Without a registry and a signing key some say so: that is what they are for.
    assert answer["statusCode"] < 500 or answer["statusCode"] == 503
    assert "Traceback" not in (answer.get("body") or "")


@pytest.mark.parametrize("event", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_event_is_refused_in_plain_words(invoke, event):
    answer = await invoke("Usage", event)
    assert 400 <= answer["statusCode"] < 500
    assert answer["headers"]["content-type"] == "application/problem+json"


async def test_a_call_is_logged_and_read(invoke, api):
    key = {"X-API-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
    logged = await invoke(
        "Usage", api("/api/v1/log", "POST", headers=key, body=json.dumps(a_call()))
    )
    read = await invoke("Usage", api("/api/v1/logs", headers=key))
    assert (logged["statusCode"], len(json.loads(read["body"]))) == (200, 1)


async def test_a_body_in_base64_is_decoded(invoke, api):
    key = {"X-API-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
    body = base64.b64encode(json.dumps(a_call(origin="añb")).encode()).decode()
    event = api("/api/v1/log", "POST", headers=key, body=body, isBase64Encoded=True)
    assert (await invoke("Usage", event))["statusCode"] == 200
    read = await invoke("Usage", api("/api/v1/logs", headers=key))
    assert json.loads(read["body"])[0]["origin"] == "añb"


@pytest.mark.parametrize("size", [10_000_000, 5_500_000])
async def test_a_huge_body_is_taken_or_refused_in_plain_words(invoke, api, size):
    body = json.dumps(a_call(metadata={"text": "x" * size}))
    answer = await invoke("Usage", a_log(api, body))
    assert answer["statusCode"] in (200, 413)


async def test_an_answer_that_is_too_large_for_lambda_is_refused_in_plain_words(invoke, api):
    key = {"X-API-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
    batch = json.dumps([a_call(metadata={"text": "x" * 900_000}) for _ in range(8)])
    await invoke("Usage", api("/api/v1/log/batch", "POST", headers=key, body=batch))
    answer = await invoke("Usage", api("/api/v1/logs/export", headers=key))
    assert (answer["statusCode"], "less of it" in answer["body"]) == (422, True)


async def test_a_named_stage_is_no_part_of_the_path(invoke, api):
    assert (await invoke("Meta", api("/health", stage="prod")))["statusCode"] == 200


async def test_cookies_and_repeated_headers_are_no_obstacle(invoke, api):
    event = api("/", headers={"Cookie": ["a=1", "b=2"], "Accept": ["text/html", "*/*"]})
    assert (await invoke("Meta", event))["statusCode"] == 200


async def test_log_lines_are_json_with_the_id_of_the_request(start):
    function = start("Usage", AWS_LAMBDA_LOG_FORMAT="JSON")
    event = http_api("/api/v1/logs", headers={"X-API-Key": "a", "X-Request-Id": "my-request"})
    await asyncio.to_thread(function.invoke, event)
    function.close()
    lines = [json.loads(line) for line in function.output if line.startswith("{")]
    assert "my-request" in {line.get("request_id") for line in lines}


async def test_messages_of_the_queue_are_stored_once(start, database):
    ingest = start("Ingest")
    call = {
        "api_key_id": "x" * 64,
        "entry": a_call(),
        "cost": "0.5",
        "logged": {
            "log_id": "019a0000-0000-7000-8000-000000000000",
            "cost": "0.5",
            "timestamp": "2026-11-01T00:00:00Z",
            "cost_status": "given",
        },
    }
    event = sqs_event([json.dumps(call), "{"])
    told = [await asyncio.to_thread(ingest.invoke, event) for _ in range(2)]
    rows = await database.fetch(Statement("select log_id::text, cost from {schema}.usage_logs"))
    assert [dict(row) for row in rows] == [
        {"log_id": call["logged"]["log_id"], "cost": Decimal("0.5")}
    ]
    assert told == [{"batchItemFailures": [{"itemIdentifier": "message-1"}]}] * 2


async def test_a_deployment_is_told_that_the_migration_went_well(start, empty_database_url):
    answers = []

    async def take(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answers.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    event = {
        "RequestType": "Create",
        "ResponseURL": f"http://127.0.0.1:{port}/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Migration",
    }
    migrate = start("Migrate", url=empty_database_url)
    await asyncio.to_thread(migrate.invoke, event)
    newer = await asyncpg.connect(empty_database_url)
    await newer.execute("insert into llmring.schema_migrations values (9999, 'newer', 'x')")
    await asyncio.to_thread(migrate.invoke, event | {"RequestType": "Update"})
    await newer.execute("update llmring.schema_migrations set checksum = 'edited'")
    await newer.execute("delete from llmring.schema_migrations where version = 9999")
    await newer.close()
    await asyncio.to_thread(migrate.invoke, event | {"RequestType": "Update"})
    await asyncio.to_thread(migrate.invoke, event | {"RequestType": "Delete"})
    server.close()
    # Taking a deployment back finds a newer schema; an edited migration is refused.
    assert [each["Status"] for each in answers] == ["SUCCESS", "SUCCESS", "FAILED", "SUCCESS"]
    assert answers[0]["PhysicalResourceId"] == "Migration"
