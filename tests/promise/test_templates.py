"""Templates: kept, changed, used, counted; nobody else's."""

import asyncio

import pytest

TEMPLATES = "/api/v1/templates"
UNKNOWN = "01a20b58-e53b-74d4-bfbd-eb894b64570c"


def a_template(**members):
    return {"name": "translator", "system_prompt": "Translate into {{language}}.", **members}


async def kept(project, **members):
    response = await project.ask("POST", TEMPLATES, json=a_template(**members))
    assert response.status_code == 200, response.text
    return response.json()


async def used(project, template, body=None):
    return await project.ask("POST", f"{TEMPLATES}/{template['id']}/use", json=body)


async def test_a_template_is_kept_and_read(alice):
    given = a_template(
        description="d",
        model_alias="fast",
        temperature=0.2,
        max_tokens=100,
        tool_config={"tools": [1, "x"]},
        metadata={"k": None},
        created_by="ann",
    )
    template = await kept(alice, **given)
    assert template.items() >= given.items()
    assert (template["usage_count"], template["last_used_at"]) == (0, None)
    assert await alice.reads(f"{TEMPLATES}/{template['id']}") == template


async def test_templates_are_listed_newest_first_page_by_page(alice):
    for number in range(5):
        await kept(alice, name=f"t-{number}")
    seen, path = [], f"{TEMPLATES}?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [each["name"] for each in response.json()]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == ["t-4", "t-3", "t-2", "t-1", "t-0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [({"name": "b"}, ["b"]), ({"created_by": "ann"}, ["a"]), ({"name": "c"}, [])],
)
async def test_a_list_is_filtered(alice, wanted, found):
    await kept(alice, name="a", created_by="ann")
    await kept(alice, name="b")
    assert [each["name"] for each in await alice.reads(TEMPLATES, **wanted)] == found


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_only_what_is_given_is_changed(alice, method):
    template = await kept(alice, description="old", temperature=0.5, metadata={"k": 1})
    changes = {"description": "new", "temperature": None}
    path = f"{TEMPLATES}/{template['id']}"
    changed = (await alice.ask(method, path, json=changes)).json()
    assert changed["updated_at"] > template["updated_at"]
    assert changed == {**template, **changes, "updated_at": changed["updated_at"]}


async def test_a_deleted_template_is_gone(alice):
    template = await kept(alice)
    path = f"{TEMPLATES}/{template['id']}"
    assert (await alice.ask("DELETE", path)).status_code == 204
    assert (await alice.ask("GET", path)).status_code == 404
    assert (await alice.ask("DELETE", path)).status_code == 404


async def test_a_name_is_unique_within_a_project(alice, bob):
    await kept(alice)
    other = await kept(alice, name="other")
    await kept(bob)
    again = await alice.ask("POST", TEMPLATES, json=a_template())
    assert (again.status_code, "of this name" in again.json()["detail"]) == (409, True)
    renamed = await alice.ask("PUT", f"{TEMPLATES}/{other['id']}", json={"name": "translator"})
    assert renamed.status_code == 409


async def test_a_use_is_counted(alice):
    template = await kept(alice)
    first = (await used(alice, template)).json()
    assert (first["usage_count"], first["last_used_at"] is None) == (1, False)
    assert first["system_prompt"] == template["system_prompt"]


async def test_many_uses_at_once_are_all_counted(alice):
    template = await kept(alice)
    await asyncio.gather(*(used(alice, template) for _ in range(30)))
    assert (await alice.reads(f"{TEMPLATES}/{template['id']}"))["usage_count"] == 30


async def test_blanks_are_filled_in(alice):
    template = await kept(alice, system_prompt="{{a}}, {{ b }} and {{a}}: {{not a blank}} {x}")
    answer = await used(alice, template, {"variables": {"a": "{{b}}", "b": "2", "more": "3"}})
    assert answer.json()["system_prompt"] == "{{b}}, 2 and {{b}}: {{not a blank}} {x}"
    kept_prompt = (await alice.reads(f"{TEMPLATES}/{template['id']}"))["system_prompt"]
    assert kept_prompt == template["system_prompt"]


