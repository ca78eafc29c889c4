"""A call is logged with all that was said: a conversation, its messages, one usage row."""

import asyncio

import pytest

from llmring_core.queries import Statement
from support.logged_calls import LOG, a_logged_call, conversation_of, logged, the_same_call
from support.projects import Project, a_call

FULL_DISK = Statement("""
create function {schema}.full() returns trigger language plpgsql as
$$ begin raise exception 'no room' using errcode = '53100'; end $$;
create trigger full_disk before insert on {schema}.usage_logs
for each row execute function {schema}.full()
""")


@pytest.mark.parametrize("root", ["", "/api/v1"])
async def test_a_logged_call_is_a_conversation_with_its_messages(alice, root):
    answer = await logged(alice, root=root)
    conversation = await conversation_of(alice, answer)
    assert (conversation["model_alias"], conversation["origin"]) == ("fast", "llmring")
    assert [(each["role"], each["content"]) for each in conversation["messages"]] == [
        ("system", "Be brief."),
        ("user", [{"type": "text", "text": "Hello"}]),
        ("assistant", "Hi"),
    ]
    assert conversation["messages"][-1]["id"] == answer["message_id"]
    assert (conversation["input_tokens"], conversation["output_tokens"]) == (1000, 100)
    assert (conversation["message_count"], conversation["total_cost"]) == (3, 0.0028)


async def test_a_logged_call_is_one_usage_row(alice):
    answer = await logged(alice)
    (row,) = await alice.reads_logs()
    said = {"alias": "fast", "profile": "default", "origin": "llmring", "model": "gpt-4.1"}
    assert row.items() >= said.items()
    assert (row["log_id"], row["cost"], row["cost_status"]) == (answer["log_id"], 0.0028, "priced")
    assert row["id_at_origin"] == row["metadata"]["conversation_id"] == answer["conversation_id"]
    assert (await alice.reads_stats())["summary"]["total_requests"] == 1


async def test_the_answer_is_the_three_ids(alice):
    assert set(await logged(alice)) == {"conversation_id", "message_id", "log_id"}


@pytest.mark.parametrize(
    ("metadata", "cost", "status"),
    [
        ({"cost": 0.5}, 0.5, "given"),
        ({"cost": 0}, 0, "given"),
        ({"cost": None}, 0.0028, "priced"),
        ({"cached_tokens": 200}, 0.0025, "priced"),
        ({"cached_tokens": None}, 0.0028, "priced"),
        ({"model": "openai:gpt-4.1"}, 0.0028, "priced"),
        ({"model": None}, 0.0028, "priced"),
        ({"model": "gpt-99"}, None, "unpriced"),
        ({"input_tokens": None, "output_tokens": None}, 0.0028, "priced"),
        ({"input_tokens": 0, "output_tokens": 0}, 0, "priced"),
    ],
)
async def test_it_costs_what_the_same_call_costs_at_the_usage_log(alice, metadata, cost, status):
    answer = await logged(alice, a_logged_call(**metadata))
    row = await alice.reads(f"/api/v1/logs/{answer['log_id']}")
    assert (row["cost"], row["cost_status"]) == (cost, status)
    tokens = {"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"]}
    given = {"cost": metadata.get("cost"), "cached_input_tokens": row["cached_input_tokens"]}
    same = await alice.logs(a_call(model=row["model"], **tokens, **given))
    assert same["cost"] == cost


async def test_a_call_that_says_no_tokens_is_not_free(alice):
    body = a_logged_call(input_tokens=None, output_tokens=None)
    answer = await logged(alice, {**body, "response": {"content": "Hi", "usage": {}}})
    row = await alice.reads(f"/api/v1/logs/{answer['log_id']}")
    assert (row["input_tokens"], row["output_tokens"]) == (0, 0)
    assert (row["cost"], row["cost_status"]) == (None, "unpriced")
    assert row["pricing"]["reason"] == "The call was logged without its tokens."


async def test_a_call_logged_by_itself_counts_in_the_conversation_it_names(alice, bob):
    conversation = (await alice.ask("POST", "/conversations", json={})).json()
    call = a_call(metadata={"conversation_id": conversation["id"]}, cost=0.1)
    await alice.logs(call)
    await alice.logs_batch([call, a_call(), call])
    await bob.logs(call)
    read = await alice.reads(f"/conversations/{conversation['id']}")
    assert (read["total_cost"], read["message_count"]) == (0.3, 0)


async def test_costs_of_calls_at_once_add_up(alice):
    conversation = (await alice.ask("POST", "/conversations", json={})).json()
    call = a_call(metadata={"conversation_id": conversation["id"]}, cost=0.1)
    await asyncio.gather(*(alice.logs(call) for _ in range(30)))
    assert (await alice.reads(f"/conversations/{conversation['id']}"))["total_cost"] == 3.0


