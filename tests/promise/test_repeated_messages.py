"""Idempotency-Key of messages: sent twice they are kept once, and what is kept is the caller's."""

import hashlib

from llmring_core.queries import Statement
from support.conversations import begun, messages_of, said


async def test_with_an_idempotency_key_a_batch_is_stored_once(alice):
    conversation = await begun(alice)
    path = f"/conversations/{conversation['id']}/messages/batch"
    for _ in range(2):
        body = {"messages": said("a")}
        await alice.ask("POST", path, json=body, headers={"Idempotency-Key": "k"})
    assert len(await messages_of(alice, conversation)) == 1


async def test_what_an_idempotency_key_keeps_cannot_be_read_or_guessed(alice, database):
    conversation = await begun(alice)
    path, headers = f"/conversations/{conversation['id']}/messages", {"Idempotency-Key": "k"}
    body = {"role": "user", "content": "my PIN is 4711"}
    first = await alice.ask("POST", path, json=body, headers=headers)
    again = await alice.ask("POST", path, json=body, headers=headers)
    (kept,) = await database.fetch(Statement("select * from {schema}.idempotency_keys"))
    asked = f"conversation_id={conversation['id']}\n\n".encode() + first.request.content
    assert again.json() == first.json()
    assert "PIN" not in kept["answer"]
    assert kept["body_hash"] != hashlib.sha256(asked).digest()


async def test_the_spelling_of_an_id_makes_no_other_request(alice):
    conversation = await begun(alice)
    body, headers = {"role": "user", "content": "x"}, {"Idempotency-Key": "k"}
    for name in (conversation["id"], conversation["id"].upper()):
        path = f"/conversations/{name}/messages"
        assert (await alice.ask("POST", path, json=body, headers=headers)).status_code == 200
    assert len(await messages_of(alice, conversation)) == 1


async def test_the_other_path_of_a_conversation_makes_no_other_request(alice):
    conversation = await begun(alice)
    body, headers = {"role": "user", "content": "x"}, {"Idempotency-Key": "k"}
    for root in ("", "/api/v1"):
        path = f"{root}/conversations/{conversation['id']}/messages"
        assert (await alice.ask("POST", path, json=body, headers=headers)).status_code == 200
    assert len(await messages_of(alice, conversation)) == 1


async def test_an_idempotency_key_is_for_one_conversation(alice):
    first, second = await begun(alice), await begun(alice)
    answers = [
        await alice.ask(
            "POST",
            f"/conversations/{each['id']}/messages",
            json={"role": "user", "content": "x"},
            headers={"Idempotency-Key": "k"},
        )
        for each in (first, second)
    ]
    assert [answer.status_code for answer in answers] == [200, 422]
