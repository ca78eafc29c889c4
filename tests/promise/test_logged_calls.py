"""A call is logged with all that was said; however often it is reported, it is one usage row."""

import asyncio

import pytest

from llmring_core.queries import Statement
from llmring_server.jobs.upkeep import upkeep
from support.projects import Project, a_call

LOG = "/conversations/log"
A_DAY_LATER = Statement(
    "update {schema}.awaited_logs set logged_at = logged_at - interval '25 hours'"
)
FULL_DISK = Statement("""
create function {schema}.full() returns trigger language plpgsql as
$$ begin raise exception 'no room' using errcode = '53100'; end $$;
create trigger full_disk before insert on {schema}.usage_logs
for each row execute function {schema}.full()
""")


def a_logged_call(**metadata):
    """What the published client sends; name what matters of the metadata."""
    return {
        "messages": [
            {"role": "system", "content": "Be brief.", "tool_calls": None, "timestamp": None},
            {"role": "user", "content": [{"type": "text", "text": "Hello"}], "metadata": None},
        ],
        "response": {
            "content": "Hi",
            "model": "gpt-4.1",
            "finish_reason": "stop",
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        },
        "metadata": {
            "provider": "openai",
            "model": "gpt-4.1",
            "alias": "fast",
            "profile": "default",
            "origin": "llmring",
            "input_tokens": 1000,
            "output_tokens": 100,
            "cached_tokens": 0,
            **metadata,
        },
    }


def the_same_call(conversation_id, **members):
    """What the published client sends to `POST /log` right after."""
    return {
        "provider": "openai",
        "model": "gpt-4.1",
        "input_tokens": 1000,
        "output_tokens": 100,
        "cached_input_tokens": 0,
        "alias": "fast",
        "profile": "default",
        "origin": "llmring",
        "id_at_origin": conversation_id,
        "metadata": {
            "model_alias": "openai:gpt-4.1",
            "finish_reason": "stop",
            "conversation_id": conversation_id,
        },
        **members,
    }


