"""Every endpoint, asked by another project: it finds nothing, and changes nothing.

The endpoints are those of the route table, so that a new one is asked, too; one whose path names
something that is not made here fails until it is.
"""

import re

import pytest

from llmring_core.settings import Settings
from llmring_server import create_app
from support.conversations import said
from support.one_of_each import one_of_each
from support.projects import a_call, a_receipt
from support.routes import routes_of_projects

NOWHERE = "https://mcp.example.org/mcp"
# Bodies that each path would take; the others take any, or none.
BODIES = {
    "/conversations/{conversation_id}/messages": {"role": "user", "content": "mine"},
    "/conversations/{conversation_id}/messages/batch": {"messages": said("mine")},
    "/api/v1/log": a_call(cost=1),
    "/api/v1/receipts/issue": a_receipt(),
    "/api/v1/receipts/generate": {"start_date": "2020-01-01"},
    "/api/v1/receipts/preview": {"start_date": "2020-01-01"},
}
OLD = {"/conversations/old-messages": {"retention_days": 1}}


def endpoints():
    """Each method and path of a project's own, once."""
    app = create_app(settings=Settings(_env_file=None, database_url="postgresql://nowhere"))
    for route in routes_of_projects(app):
        if not route.path.startswith("/api/v1/conversations"):  # the same as /conversations
            yield from ((method, route.path) for method in sorted(route.methods))


ENDPOINTS = sorted(set(endpoints()))
OF_ONE_THING = [each for each in ENDPOINTS if "{" in each[1]]
LISTS = [each for each in ENDPOINTS if "{" not in each[1] and each[0] == "GET"]


@pytest.fixture
async def alices(alice):
    """The ids of what Alice has, by the names that paths have for them."""
    return await one_of_each(alice, NOWHERE, "secret of Alice")


async def everything(alice, alices):
    """All that Alice can see."""
    seen = {}
    for method, path in ENDPOINTS:
        if method == "GET" and not path.endswith(("/content", "/proof")):
            seen[path] = (await alice.ask("GET", named(path, alices))).text
    # Each answer says when it was asked.
    return {path: re.sub(r'"request_id": "\w+"', "", text) for path, text in seen.items()}


def named(path, ids):
    return re.sub(r"{(\w+)}", lambda name: ids[name[1]], path)


def test_the_table_has_every_endpoint():
    assert len(OF_ONE_THING) > 30
    assert len(LISTS) > 10


async def test_a_project_finds_nothing_of_another_and_changes_nothing(alice, bob, alices):
    before = await everything(alice, alices)
    for method, path in OF_ONE_THING:
        body = {} if method == "GET" else {"json": BODIES.get(path, {})}
        response = await bob.ask(method, named(path, alices), **body)
        assert response.status_code == 404, (method, path, response.text)
        assert "secret of Alice" not in response.text
    assert await everything(alice, alices) == before


async def test_lists_of_one_project_have_nothing_of_another(alice, bob, alices):
    for _, path in LISTS:
        theirs = (await alice.ask("GET", path)).text
        response = await bob.ask("GET", path)
        assert response.status_code == 200, (path, response.text)
        assert not any(each in response.text for each in alices.values()), path
        assert "secret of Alice" not in response.text
        assert theirs != response.text or path.endswith(("uncertified", "export")), path


async def test_what_a_project_makes_or_deletes_is_its_own(alice, bob, alices):
    before = await everything(alice, alices)
    for method, path in ENDPOINTS:
        if "{" not in path and method != "GET":
            options = {"params": OLD.get(path, {}), "json": BODIES.get(path, {})}
            assert (await bob.ask(method, path, **options)).status_code < 500, path
    assert await everything(alice, alices) == before
