"""Inputs are checked against the JSON Schema of their tool, which a stranger wrote."""

from collections.abc import Mapping
from typing import Any

from llmring_core.errors import BadGateway, Unprocessable

MAX_ERRORS = 20


def check_input(arguments: Mapping[str, Any], schema: dict[str, Any]) -> None:
    """Let arguments pass that the schema of a tool allows; nothing is fetched for it.

    Raises:
        Unprocessable: they are not; `errors` names the places.
        BadGateway: the schema is none, or refers to one elsewhere.
    """
    import jsonschema  # imported only where a tool is run
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        validator = kind(schema, registry=Registry())
        errors = sorted(
            validator.iter_errors(arguments), key=lambda error: list(map(str, error.path))
        )
    except (jsonschema.SchemaError, Unresolvable, RecursionError) as error:
        raise BadGateway(f"The tool's own schema is not valid: {type(error).__name__}.") from error
    if errors:
        raise Unprocessable(
            "The input is not what the tool takes.",
            errors=[_told(error) for error in errors[:MAX_ERRORS]],
        )


def _told(error: Any) -> dict[str, Any]:
    return {"loc": ["body", "input", *error.absolute_path], "msg": error.message[:500]}
