"""Inputs are checked against the JSON Schema of their tool, which a stranger wrote."""

import json
from collections.abc import Mapping
from typing import Any

from llmring_core.errors import BadGateway, Unprocessable

MAX_ERRORS = 20
MAX_DEPTH_TOLD = 50
# A check takes as long as input and schema multiplied. More than this (a tenth of a second), or a
# member of these names, and it could take for ever.
QUICK_COST = 5_000_000
SLOW = ("pattern", "patternProperties", "$ref", "$dynamicRef", "$recursiveRef", "uniqueItems")

Errors = list[dict[str, Any]]


def is_schema(value: Any) -> bool:
    """Whether it can be asked if a value is a valid schema."""
    return isinstance(value, dict) and isinstance(value.get("$schema", ""), str)


def is_quick(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    """Whether a check is sure to end soon."""
    told, asked = json.dumps(schema), json.dumps(arguments)
    is_slow = any(f'"{name}"' in told for name in SLOW)
    return not is_slow and len(told) * len(asked) <= QUICK_COST


def found(arguments: Mapping[str, Any], schema: dict[str, Any]) -> Errors | None:
    """What is wrong with arguments, by place; None if it is the schema that is wrong."""
    import jsonschema  # imported only where a tool is run
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        # A registry of nothing: references lead nowhere but into the schema itself.
        errors = list(kind(schema, registry=Registry()).iter_errors(arguments))
    except (jsonschema.SchemaError, Unresolvable, RecursionError):
        return None
    return [_told(each) for each in sorted(errors, key=_place)[:MAX_ERRORS]]


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
