"""However often a call is reported, it is one usage row; another call is a row of its own."""

import asyncio

import pytest

from llmring_core.queries import Statement
from llmring_server.jobs.upkeep import upkeep
from support.logged_calls import a_logged_call, conversation_of, logged, the_same_call
from support.projects import Project, a_call

A_DAY_LATER = Statement(
    "update {schema}.awaited_logs set logged_at = logged_at - interval '25 hours'"
)


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


async def test_tokens_told_without_a_registry_are_priced_later(serve, upstream):
    knowing = Project(await serve(), "alice")
    body = a_logged_call(input_tokens=None, output_tokens=None)
    answer = await logged(knowing, {**body, "response": {"content": "Hi"}})
    unknowing = Project(await serve(registry_base_url="http://127.0.0.1:9/"), "alice")
    again = await unknowing.logs(the_same_call(answer["conversation_id"]))
    row = await knowing.reads(f"/api/v1/logs/{answer['log_id']}")
    assert again["log_id"] == answer["log_id"]
    assert (row["cost"], row["input_tokens"]) == (None, 1000)
    assert row["pricing"]["reason"].startswith("No registry was at hand")


async def test_batches_that_name_conversations_crosswise_do_not_block_each_other(alice):
    conversations = [(await alice.ask("POST", "/conversations")).json()["id"] for _ in range(20)]
    calls = [a_call(cost=0.1, metadata={"conversation_id": name}) for name in conversations]
    batches = [alice.logs_batch(calls if turn % 2 else calls[::-1]) for turn in range(20)]
    answers = await asyncio.gather(*batches)
    costs = [each["total_cost"] for each in await alice.reads("/conversations")]
    assert {answer.status_code for answer in answers} == {200}
    assert costs == [2.0] * 20


@pytest.mark.parametrize("spell", [str, str.upper])
async def test_the_conversation_may_be_named_in_capitals(alice, spell):
    answer = await logged(alice)
    call = the_same_call(answer["conversation_id"], id_at_origin=spell(answer["conversation_id"]))
    assert (await alice.logs(call))["log_id"] == answer["log_id"]
    (row,) = await alice.reads_logs()
    assert row["id_at_origin"] == row["metadata"]["conversation_id"] == answer["conversation_id"]


@pytest.mark.parametrize("spelling", ["{%s}", "urn:uuid:%s", " %s", "%s "])
async def test_what_is_not_an_id_as_we_write_it_names_no_conversation(alice, spelling):
    answer = await logged(alice)
    other = await alice.logs(the_same_call(spelling % answer["conversation_id"]))
    assert other["log_id"] != answer["log_id"]


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
