"""Inputs are checked against the schema of their tool; a hostile one costs nobody else anything."""

import pytest

from llmring_core.errors import BadGateway, Unprocessable
from llmring_server.mcp.schemas import check_input

NESTED = {
    "type": "object",
    "properties": {"who": {"$ref": "#/$defs/Who"}, "tags": {"type": "array", "uniqueItems": True}},
    "required": ["who"],
    "$defs": {"Who": {"type": "object", "properties": {"name": {"pattern": "^[a-z]+$"}}}},
}


def doubling(depth):
    """Two references each to the next, so that checking doubles with every level."""
    levels = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}, {"$ref": f"#/$defs/l{n + 1}"}]}
        for n in range(depth)
    }
    return {"$ref": "#/$defs/l0", "$defs": {**levels, f"l{depth}": {}}}


@pytest.mark.parametrize("given", [{"who": {"name": "ann"}}, {"who": {}, "tags": [1, "1"]}])
async def test_what_a_schema_with_references_and_patterns_allows_passes(given):
    await check_input(given, NESTED)


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ({}, [["body", "input"]]),
        ({"who": {"name": "ANN"}}, [["body", "input", "who", "name"]]),
        ({"who": 1, "tags": [1, 1]}, [["body", "input", "tags"], ["body", "input", "who"]]),
    ],
)
async def test_what_it_does_not_allow_is_told_by_place(given, places):
    with pytest.raises(Unprocessable) as raised:
        await check_input(given, NESTED)
    assert [each["loc"] for each in raised.value.errors] == places


@pytest.mark.parametrize(
    ("given", "schema"),
    [
        ({"a": "a" * 40 + "!"}, {"properties": {"a": {"pattern": "^(a+)+$"}}}),
        ({"a" * 40 + "!": 1}, {"patternProperties": {"^(a+)+$": {}}}),
        ({"a": 1}, doubling(40)),
        ({"a": [0] * 6000}, {"properties": {"a": {"items": {"allOf": [True] * 5000}}}}),
    ],
)
async def test_a_check_that_would_take_for_ever_is_given_up(given, schema, monkeypatch):
    monkeypatch.setattr("llmring_server.mcp.schemas.CHECK_SECONDS", 1.0)
    with pytest.raises(Unprocessable, match="takes too long"):
        await check_input(given, schema)


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
        [],
        5,
    ],
)
async def test_a_schema_that_is_none_is_the_servers_fault(schema):
    with pytest.raises(BadGateway):
        await check_input({"a": 1}, schema)


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"$schema": "https://unknown.example/"}]
)
async def test_a_schema_that_asks_nothing_lets_everything_pass(schema):
    await check_input({"a": [1, None, {"b": "c"}]}, schema)
