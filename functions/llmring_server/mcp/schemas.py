"""Inputs are checked against the JSON Schema of their tool, which a stranger wrote."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from llmring_core.errors import BadGateway, Unprocessable

MAX_ERRORS = 20
MAX_DEPTH_TOLD = 50
MAX_DEPTH = 20
# A check takes about as long as input and schema multiplied; this is some milliseconds.
QUICK_COST = 100_000
# Members of a schema that are sure to cost no more than that, by what they hold. All others could
# take for ever: patterns, references, comparisons of all elements, what was not evaluated before.
_PLAIN = {
    *("$schema", "$comment", "title", "description", "default", "examples", "deprecated"),
    *("format", "type", "enum", "const", "required", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems", "readOnly"),
    "writeOnly",
}
_SCHEMA = {"items", "additionalProperties"}
_SCHEMAS = {"allOf", "anyOf", "oneOf"}

Errors = list[dict[str, Any]]


def is_schema(value: Any) -> bool:
    """Whether it can be asked if a value is a valid schema."""
    return isinstance(value, dict) and isinstance(value.get("$schema", ""), str)


def is_quick(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    """Whether a check is sure to end soon."""
    cost = len(json.dumps(schema)) * len(json.dumps(arguments))
    return cost <= QUICK_COST and _is_plain(schema, MAX_DEPTH)


def _is_plain(schema: Any, depth: int) -> bool:
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict) or depth == 0:
        return False
    return all(_is_plain_member(name, value, depth - 1) for name, value in schema.items())


def _is_plain_member(name: str, value: Any, depth: int) -> bool:
    if name in _PLAIN:
        return True
    if name in _SCHEMA:
        return _is_plain(value, depth)
    if name in _SCHEMAS:
        return isinstance(value, list) and all(_is_plain(each, depth) for each in value)
    is_properties = name == "properties" and isinstance(value, dict)
    return is_properties and all(_is_plain(each, depth) for each in value.values())


def found(arguments: Mapping[str, Any], schema: dict[str, Any]) -> Errors | None:
    """What is wrong with arguments, by place; None if it is the schema that is wrong."""
    import jsonschema  # imported only where a tool is run
    from jsonschema.validators import validator_for
    from referencing import Registry

    try:
        kind = validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
        # A registry of nothing: references lead nowhere but into the schema itself.
        errors = kind(schema, registry=Registry()).iter_errors(arguments)
        first = sorted(islice(errors, MAX_ERRORS), key=_place)
    except Exception:  # noqa: BLE001 - a schema that is none fails in ways that nobody can list
        return None
    return [_told(each) for each in first]


def refuse(errors: Errors | None) -> None:
    """Let arguments pass in which nothing was found.

    Raises:
        Unprocessable: something was; the places are in `errors`.
        BadGateway: the schema is none, or refers to one elsewhere.
    """
    if errors is None:
        raise BadGateway("The tool's own schema is not valid, or refers to one elsewhere.")
    if errors:
        raise Unprocessable("The input is not what the tool takes.", errors=errors)


def _place(error: Any) -> list[str]:
    return [str(each) for each in error.absolute_path]


def _told(error: Any) -> dict[str, Any]:
    place = [*error.absolute_path][:MAX_DEPTH_TOLD]
    return {"loc": ["body", "input", *place], "msg": error.message[:500]}