async def test_a_blank_without_a_value_is_named_and_the_use_not_counted(alice):
    template = await kept(alice, system_prompt="{{a}} {{b}} {{c}}")
    answer = await used(alice, template, {"variables": {"b": "2"}})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "The template has blanks without a value: a, c.",
    )
    assert (await alice.reads(f"{TEMPLATES}/{template['id']}"))["usage_count"] == 0


async def test_a_prompt_that_would_get_too_long_is_refused(alice):
    template = await kept(alice, system_prompt="{{a}}" * 1000)
    answer = await used(alice, template, {"variables": {"a": "x" * 20_000}})
    assert (answer.status_code, "longer than" in answer.json()["detail"]) == (422, True)


async def test_with_an_idempotency_key_a_use_is_counted_once(alice):
    template = await kept(alice)
    for _ in range(2):
        path = f"{TEMPLATES}/{template['id']}/use"
        await alice.ask("POST", path, headers={"Idempotency-Key": "k"})
    assert (await alice.reads(f"{TEMPLATES}/{template['id']}"))["usage_count"] == 1


async def test_statistics_tell_how_often_templates_are_used(alice, bob):
    a, b = await kept(alice, name="a"), await kept(alice, name="b")
    await kept(alice, name="c")
    await kept(bob)
    for template in (a, b, b):
        await used(alice, template)
    stats = await alice.reads(f"{TEMPLATES}/stats")
    most_used = stats.pop("most_used")
    assert stats == {"total_templates": 3, "total_uses": 3, "unused_templates": 1}
    assert [(each["name"], each["usage_count"]) for each in most_used] == [("b", 2), ("a", 1)]


async def test_statistics_over_no_templates_are_zero(alice):
    stats = await alice.reads(f"{TEMPLATES}/stats")
    assert stats == {"total_templates": 0, "total_uses": 0, "unused_templates": 0, "most_used": []}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"name": "x"}),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/use", None),
        ("POST", "/use", {"variables": {"language": "x"}}),
    ],
)
async def test_a_template_of_another_project_is_not_there(alice, bob, method, path, body):
    template = await kept(alice)
    answer = await bob.ask(method, f"{TEMPLATES}/{template['id']}{path}", json=body)
    assert answer.status_code == 404
    assert await alice.reads(f"{TEMPLATES}/{template['id']}") == template
    assert await bob.reads(TEMPLATES) == []


@pytest.mark.parametrize(
    "members",
    [
        {"name": ""},
        {"name": None},
        {"name": "x" * 256},
        {"name": "a\x00"},
        {"temperature": -1},
        {"temperature": 1e9},
        {"max_tokens": -1},
        {"max_tokens": 1.5},
        {"tool_config": []},
        {"metadata": "x"},
        {"system_prompt": 5},
        {"system_prompt": "x" * 1_000_001},
    ],
)
async def test_what_cannot_be_in_a_template_is_refused(alice, members):
    template = await kept(alice, name="kept")
    created = await alice.ask("POST", TEMPLATES, json=a_template(**members))
    changed = await alice.ask("PATCH", f"{TEMPLATES}/{template['id']}", json=members)
    assert (created.status_code, changed.status_code) == (422, 422)
    assert await alice.reads(TEMPLATES) == [template]


@pytest.mark.parametrize("body", [{"variables": []}, {"variables": {"a": 1}}, [], "x"])
async def test_a_use_that_makes_no_sense_is_refused(alice, body):
    template = await kept(alice)
    assert (await used(alice, template, body)).status_code == 422


async def test_an_id_that_is_none_is_refused(alice):
    assert (await alice.ask("GET", f"{TEMPLATES}/x")).status_code == 422
    assert (await alice.ask("GET", f"{TEMPLATES}/{UNKNOWN}")).status_code == 404


async def test_every_path_wants_an_api_key(http):
    assert (await http.get(TEMPLATES)).status_code == 401
    assert (await http.post(TEMPLATES, json=a_template())).status_code == 401
