"""The OpenAPI document says what operations take and answer, and how they fail."""

import json
import re
from collections import Counter
from importlib import resources

import pytest
from jsonschema import Draft202012Validator

from llmring_core.errors import LLMRingError, StartRefused
from llmring_core.settings import Settings
from llmring_server import create_app
from support.routes import all_routes

APP = create_app(settings=Settings(_env_file=None, metrics=True))
DOCUMENT = APP.openapi()
OPERATIONS = {
    operation["operationId"]: operation
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
}
OF_PROJECTS = {
    name: each
    for name, each in OPERATIONS.items()
    if any("APIKeyHeader" in key for key in each.get("security", ()))
}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def answer_of(operation, status):
    answer = operation["responses"][status]
    name = answer.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["responses"][name] if name else answer


def failures_of(operation):
    return [answer_of(operation, each) for each in operation["responses"] if each >= "400"]


def problems_with(value, schema):
    """What is wrong with a value; references lead into the document."""
    root = {"$ref": "#/$defs/wanted", "$defs": {"wanted": schema}}
    validator = Draft202012Validator({**root, "components": DOCUMENT["components"]})
    return [error.message for error in validator.iter_errors(value)]


@each_operation
def test_a_generated_client_has_a_short_plain_name_for_it(operation):
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+){1,3}", operation["operationId"])


def test_no_two_operations_have_the_same_name_not_even_those_that_are_not_listed():
    counts = Counter(route.unique_id for route in all_routes(APP))
    assert [name for name, count in counts.items() if count > 1] == []


@each_operation
def test_every_failure_is_a_problem_with_an_example_of_each_kind(operation):
    failures = failures_of(operation)
    assert failures
    for failure in failures:
        for media_type, content in failure["content"].items():
            if media_type == "application/json":  # that of /health, which says how it is
                continue
            assert media_type == "application/problem+json"
            for example in content["examples"].values():
                assert problems_with(example["value"], content["schema"]) == []


@pytest.mark.parametrize("operation", OF_PROJECTS.values(), ids=OF_PROJECTS)
def test_an_operation_of_projects_says_what_becomes_of_keys(operation):
    assert {"401", "403", "422", "429", "503"} <= operation["responses"].keys()
    scopes = [scopes for each in operation["security"] for scopes in each.values()]
    assert all(len(each) == 1 for each in scopes)


@each_operation
def test_an_operation_that_names_a_thing_says_that_there_may_be_none(operation):
    in_path = [each for each in operation.get("parameters", ()) if each["in"] == "path"]
    assert not in_path or "404" in operation["responses"]


@each_operation
def test_an_operation_that_takes_a_body_says_which_ones_it_does_not(operation):
    assert "requestBody" not in operation or {"413", "415"} <= operation["responses"].keys()


@each_operation
def test_an_operation_says_what_is_refused_before_it_is_reached(operation):
    assert {"408", "421", "431"} <= operation["responses"].keys()


@each_operation
def test_what_it_takes_has_an_example_that_it_takes(operation):
    if body := operation.get("requestBody"):
        (content,) = body["content"].values()
        assert problems_with(content["example"], content["schema"]) == []
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            assert problems_with(each["example"], each["schema"]) == []


@each_operation
def test_what_it_answers_has_a_schema_and_an_example_that_fits(operation):
    good = [status for status in operation["responses"] if "200" <= status < "204"]
    for status in good:
        contents = answer_of(operation, status)["content"]
        assert contents
        for content in contents.values():
            assert content["schema"]
            assert problems_with(content["example"], content["schema"]) == []


@each_operation
def test_every_answer_names_the_request(operation):
    for status in operation["responses"]:
        assert "X-Request-Id" in answer_of(operation, status)["headers"]


def test_every_kind_of_problem_is_documented():
    def kinds(kind):
        return {kind}.union(*map(kinds, kind.__subclasses__()))

    never_answered = kinds(StartRefused) | {LLMRingError}
    codes = {
        each.code
        for each in kinds(LLMRingError) - never_answered
        if each.__module__ == "llmring_core.errors"
    }
    documented = {
        code
        for answer in DOCUMENT["components"]["responses"].values()
        for code in answer["content"]["application/problem+json"]["examples"]
    }
    assert codes - documented == set()


def test_what_is_made_leads_to_what_can_be_done_with_it():
    links = OPERATIONS["create_conversation"]["responses"]["200"]["links"]
    assert links["find_conversation"] == {
        "operationId": "find_conversation",
        "parameters": {"conversation_id": "$response.body#/id"},
    }
    assert {"update_conversation", "delete_conversation", "add_messages"} <= links.keys()


def test_every_note_is_of_an_operation_that_there_is():
    for group in {route.endpoint.__module__.rpartition(".")[0] for route in all_routes(APP)}:
        notes = json.loads(resources.files(group).joinpath("openapi.json").read_text())
        assert notes.keys() - {"parameters", "components"} <= OPERATIONS.keys()
