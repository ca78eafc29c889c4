"""Inputs are checked against the schema of their tool; a hostile one costs nobody else anything."""

import asyncio

import pytest

from llmring_core.errors import BadGateway, Unprocessable
from llmring_server.mcp.checks import Checks

NESTED = {
    "type": "object",
    "properties": {"who": {"$ref": "#/$defs/Who"}, "tags": {"type": "array", "uniqueItems": True}},
    "required": ["who"],
    "$defs": {"Who": {"type": "object", "properties": {"name": {"pattern": "^[a-z]+$"}}}},
}


@pytest.fixture
async def checks():
    checks = Checks()
    yield checks
    await checks.close()


def doubling(depth):
    """Two references each to the next, so that checking doubles with every level."""
    levels = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}, {"$ref": f"#/$defs/l{n + 1}"}]}
        for n in range(depth)
    }
    return {"$ref": "#/$defs/l0", "$defs": {**levels, f"l{depth}": {}}}


def unevaluated(depth):
    """What was not evaluated before is asked twice at every level."""
    schema = {"unevaluatedProperties": False, "properties": {"a": {}}}
    for _ in range(depth):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    return schema


@pytest.mark.parametrize("given", [{"who": {"name": "ann"}}, {"who": {}, "tags": [1, "1"]}])
async def test_what_a_schema_with_references_and_patterns_allows_passes(checks, given):
    await checks.check("alice", given, NESTED, 30.0)


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ({}, [["body", "input"]]),
        ({"who": {"name": "ANN"}}, [["body", "input", "who", "name"]]),
        ({"who": 1, "tags": [1, 1]}, [["body", "input", "tags"], ["body", "input", "who"]]),
    ],
)
async def test_what_it_does_not_allow_is_told_by_place(checks, given, places):
    with pytest.raises(Unprocessable) as raised:
        await checks.check("alice", given, NESTED, 30.0)
    assert [each["loc"] for each in raised.value.errors] == places


@pytest.mark.parametrize(
    ("given", "schema"),
    [
        ({"a": "a" * 40 + "!"}, {"properties": {"a": {"pattern": "^(a+)+$"}}}),
        ({"a" * 40 + "!": 1}, {"patternProperties": {"^(a+)+$": {}}}),
        ({"a": 1}, doubling(40)),
        ({"a": 1}, unevaluated(30)),
        ({"a": [0] * 6000}, {"properties": {"a": {"items": {"allOf": [True] * 5000}}}}),
    ],
)
async def test_a_check_that_would_take_for_ever_is_given_up(checks, given, schema, monkeypatch):
    monkeypatch.setattr("llmring_server.mcp.checks.CHECK_SECONDS", 1.0)
    with pytest.raises(Unprocessable, match="takes too long"):
        await checks.check("alice", given, schema, 30.0)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/nothing"},
        {"$ref": "#"},
        {"properties": []},
        {"$schema": []},
        {"$schema": 5},
        {"$schema": "http://[x"},
        {"$id": "http://[x", "$ref": "#/a"},
        {"$schema": "http://json-schema.org/draft-03/schema#", "type": "bogus"},
        [],
        5,
    ],
)
async def test_a_schema_that_is_none_is_the_servers_fault(checks, schema):
    with pytest.raises(BadGateway):
        await checks.check("alice", {"a": 1}, schema, 30.0)


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"$schema": "https://unknown.example/"}]
)
async def test_a_schema_that_asks_nothing_lets_everything_pass(checks, schema):
    await checks.check("alice", {"a": [1, None, {"b": "c"}]}, schema, 30.0)


async def test_many_checks_share_few_processes(checks, monkeypatch):
    started = []
    start = asyncio.create_subprocess_exec

    async def counted(*words, **options):
        started.append(words)
        return await start(*words, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", counted)
    await asyncio.gather(*(checks.check("alice", {"who": {}}, NESTED, 30.0) for _ in range(64)))
    assert 1 <= len(started) <= 4


async def test_after_one_that_took_too_long_others_are_checked(checks, monkeypatch):
    monkeypatch.setattr("llmring_server.mcp.checks.CHECK_SECONDS", 1.0)
    with pytest.raises(Unprocessable):
        await checks.check("alice", {"a": 1}, doubling(40), 30.0)
    monkeypatch.undo()
    await checks.check("alice", {"who": {}}, NESTED, 30.0)


async def test_a_process_that_died_while_it_was_idle_is_replaced(checks):
    await checks.check("alice", {"who": {}}, NESTED, 30.0)
    (process,) = checks._idle
    process.kill()
    await process.wait()
    await checks.check("alice", {"who": {}}, NESTED, 30.0)


async def test_one_project_does_not_hold_up_another(checks):
    hostile = [
        asyncio.create_task(checks.check("alice", {"a": 1}, doubling(40), 30.0)) for _ in range(8)
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(2.5):  # less than one of the hostile ones takes
        await checks.check("bob", {"who": {}}, NESTED, 30.0)
    for each in hostile:
        each.cancel()
    await asyncio.gather(*hostile, return_exceptions=True)
