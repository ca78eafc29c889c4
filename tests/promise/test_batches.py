"""Batches: one transaction, a result per entry in order, bad entries named by their index."""

from support.projects import a_call


async def test_every_entry_has_its_result_in_order(alice):
    costs = [0.3, 0.1, 0.2]
    answer = (await alice.logs_batch([a_call(cost=cost) for cost in costs])).json()
    assert (answer["stored"], answer["rejected"]) == (3, 0)
    assert [each["cost"] for each in answer["results"]] == costs
    assert [each["index"] for each in answer["results"]] == [0, 1, 2]


async def test_a_bad_entry_is_reported_and_the_good_ones_are_stored(alice):
    response = await alice.logs_batch([a_call(), a_call(input_tokens=-1), a_call()])
    results = response.json()["results"]
    assert [each["status"] for each in results] == ["stored", "rejected", "stored"]
    assert results[1]["errors"][0]["loc"] == ["input_tokens"]
    assert len(await alice.reads_logs()) == 2


async def test_an_atomic_batch_with_a_bad_entry_stores_nothing(alice):
    response = await alice.logs_batch([a_call(), a_call(input_tokens=-1)], atomic="true")
    assert response.status_code == 422
    assert [each["index"] for each in response.json()["errors"]] == [1]
    assert await alice.reads_logs() == []


async def test_an_atomic_batch_without_a_bad_entry_is_stored(alice):
    response = await alice.logs_batch([a_call(), a_call()], atomic="true")
    assert response.json()["stored"] == 2


async def test_a_thousand_entries_are_taken(alice):
    response = await alice.logs_batch([a_call(cost=0.1)] * 1000)
    assert response.json()["stored"] == 1000
    assert (await alice.reads_stats())["summary"]["total_cost"] == 100.0


async def test_more_than_a_thousand_entries_are_refused(alice):
    response = await alice.logs_batch([a_call()] * 1001)
    assert response.status_code == 422
    assert await alice.reads_logs() == []


async def test_an_empty_batch_stores_nothing(alice):
    assert (await alice.logs_batch([])).json() == {"stored": 0, "rejected": 0, "results": []}


async def test_a_batch_of_bad_entries_stores_nothing(alice):
    answer = (await alice.logs_batch([1, None, "x", {}])).json()
    assert (answer["stored"], answer["rejected"]) == (0, 4)


async def test_a_body_that_is_no_list_is_refused(alice):
    response = await alice.ask("POST", "/api/v1/log/batch", json=a_call())
    assert response.status_code == 422
