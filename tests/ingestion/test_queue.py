"""With a queue in between, a call is acknowledged when it is on it, and stored once."""

import json
import uuid
from decimal import Decimal

import pytest

from llmring_core import usage_queue
from llmring_core.errors import Unavailable
from llmring_core.queries import Statement
from llmring_server.usage import queueing
from support.aws import sqs_event
from support.projects import Project, a_call

DOWN = "http://127.0.0.1:9/123456789012/usage"
ANSWER = {"log_id", "cost", "timestamp", "cost_status"}


async def logs(project, **members):
    return await project.ask("POST", "/api/v1/log", json=a_call(**members))


async def test_a_call_is_taken_and_stored_when_it_comes_off_the_queue(alice, queues, ingest):
    answer = await logs(alice, origin="app")
    before = await alice.reads_logs()
    told = await ingest(queues.event())
    (row,) = await alice.reads_logs()
    assert (answer.status_code, answer.json().keys(), before) == (202, ANSWER, [])
    assert told == {"batchItemFailures": []}
    fixed = answer.json()
    assert (row["log_id"], row["cost"], row["logged_at"]) == (
        fixed["log_id"],
        fixed["cost"],
        fixed["timestamp"],
    )
    assert row["origin"] == "app"


async def test_what_a_call_costs_is_fixed_when_it_is_taken(alice, queues, ingest):
    answer = await logs(alice)
    await ingest(queues.event())
    explained = await alice.reads(f"/api/v1/logs/{answer.json()['log_id']}")
    assert (explained["cost"], explained["cost_status"]) == (answer.json()["cost"], "priced")
    assert explained["cost"] is not None


async def test_a_call_whose_cost_nobody_knows_goes_through_the_queue_too(alice, queues, ingest):
    answer = await logs(alice, model="gpt-99")
    before = await alice.reads_logs()
    await ingest(queues.event())
    (row,) = await alice.reads_logs()
    assert (answer.json()["cost"], before, row["cost_status"]) == (None, [], "unpriced")


@pytest.mark.parametrize("cost", ["0.1234567890123456789", "99999.000000000001"])
async def test_no_digit_of_a_cost_is_lost_on_the_way(alice, queues, ingest, database, cost):
    answer = await logs(alice, cost=cost)
    key = {"Idempotency-Key": "one"}
    direct = await alice.ask("POST", "/api/v1/log", json=a_call(cost=cost), headers=key)
    await ingest(queues.event())
    rows = await database.fetch(Statement("select cost from {schema}.usage_logs"))
    assert ({answer.status_code, direct.status_code}, len(rows)) == ({202, 200}, 2)
    assert [row["cost"] for row in rows] == [Decimal(cost)] * 2


async def test_what_is_nested_to_the_limit_is_written_or_can_be_read_again(alice, queues, ingest):
    deep = {}
    for _ in range(190):
        deep = {"a": deep}
    answer = await logs(alice, metadata=deep)
    assert await ingest(queues.event()) == {"batchItemFailures": []}
    assert (answer.status_code, len(await alice.reads_logs())) == (202, 1)


async def test_with_its_queue_down_a_large_batch_is_written_soon(serve, monkeypatch):
    alice = Project(await serve(ingest_mode="queue", ingest_queue_url=DOWN), "alice")
    tries, send = [], usage_queue.UsageQueue._send

    def counted(self, bodies):
        tries.append(len(bodies))
        return send(self, bodies)

    monkeypatch.setattr(usage_queue.UsageQueue, "_send", counted)
    answer = await alice.logs_batch([a_call() for _ in range(1000)])
    assert (answer.json()["stored"], len(tries)) == (1000, 1)


async def test_what_neither_the_queue_nor_the_database_took_is_rejected_in_its_place(
    alice, queues, monkeypatch
):
    send = usage_queue.UsageQueue._send

    def only_the_first(self, bodies):
        return [*send(self, bodies[:1]), *[False] * (len(bodies) - 1)]

    async def away(database, caller, calls):
        if calls:
            raise Unavailable
        return {}

    monkeypatch.setattr(usage_queue.UsageQueue, "_send", only_the_first)
    monkeypatch.setattr(queueing, "_write", away)
    told = (await alice.logs_batch([a_call(), a_call()])).json()
    assert (told["stored"], told["rejected"]) == (1, 1)
    assert [each["status"] for each in told["results"]] == ["stored", "rejected"]
    assert len(queues.messages()) == 1