async def test_a_price_that_comes_later_counts_in_the_conversation(app, local, upstream):
    alice = Project(local, "alice")
    registry, app.state.registry._snapshot = app.state.registry._snapshot, None
    app.state.registry._not_before = app.state.registry._not_before.max.replace(
        tzinfo=app.state.registry._not_before.tzinfo
    )
    answers = [await logged(alice) for _ in range(3)]
    assert [(await conversation_of(alice, each))["total_cost"] for each in answers] == [0, 0, 0]
    app.state.registry._adopt(registry)
    await app.state.registry.told()
    assert [(await conversation_of(alice, each))["total_cost"] for each in answers] == [0.0028] * 3


async def test_with_an_idempotency_key_a_call_is_logged_once(alice):
    headers = {"Idempotency-Key": "k"}
    assert await logged(alice, **headers) == await logged(alice, **headers)
    assert len(await alice.reads("/conversations")) == len(await alice.reads_logs()) == 1


async def test_a_call_is_logged_as_a_whole_or_not_at_all(alice, database):
    await database.execute(FULL_DISK)
    answer = await alice.ask("POST", LOG, json=a_logged_call())
    assert (answer.status_code, await alice.reads("/conversations")) == (503, [])
    counts = Statement("select count(*) from {schema}.messages")
    assert await database.fetch_value(counts) == 0


async def test_at_metadata_the_call_counts_but_nothing_of_what_was_said_is_kept(serve, database):
    alice = Project(await serve(message_logging_level="metadata"), "alice")
    body = a_logged_call()
    body["messages"][0]["content"] = body["response"]["content"] = "the secret plan"
    answer = await logged(alice, body)
    (row,) = await alice.reads_logs()
    assert (row["log_id"], row["cost"]) == (answer["log_id"], 0.0028)
    assert (await conversation_of(alice, answer))["message_count"] == 3
    for table in ("messages", "conversations", "usage_logs"):
        rows = await database.fetch(Statement(f"select t::text as row from {{schema}}.{table} t"))
        assert "secret" not in "".join(row["row"] for row in rows)


@pytest.mark.parametrize(("cap", "asked"), [("none", None), ("full", "none")])
async def test_at_none_the_call_counts_and_no_message_is_kept(serve, cap, asked):
    alice = Project(await serve(message_logging_level=cap), "alice")
    answer = await logged(alice, {**a_logged_call(), "logging_level": asked})
    conversation = await conversation_of(alice, answer)
    assert (answer["message_id"], conversation["messages"]) == (None, [])
    assert (conversation["message_count"], conversation["total_cost"]) == (0, 0.0028)
    assert len(await alice.reads_logs()) == 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, ["messages"]),
        ({**a_logged_call(), "response": None}, ["response"]),
        ({**a_logged_call(), "metadata": None}, ["metadata"]),
        (a_logged_call(provider=None), ["metadata", "provider"]),
        (a_logged_call(provider=""), ["metadata", "provider"]),
        ({**a_logged_call(model=None), "response": {"content": "x"}}, []),
        (a_logged_call(cached_tokens=1001), []),
        (a_logged_call(input_tokens=-1), ["metadata", "input_tokens"]),
        (a_logged_call(output_tokens=2**53), ["metadata", "output_tokens"]),
        (a_logged_call(cost=-1), ["metadata", "cost"]),
        (a_logged_call(cost="x"), ["metadata", "cost"]),
        (a_logged_call(alias="x" * 256), ["metadata", "alias"]),
        ({**a_logged_call(), "messages": [{"role": "robot"}]}, ["messages", 0, "role"]),
        ({**a_logged_call(), "messages": [{"role": "user"}] * 10_001}, ["messages"]),
        ({**a_logged_call(), "logging_level": "all"}, ["logging_level"]),
        ([], []),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused_and_nothing_stored(alice, body, place):
    answer = await alice.ask("POST", LOG, json=body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", *place])
    assert await alice.reads("/conversations") == await alice.reads_logs() == []


async def test_members_that_nobody_asked_for_are_ignored(alice):
    body = a_logged_call(input_cost=0.1, output_cost=0.2, more={"x": 1})
    await logged(alice, {**body, "more": 1, "response": {**body["response"], "more": [2]}})


async def test_a_receipt_certifies_the_calls_of_a_conversation(alice, bob):
    answer = await logged(alice)
    await alice.logs(the_same_call(answer["conversation_id"]))
    await alice.logs(the_same_call(answer["conversation_id"]))
    await alice.logs()
    selection = {"conversation_id": answer["conversation_id"]}
    receipt = await alice.generates(**selection)
    assert (receipt["certified"]["logs"], receipt["cost"]["amount"]) == (2, 0.0056)
    assert receipt["certified"]["selection"] == {"by": "conversation_id", **selection}
    theirs = await bob.ask("POST", "/api/v1/receipts/generate", json=selection)
    assert theirs.status_code == 404
