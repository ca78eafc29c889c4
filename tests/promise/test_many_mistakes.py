"""However much is wrong with a request, the answer that says so stays small."""

from support.conversations import added, begun
from support.projects import a_call

SOME = 150


async def use(alice, variables):
    template = await alice.ask("POST", "/api/v1/templates", json={"name": "t"})
    path = f"/api/v1/templates/{template.json()['id']}/use"
    return await alice.ask("POST", path, json={"variables": variables})


async def test_a_hundred_places_are_listed_and_the_others_counted(alice):
    answer = await use(alice, {f"v{number}": number for number in range(SOME)})
    problem = answer.json()
    assert (answer.status_code, len(problem["detail"])) == (422, 100)
    assert problem["detail"][0]["loc"] == ["body", "variables", "v0"]
    assert problem["errors_omitted"] == SOME - 100


async def test_a_problem_that_lists_all_omits_none(alice):
    problem = (await use(alice, {"a": 1, "b": 2})).json()
    assert (len(problem["detail"]), "errors_omitted" in problem) == (2, False)


async def test_a_hundred_bad_entries_are_listed_and_the_others_counted(alice):
    bad = [a_call(input_tokens=-1)] * SOME
    problem = (await alice.logs_batch(bad, atomic="true")).json()
    assert (len(problem["errors"]), problem["errors_omitted"]) == (100, SOME - 100)


async def test_a_thousand_variables_are_taken(alice):
    answer = await use(alice, {f"v{number}": "x" for number in range(1000)})
    assert answer.status_code == 200


async def test_too_many_variables_are_refused_as_a_whole(alice):
    answer = await use(alice, {f"v{number}": number for number in range(1001)})
    (place,) = answer.json()["detail"]
    assert (place["type"], place["loc"]) == ("too_long", ["body", "variables"])


async def test_a_hundred_bad_messages_are_listed_and_the_others_counted(alice):
    conversation = await begun(alice)
    problem = (await added(alice, conversation, [0] * SOME)).json()
    assert (len(problem["detail"]), problem["errors_omitted"]) == (100, SOME - 100)


async def test_too_many_messages_are_refused_as_a_whole(alice):
    conversation = await begun(alice)
    (place,) = (await added(alice, conversation, [0] * 1001)).json()["detail"]
    assert (place["type"], place["loc"]) == ("too_long", ["body", "messages"])