async def test_a_batch_is_taken_with_each_answer_in_its_place(alice, queues, ingest):
    answer = await alice.logs_batch([a_call(), {"provider": "x"}, a_call(origin="b")])
    await ingest(queues.event())
    told = answer.json()
    assert (answer.status_code, told["stored"], told["rejected"]) == (202, 2, 1)
    assert [each["status"] for each in told["results"]] == ["stored", "rejected", "stored"]
    assert {row["log_id"] for row in await alice.reads_logs()} == {
        told["results"][0]["log_id"],
        told["results"][2]["log_id"],
    }


async def test_a_large_batch_takes_as_many_messages_as_it_needs(alice, queues, ingest):
    calls = [a_call(metadata={"text": "x" * 5000}) for _ in range(100)]
    assert (await alice.logs_batch(calls)).status_code == 202
    await ingest(queues.event())
    assert len(await alice.reads_logs(limit=100)) == 100


@pytest.mark.parametrize("times", [2, 5])
async def test_what_is_delivered_again_is_stored_once(alice, queues, ingest, times):
    await alice.logs_batch([a_call() for _ in range(3)])
    event = queues.event()
    for _ in range(times):
        assert await ingest(event) == {"batchItemFailures": []}
    both = {"Records": event["Records"] * 2}
    await ingest(both)
    assert len(await alice.reads_logs()) == 3


async def test_the_cost_of_a_conversation_counts_a_delivered_call_once(alice, queues, ingest):
    body = {"title": "t"}
    conversation = (await alice.ask("POST", "/conversations", json=body)).json()
    answer = await logs(alice, cost=0.25, metadata={"conversation_id": conversation["id"]})
    event = queues.event()
    await ingest(event)
    await ingest(event)
    after = await alice.reads(f"/conversations/{conversation['id']}")
    assert (answer.status_code, after["total_cost"]) == (202, 0.25)


async def test_what_cannot_be_stored_is_told_apart_and_the_rest_is_stored(alice, queues, ingest):
    await alice.logs_batch([a_call(), a_call()])
    bodies = [record["body"] for record in queues.event()["Records"]]
    evil = json.loads(bodies[0])
    evil["logged"]["log_id"] = str(uuid.uuid4())
    evil["entry"]["id_at_origin"] = "a\x00b"
    event = sqs_event([bodies[0], "{", json.dumps(evil), bodies[1], '{"api_key_id": 1}'])
    told = await ingest(event)
    assert {each["itemIdentifier"] for each in told["batchItemFailures"]} == {
        "message-1",
        "message-2",
        "message-4",
    }
    assert len(await alice.reads_logs()) == 2


async def test_calls_of_many_projects_are_stored_together(alice, queues, ingest):
    bob = Project(alice.http, "bob")
    await logs(alice, origin="a")
    await logs(bob, origin="b")
    await ingest(queues.event())
    assert [row["origin"] for row in await alice.reads_logs()] == ["a"]
    assert [row["origin"] for row in await bob.reads_logs()] == ["b"]


async def test_a_repeatable_request_is_written_straight_away(alice, queues):
    answers = [
        await alice.ask("POST", "/api/v1/log", json=a_call(), headers={"Idempotency-Key": "one"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (len(await alice.reads_logs()), queues.messages()) == (1, [])


async def test_a_batch_of_all_or_none_is_written_straight_away(alice, queues):
    answer = await alice.logs_batch([a_call(), a_call()], atomic=True)
    assert (answer.status_code, len(await alice.reads_logs()), queues.messages()) == (200, 2, [])


async def test_a_call_that_is_too_large_for_a_message_is_written_straight_away(alice, queues):
    answer = await logs(alice, metadata={"text": "x" * 300_000})
    assert (answer.status_code, len(await alice.reads_logs()), queues.messages()) == (202, 1, [])


async def test_without_its_queue_a_call_is_written_straight_away(serve):
    alice = Project(await serve(ingest_mode="queue", ingest_queue_url=DOWN), "alice")
    answer = await logs(alice)
    (row,) = await alice.reads_logs()
    assert (answer.status_code, row["log_id"]) == (202, answer.json()["log_id"])


async def test_without_queue_and_database_nothing_is_acknowledged(serve, settings):
    gone = type(settings.database_url)("postgresql://127.0.0.1:9/none")
    http = await serve(ingest_mode="queue", ingest_queue_url=DOWN, database_url=gone)
    answer = await logs(Project(http, "alice"))
    assert answer.status_code == 503


async def test_what_the_queue_took_without_saying_so_is_stored_once(
    alice, queues, ingest, monkeypatch
):
    send = usage_queue.UsageQueue._send

    def took_it(self, bodies):
        send(self, bodies)
        return [False] * len(bodies)

    monkeypatch.setattr(usage_queue.UsageQueue, "_send", took_it)
    await logs(alice)
    await ingest(queues.event())
    assert len(await alice.reads_logs()) == 1