async def logged(project, body=None, root="", **headers):
    response = await project.ask("POST", root + LOG, json=body or a_logged_call(), headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def conversation_of(project, answer):
    return await project.reads(f"/conversations/{answer['conversation_id']}")


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


async def test_a_second_report_of_the_call_completes_its_row(alice):
    answer = await logged(alice)
    again = await alice.logs(the_same_call(answer["conversation_id"], latency_ms=120))
    (row,) = await alice.reads_logs()
    assert again["log_id"] == answer["log_id"] == row["log_id"]
    assert (again["cost"], again["timestamp"]) == (row["cost"], row["logged_at"])
    assert (row["latency_ms"], row["cost"]) == (120, 0.0028)
    assert (await conversation_of(alice, answer))["total_cost"] == 0.0028


async def test_a_row_is_completed_once(alice):
    answer = await logged(alice)
    ids = [(await alice.logs(the_same_call(answer["conversation_id"])))["log_id"] for _ in "123"]
    rows = await alice.reads_logs()
    assert ids[0] == answer["log_id"]
    assert {row["log_id"] for row in rows} == set(ids)
    assert len(rows) == 3
    assert (await conversation_of(alice, answer))["total_cost"] == 0.0084


async def test_of_many_reports_at_once_one_completes_the_row(alice):
    answer = await logged(alice)
    await asyncio.gather(*(alice.logs(the_same_call(answer["conversation_id"])) for _ in range(20)))
    assert len(await alice.reads_logs()) == 20
    assert (await conversation_of(alice, answer))["total_cost"] == 0.056


async def test_every_call_has_a_row_to_complete(alice):
    answers = await asyncio.gather(*(logged(alice) for _ in range(20)))
    names = [answer["conversation_id"] for answer in answers]
    await asyncio.gather(*(alice.logs(the_same_call(name)) for name in names))
    rows = await alice.reads_logs()
    assert sorted(row["log_id"] for row in rows) == sorted(answer["log_id"] for answer in answers)


@pytest.mark.parametrize(
    ("first", "second"),
    [("openai:gpt-4.1", "gpt-4.1"), ("gpt-4.1", "openai/gpt-4.1"), ("OpenAI/gpt-4.1", "gpt-4.1")],
)
async def test_a_model_is_the_same_with_and_without_its_provider(alice, first, second):
    answer = await logged(alice, a_logged_call(model=first))
    again = await alice.logs(the_same_call(answer["conversation_id"], model=second))
    assert again["log_id"] == answer["log_id"]


@pytest.mark.parametrize(
    "members",
    [
        {"model": "gpt-4o-mini"},
        {"provider": "other"},
        {"input_tokens": 1001},
        {"output_tokens": 0},
        {"cached_input_tokens": 1},
        {"id_at_origin": None},
        {"id_at_origin": "mine"},
        {"metadata": None},
        {"metadata": {"conversation_id": 5}},
        {"metadata": {"conversation_id": "mine"}, "id_at_origin": "mine"},
    ],
)
async def test_another_call_of_the_conversation_is_a_row_of_its_own(alice, members):
    answer = await logged(alice)
    other = await alice.logs(the_same_call(answer["conversation_id"], **members))
    assert other["log_id"] != answer["log_id"]
    again = await alice.logs(the_same_call(answer["conversation_id"]))
    assert (again["log_id"], len(await alice.reads_logs())) == (answer["log_id"], 2)


async def test_another_project_that_names_the_conversation_gets_a_row_of_its_own(alice, bob):
    answer = await logged(alice)
    theirs = await bob.logs(the_same_call(answer["conversation_id"]))
    assert theirs["log_id"] != answer["log_id"]
    assert len(await bob.reads_logs()) == len(await alice.reads_logs()) == 1
    assert (await conversation_of(alice, answer))["total_cost"] == 0.0028


async def test_a_cost_that_is_given_outweighs_one_that_was_worked_out(alice):
    answer = await logged(alice)
    await alice.logs(the_same_call(answer["conversation_id"], cost=0.5))
    row = await alice.reads(f"/api/v1/logs/{answer['log_id']}")
    assert (row["cost"], row["cost_status"]) == (0.5, "given")
    assert row["pricing"]["reason"] == "The client gave the cost."
    assert (await conversation_of(alice, answer))["total_cost"] == 0.5


async def test_a_cost_that_was_given_stays(alice):
    answer = await logged(alice, a_logged_call(cost=0.5))
    await alice.logs(the_same_call(answer["conversation_id"]))
    (row,) = await alice.reads_logs()
    assert (row["cost"], row["cost_status"]) == (0.5, "given")


async def test_a_second_report_tells_the_tokens_that_the_first_did_not_know(alice):
    body = a_logged_call(input_tokens=None, output_tokens=None)
    answer = await logged(alice, {**body, "response": {"content": "Hi"}})
    await alice.logs(the_same_call(answer["conversation_id"]))
    (row,) = await alice.reads_logs()
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (1000, 100, 0.0028)
    assert (await conversation_of(alice, answer))["total_cost"] == 0.0028


async def test_a_batch_completes_rows_too_each_once(alice):
    first, second = await logged(alice), await logged(alice)
    names = [first["conversation_id"], second["conversation_id"], first["conversation_id"]]
    answer = (await alice.logs_batch([a_call(), *map(the_same_call, names)])).json()
    ids = [each["log_id"] for each in answer["results"]]
    assert (answer["stored"], ids[1], ids[2]) == (4, first["log_id"], second["log_id"])
    assert {row["log_id"] for row in await alice.reads_logs()} == set(ids)
    assert len(set(ids)) == 4


async def test_a_report_that_comes_after_a_day_is_another_call(alice, database):
    answer = await logged(alice)
    await database.execute(A_DAY_LATER)
    await upkeep(database)
    later = await alice.logs(the_same_call(answer["conversation_id"]))
    assert later["log_id"] != answer["log_id"]


async def test_within_a_day_upkeep_leaves_a_call_awaited(alice, database):
    answer = await logged(alice)
    await upkeep(database)
    later = await alice.logs(the_same_call(answer["conversation_id"]))
    assert later["log_id"] == answer["log_id"]


async def test_a_second_report_finds_its_row_after_the_conversation_was_deleted(alice):
    answer = await logged(alice)
    await alice.ask("DELETE", f"/conversations/{answer['conversation_id']}")
    await alice.logs(the_same_call(answer["conversation_id"]))
    assert [row["log_id"] for row in await alice.reads_logs()] == [answer["log_id"]]


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


@pytest.mark.parametrize("members", [{}, {"cost": 0.5, "latency_ms": 7, "metadata": {"more": 1}}])
async def test_a_second_report_leaves_a_certified_call_as_it_is(alice, members):
    answer = await logged(alice)
    before = await alice.reads(f"/api/v1/logs/{answer['log_id']}")
    receipt = await alice.generates(since_last_receipt=True)
    body = the_same_call(answer["conversation_id"])
    more = {**members, "metadata": {**body["metadata"], **members.get("metadata", {})}}
    again = await alice.logs({**body, **more})
    assert (again["log_id"], again["cost"]) == (answer["log_id"], 0.0028)
    assert await alice.reads(f"/api/v1/logs/{answer['log_id']}") == before
    verified = await alice.reads(f"/api/v1/receipts/{receipt['id']}/verify")
    assert (verified["valid"], (await alice.reads_stats())["summary"]["total_requests"]) == (
        True,
        1,
    )
