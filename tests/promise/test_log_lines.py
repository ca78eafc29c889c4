"""Structured log lines: each names its request, and the project that asked."""

import json

import pytest

from llmring_core.callers import project_id
from support.log_lines import lines, terminal_for_tests
from support.projects import a_call

LOG = "/api/v1/log"


@pytest.fixture
def said(local, monkeypatch):
    """What a server, which is started, says as JSON: the ids of request and project by line."""
    with terminal_for_tests(monkeypatch, as_json=True) as terminal:

        def read():
            terminal.flush()
            return [(each["request_id"], each["project_id"]) for each in written(terminal)]

        yield read


def written(terminal):
    return [each for each in map(json.loads, lines(terminal)) if each["logger"] == "llmring.access"]


async def ask(local, path=LOG, identifier="r-1", **headers):
    headers["X-Request-Id"] = identifier
    return await local.post(path, json=a_call(cost=1), headers=headers)


# With a query the route itself answers; without one, a short path does.
@pytest.mark.parametrize("path", [LOG, f"{LOG}?the=long-way"], ids=["short", "long"])
async def test_the_line_of_a_request_names_it_and_its_project(local, said, path):
    response = await ask(local, path, **{"X-API-Key": "alice"})
    assert response.status_code == 200
    assert said() == [("r-1", project_id("alice"))]


@pytest.mark.parametrize("path", [LOG, f"{LOG}?the=long-way"], ids=["short", "long"])
async def test_the_line_of_a_stranger_does_not_name_the_project_that_asked_before(
    local, said, path
):
    await ask(local, path, "r-1", **{"X-API-Key": "alice"})
    assert (await ask(local, path, "r-2")).status_code == 401
    assert said()[1] == ("r-2", "-")
